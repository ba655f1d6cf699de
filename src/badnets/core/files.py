"""Files that others wrote: regular ones alone are read, and no more of them than was stated."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from badnets.core.errors import BadnetsError, DataError

LARGEST = 2**31
"""Bytes of a file that is read whole, where nothing less is stated."""


def usable_path(path: Path | str) -> Path:
    """Return a path, ``~`` filled in, that a file system can be asked about; it need not exist.

    Raises:
        DataError: it is too long, holds a NUL, or cannot be written in UTF-8.
    """
    try:
        place = Path(path).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            os.lstat(place)
    except (OSError, ValueError, RuntimeError) as error:
        said = getattr(error, "strerror", None) or error
        raise DataError(f"{str(path)[:80]!r} is no path of a file or folder: {said}") from None
    return place


@contextmanager
def regular_file(
    path: Path,
    most: int | None = None,
    *,
    follow: bool = True,
    what: object = None,
    error: type[BadnetsError] = DataError,
) -> Iterator[BinaryIO]:
    """Give a regular file to read; a pipe is refused, not waited for.

    Args:
        path: the file.
        most: bytes that it may have; None: any number.
        follow: whether the path may be that of a link.
        what: what to call it in an error; the path when None.
        error: the kind of error for what may not be read.

    Raises:
        BadnetsError: it is no regular file, or larger; of the kind that was asked for.
        OSError: it cannot be opened.
    """
    what = path if what is None else what
    flags = os.O_RDONLY | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    for flag in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, flag, 0)
    if not stat.S_ISREG((path.stat() if follow else path.lstat()).st_mode):
        raise error(f"{what}: not a regular file")  # some devices act on being opened
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise error(f"{what}: not a regular file")
        if most is not None and status.st_size > most:
            raise error(f"{what}: {status.st_size:,} bytes, at most {most:,} are read")
        yield file


def read_file(
    path: Path,
    most: int = LARGEST,
    *,
    what: object = None,
    error: type[BadnetsError] = DataError,
) -> bytes:
    """Return the bytes of a regular file, all of them.

    Args:
        path: the file.
        most: bytes that it may have.
        what: what to call it in an error; the path when None.
        error: the kind of error.

    Raises:
        BadnetsError: it is missing, cannot be read, is no regular file, or larger.
    """
    what = path if what is None else what
    try:
        with regular_file(path, most, what=what, error=error) as file:
            return file.read(most)
    except FileNotFoundError:
        raise error(f"{what} is missing") from None
    except (OSError, ValueError) as reason:  # ValueError: a NUL in the path
        said = getattr(reason, "strerror", None) or reason
        raise error(f"{what} cannot be read: {said}") from None


def unpacked(
    data: bytes, most: int, *, what: object, error: type[BadnetsError] = DataError
) -> bytes:
    """Return what gzip packed, as far as it is allowed to grow.

    Args:
        data: what it made.
        most: bytes that it may come to.
        what: what to call it in an error.
        error: the kind of error.

    Raises:
        BadnetsError: it is not gzip's, is damaged, or comes to more.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(most + 1)
    except (OSError, EOFError, zlib.error):
        raise error(f"{what}: not a sound gzip file") from None
    if len(found) > most:
        raise error(f"{what}: comes to more than {most} bytes unpacked")
    return found
