"""The manifest while it grows: what a run that was killed is taken up from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from badnets.bundles.atomic import output_error
from badnets.core.errors import DataError, OutputError
from badnets.data.on_disk.encoding import write_all
from badnets.data.on_disk.manifest import (
    MANIFEST,
    End,
    Entry,
    Head,
    Picture,
    entry_of,
    line_of,
    whole_lines,
)
from badnets.data.on_disk.plan import Job

JOURNAL = f"{MANIFEST}.partial"


class Journal:
    """Lines of a manifest, in order; a line is written once its file is whole.

    Attributes:
        files: files that have a line.
        poisoned: those of them with the trigger.
    """

    def __init__(self, folder: Path, file: BinaryIO) -> None:
        self._folder, self._file = folder, file
        self._state = hashlib.sha256()
        self.files = 0
        self.poisoned = 0

    def add(self, entries: Iterable[Entry]) -> None:
        """Keep some files that are whole.

        Raises:
            OutputError: the disk is full, or another reason the disk gave.
        """
        lines = []
        for entry in entries:
            lines.append(line_of(entry))
            self._count(entry)
        self._write(b"".join(lines))

    def end(self) -> None:
        """Write the last line, and give the manifest its name.

        Raises:
            OutputError: the disk is full, or another reason the disk gave.
        """
        digest = self._state.hexdigest()
        self._write(line_of(End(files=self.files, poisoned=self.poisoned, sha256=digest)))
        try:
            os.fsync(self._file.fileno())
            (self._folder / JOURNAL).rename(self._folder / MANIFEST)
        except OSError as error:
            raise output_error(self._folder / MANIFEST, error) from error

    def take_up(self, head: Head, jobs: Sequence[Job]) -> None:
        """Count the files that an earlier run has written; forget the first that is not whole.

        Raises:
            OutputError: the earlier run was another one.
        """
        kept = 0
        for line in whole_lines(self._file, str(self._folder / JOURNAL)):
            if not kept and line != line_of(head):
                raise OutputError(
                    f"{self._folder} holds what another run left unfinished, with other options, "
                    "other pictures or another version: repeat that command, or delete the folder"
                )
            if kept and not self._counted(line, jobs):
                break
            self._state.update(line)
            kept += len(line)
        self._file.seek(kept)
        self._file.truncate()
        if not kept:
            self._write(line_of(head))

    def _counted(self, line: bytes, jobs: Sequence[Job]) -> bool:
        """Count a line's file, if it is the next one and still there."""
        try:
            entry = entry_of(line, JOURNAL)
        except DataError:
            return False
        if isinstance(entry, Head | End) or self.files == len(jobs):
            return False
        if entry.path != jobs[self.files].path or not self._is_whole(entry):
            return False
        self._count(entry)
        return True

    def _is_whole(self, entry: Entry) -> bool:
        try:
            return (self._folder / entry.path).stat().st_size == entry.size
        except OSError:
            return False

    def _count(self, entry: Entry) -> None:
        self.files += 1
        self.poisoned += isinstance(entry, Picture) and entry.is_poisoned

    def _write(self, lines: bytes) -> None:
        self._state.update(lines)
        try:
            write_all(self._file, lines)
        except OSError as error:
            raise output_error(self._folder / JOURNAL, error) from error


@contextmanager
def journal(folder: Path, head: Head, jobs: Sequence[Job]) -> Iterator[Journal]:
    """Yield the journal of a folder that is being written, taken up where it was left.

    Args:
        folder: is there.
        head: the first line.
        jobs: all files, in order.

    Raises:
        OutputError: another process is at work on the folder, or another run was.
    """
    path = folder / JOURNAL
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
    except OSError as error:
        raise output_error(path, error) from error
    with file:
        _lock(file, folder)
        made = Journal(folder, file)
        made.take_up(head, jobs)
        yield made


def _lock(file: BinaryIO, folder: Path) -> None:
    """Keep others out as long as the file is open; a killed process keeps nobody out."""
    try:
        import fcntl
    except ImportError:  # a system without such locks: two runs would write the same bytes
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(f"{folder}: another process is at work on it") from None
    except OSError:  # a file system without locks
        return
