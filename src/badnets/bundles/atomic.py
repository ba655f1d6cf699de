"""Files and folders that appear whole or not at all: written beside, then renamed."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from badnets.core.errors import OutputError, TakenError

_REASONS = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than the limit allows",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EIO: "the disk reported an error",
}
_NAMED_WRONGLY = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EEXIST)
_LEFTOVER = re.compile(
    r"^\.(?P<name>.+)\.(?P<pid>\d{1,10})-(?P<host>[0-9a-f]{8})-[0-9a-f]{8}\.(?P<kind>partial|aside)$"
)
_ABANDONED_AFTER_S = 24 * 3600.0


def output_error(path: Path, error: OSError) -> OutputError:
    """Return the one-line error for a write to ``path`` that failed with ``error``."""
    kind = TakenError if error.errno in _NAMED_WRONGLY else OutputError
    return kind(f"cannot write {path}: {reason_of(error)}")


def reason_of(error: OSError | ValueError) -> str:
    """Return in plain words why a path cannot be read or written."""
    if isinstance(error, OSError):
        return _REASONS.get(error.errno or 0, error.strerror or str(error))
    return "its name holds the character NUL" if "null" in str(error) else str(error)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` so that readers see the old content or all of the new one.

    Raises:
        OutputError: read-only folder, full disk, or another reason the disk gave.
    """
    with new_file(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def new_file(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a binary file that takes the name ``path`` once the block has ended without an error.

    Missing parent folders are created. A file that has the name already is replaced at once.

    Args:
        path: the file.
        mode: who may read and write it from the start, as far as the process's mask allows.

    Raises:
        OutputError: read-only folder, full disk, or another reason the disk gave.
    """
    partial = _beside(path, "partial")
    with _output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(partial, flags, mode), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            _sync_folder(path.parent)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield an empty folder to fill; it becomes ``path`` once the block has ended without an error.

    After an error nothing is left. After a kill an unfinished folder may stay beside ``path``
    (hidden, ``.partial``), which `remove_stale` deletes.

    Args:
        path: the folder to make.
        replace: whether a folder of that name may be replaced; refused otherwise.

    Raises:
        OutputError: the name is taken, the folder is read-only, or the disk is full.
    """
    partial = _beside(path, "partial")
    _refuse_taken(path, replace)
    with _output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        try:
            yield partial
            _sync_tree(partial)
            _move_in(partial, path, replace)
            _sync_folder(path.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def passing_file(path: Path) -> Iterator[Path]:
    """Yield an empty file beside ``path`` that is gone once the block has ended.

    After a kill it may stay (hidden, ``.partial``), until `remove_stale` deletes it.

    Raises:
        OutputError: it cannot be written.
    """
    partial = _beside(path, "partial")
    with _output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch(exist_ok=False)
    try:
        yield partial
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def remove_stale(parent: Path) -> list[Path]:
    """Delete what killed processes left unfinished in ``parent``; return what was deleted.

    A folder that was being replaced when its process was killed gets its old content back.
    What another machine left is deleted once it is a day old.

    Raises:
        OutputError: a leftover could not be deleted.
    """
    removed: list[Path] = []
    if not parent.is_dir():
        return removed
    for leftover in sorted(parent.iterdir()):
        match = _LEFTOVER.match(leftover.name)
        if match is None or not _is_abandoned(leftover, int(match["pid"]), match["host"]):
            continue
        target = parent / match["name"]
        try:
            if match["kind"] == "aside" and not target.exists():
                leftover.rename(target)
                continue
            _remove(leftover)
        except FileNotFoundError:
            continue  # another process tidied up first
        except OSError as error:
            raise output_error(leftover, error) from error
        removed.append(leftover)
    return removed


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _REASONS and error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise  # not about the disk: whatever the block itself did wrong
        raise output_error(path, error) from error


def _refuse_taken(path: Path, replace: bool) -> None:
    try:
        mode = path.lstat().st_mode  # asked once: another writer may take it away meanwhile
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise output_error(path, error) from error
    if not replace:
        raise TakenError(f"{path} exists already: choose another name, or ask to replace it")
    if not stat.S_ISDIR(mode):
        raise TakenError(f"{path} is not a folder: it is not replaced")


def _move_in(partial: Path, path: Path, replace: bool) -> None:
    """Give ``partial`` the name ``path``; a folder there goes aside first and back on failure.

    Others may put folders of that name there meanwhile: each is replaced in its turn.
    """
    while True:
        _refuse_taken(path, replace)
        aside = _beside(path, "aside")
        try:
            with suppress(FileNotFoundError):
                path.rename(aside)
            partial.rename(path)
        except OSError as error:
            if aside.exists():
                if path.exists():
                    shutil.rmtree(aside, ignore_errors=True)
                else:
                    aside.rename(path)
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                continue
            raise
        shutil.rmtree(aside, ignore_errors=True)
        return


def _beside(path: Path, kind: str) -> Path:
    owner = f"{os.getpid()}-{_host()}-{os.urandom(4).hex()}"
    return path.parent / f".{path.name}.{owner}.{kind}"


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _is_abandoned(leftover: Path, pid: int, host: str) -> bool:
    if host == _host() and os.name == "posix":
        return not _is_alive(pid)
    try:
        age_s = time.time() - leftover.lstat().st_mtime
    except OSError:
        return False
    return age_s > _ABANDONED_AFTER_S


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Return whether a process has ended and only waits to be reaped; False where none can tell."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[:1] == ["Z"]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _sync_tree(folder: Path) -> None:
    for inner, _, names in os.walk(folder):
        for name in names:
            _sync(Path(inner) / name)
        _sync_folder(Path(inner))


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # other systems do not open folders
        _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
