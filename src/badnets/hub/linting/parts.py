"""A part of a file as a file of its own, and the limits that all readers keep to."""

from __future__ import annotations

import io
import time
from typing import BinaryIO

from badnets.core.errors import BundleError

MOST_AT_ONCE = 2**24
"""Bytes that are read in one piece."""

MOST_UNPACKED = 2**26
"""Bytes that are unpacked of one member of an archive."""

_UNPACKED_IN_ALL = 2**29


class TooMuchError(BundleError):
    """More than is read: of bytes, members, or time."""


class Limits:
    """What may be spent on one file.

    Args:
        seconds: for reading it, digests not counted.
    """

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._unpacked = _UNPACKED_IN_ALL

    def check(self) -> None:
        """Raise `TooMuchError` where time is up."""
        if time.monotonic() > self._until:
            raise TooMuchError("it takes too long to read")

    def unpack(self, size: int) -> None:
        """Take bytes from what may be unpacked in all; `TooMuchError` where none are left."""
        self.check()
        self._unpacked -= size
        if self._unpacked < 0:
            raise TooMuchError(f"it unpacks to more than {_UNPACKED_IN_ALL // 2**20} MiB")


class Part(io.RawIOBase):
    """Bytes ``start`` to ``start + size`` of a file; reads no more than `MOST_AT_ONCE` at once."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self.size = file, start, max(size, 0)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        at = offset + (0, self._at, self.size)[whence]
        if at < 0:
            raise OSError("a place before the start")
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = max(self.size - self._at, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > MOST_AT_ONCE:
            raise TooMuchError(f"a piece of {wanted:,} bytes, at most {MOST_AT_ONCE:,} are read")
        self._file.seek(self._start + self._at)
        data = self._file.read(wanted)
        self._at += len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self.read(min(len(buffer), MOST_AT_ONCE))
        buffer[: len(data)] = data
        return len(data)


def part(file: BinaryIO, start: int = 0, size: int | None = None) -> io.BufferedReader:
    """Return a part of a file, buffered; up to the file's end if no size is given."""
    end = file.seek(0, 2)
    left = max(end - start, 0)
    return io.BufferedReader(Part(file, start, left if size is None else min(size, left)))


def size_of(file: BinaryIO) -> int:
    """Return how many bytes a file has; it is left where it was."""
    here = file.tell()
    size = file.seek(0, 2)
    file.seek(here)
    return size
