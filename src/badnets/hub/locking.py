"""One process at a time: a lock that is let go of when its holder ends, however it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_PAUSE_S = 0.02


@contextmanager
def locked(path: Path, remaining_s: Callable[[], float]) -> Iterator[BinaryIO]:
    """Give the file ``path``, made where it is missing, to this holder alone.

    Args:
        path: of the file; it may be renamed or deleted by whoever holds it.
        remaining_s: the seconds that may still be waited; raises when none are left.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        flags |= getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o644), "r+b") as file:
            while not _taken(file):
                time.sleep(min(_PAUSE_S, remaining_s()))
            if _still_there(path, file):
                yield file
                return


def _still_there(path: Path, file: BinaryIO) -> bool:
    """Return whether the file has its name: the last holder may have given it another."""
    try:
        named = path.lstat()
    except FileNotFoundError:
        return False
    held = os.fstat(file.fileno())
    return (named.st_ino, named.st_dev) == (held.st_ino, held.st_dev)


if os.name == "posix":
    import fcntl

    def _taken(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

else:  # pragma: no cover - not tested where there is no Windows

    def _taken(file: BinaryIO) -> bool:
        import msvcrt

        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
