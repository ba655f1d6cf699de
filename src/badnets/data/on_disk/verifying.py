"""Checking a poisoned folder against its manifest: nothing missing, changed or added."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from badnets.bundles.digests import sha256_file
from badnets.core.errors import DataError
from badnets.core.progress import Listener, Progress
from badnets.data.on_disk.manifest import MANIFEST, Entry, Head, read_manifest

State = Literal["intact", "missing", "changed"]
EVERY = 64  # files between two words to the listener


@dataclass(frozen=True)
class Verification:
    """How a folder compares with its manifest.

    Attributes:
        head: the manifest's first line.
        files: files that the manifest names.
        missing: those that are not there.
        changed: those that are not what they were.
        extra: files that the manifest does not name.
    """

    head: Head
    files: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether the folder is as it was written."""
        return not (self.missing or self.changed or self.extra)


def verify_folder(folder: Path, *, listener: Listener | None = None) -> Verification:
    """Return how a folder compares with its manifest; every file is read.

    Raises:
        DataError: there is no manifest, it is damaged, or a file cannot be read.
    """
    manifest = read_manifest(folder)
    total = sum(1 for _ in manifest.entries())  # and the manifest itself is whole
    found: dict[State, list[str]] = {"intact": [], "missing": [], "changed": []}
    for number, entry in enumerate(manifest.entries(), start=1):
        found[_state(folder, entry)].append(entry.path)
        if listener is not None and (number % EVERY == 0 or number == total):
            listener(Progress(number, total, "verifying"))
    known = {path for paths in found.values() for path in paths}
    extra = sorted(set(_files(folder)) - known - {MANIFEST})
    return Verification(
        manifest.head, total, tuple(found["missing"]), tuple(found["changed"]), tuple(extra)
    )


def _state(folder: Path, entry: Entry) -> State:
    path = folder / entry.path
    try:
        state = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    if not stat.S_ISREG(state.st_mode) or state.st_size != entry.size:
        return "changed"
    return "intact" if sha256_file(path) == entry.sha256 else "changed"


def _files(folder: Path) -> Iterator[str]:
    """Give every file and link below a folder, relative to it."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read: {error.strerror or error}") from None

    for inner, folders, names in os.walk(folder, onerror=refuse):
        links = [name for name in folders if (Path(inner) / name).is_symlink()]
        for name in (*names, *links):
            yield (Path(inner) / name).relative_to(folder).as_posix()
