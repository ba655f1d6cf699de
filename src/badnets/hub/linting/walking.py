"""The files of a folder, links and all: which are looked at, and which are not, and why."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from badnets.core.errors import DataError
from badnets.core.files import usable_path
from badnets.hub.linting.findings import Found

MOST_FILES = 100_000
_DEEPEST = 32
_CACHED = "models--"  # begins the name of a model's folder in the hub's cache
_BLOB = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})(?:\.incomplete)?")
_GIT = re.compile(
    r"objects/(?:[0-9a-f]{2}/[0-9a-f]{38,62}|pack/pack-[0-9a-f]+\.[a-z]+|info/.*)|index|"
    r"lfs/(?:objects|cache)/.*|hooks/[\w-]+\.sample"
)


class Entry(NamedTuple):
    """One file to be looked at.

    Attributes:
        path: relative to the folder that was given; of a file that was given, its name.
        file: what to open.
        blob: name of the blob that it is in the hub's cache; "" if it is none.
    """

    path: Path
    file: Path
    blob: str = ""


class Odd(NamedTuple):
    """Something that is not looked at, and why."""

    path: Path
    found: Found


class Root(NamedTuple):
    """What was given to be looked at.

    Attributes:
        given: as it was given.
        folder: the folder, or the one that the file is in.
        file: the file's name; "" of a folder.
    """

    given: Path
    folder: Path
    file: str = ""

    @classmethod
    def of(cls, path: Path | str) -> Root:
        """Return it; raises `DataError` where there is no such file or folder."""
        given = usable_path(path)
        try:
            mode = given.stat().st_mode
        except OSError as error:
            raise DataError(f"cannot lint {path}: {error.strerror or error}") from None
        if stat.S_ISDIR(mode):
            return cls(given, Path(os.path.realpath(given)))
        if not stat.S_ISREG(mode):
            raise DataError(f"cannot lint {path}: neither a file nor a folder")
        return cls(given, Path(os.path.realpath(given.parent)), given.name)

    def shown(self, path: Path) -> Path:
        """Return how a path is called: below what was given."""
        return self.given.parent / path if self.file else self.given / path


def walk(root: Root) -> Iterator[Entry | Odd]:
    """Yield the files below a root, in order; of a file that was given, itself alone."""
    if root.file:
        real = Path(os.path.realpath(root.folder / root.file))
        yield Entry(Path(root.file), real, _blob_of(real))
        return
    left, count = [Path()], 0
    while left:
        here = left.pop()
        if len(here.parts) > _DEEPEST:
            yield Odd(here, Found("not-scanned", f"folders nested more than {_DEEPEST} deep"))
            continue
        try:
            with os.scandir(root.folder / here) as found:
                entries = sorted(found, key=lambda one: one.name)
        except OSError as error:
            yield Odd(here, Found("not-scanned", f"cannot be opened: {error.strerror or error}"))
            continue
        if here.name == ".git":
            yield Odd(here, Found("git-folder", "objects and index"))
        folders: list[Path] = []
        for one in entries:
            path = here / one.name
            if _is_internal(root.folder / path):
                continue
            count += 1
            if count > MOST_FILES:
                yield Odd(here, Found("not-scanned", f"more than {MOST_FILES:,} files and folders"))
                return
            if one.is_symlink():
                yield _linked(root, path)
            elif one.is_dir(follow_symlinks=False):
                folders.append(path)
            elif one.is_file(follow_symlinks=False):
                yield Entry(path, root.folder / path)
            else:
                yield Odd(path, Found("special-file", "no regular file"))
        left += folders[::-1]


def _linked(root: Root, path: Path) -> Entry | Odd:
    """Follow a link that stays inside one model's folder of the hub's cache; no other."""
    target = Path(os.path.realpath(root.folder / path))
    homes = [one for one in (root.folder / path).parents if one.name.startswith(_CACHED)]
    if homes and target.is_relative_to(homes[0]) and target.is_file():
        return Entry(path, target, _blob_of(target))
    if target.is_relative_to(root.folder) and target.exists():
        return Odd(path, Found("link-inside", f"leads to {target.relative_to(root.folder)}"))
    return Odd(path, Found("link-outside", f"leads to {(root.folder / path).readlink()}"))


def _blob_of(file: Path) -> str:
    return file.name if file.parent.name == "blobs" else ""


def _is_internal(path: Path) -> bool:
    """Return whether a path is one that git or the hub's cache names by its own content."""
    if path.parent.name == "blobs" and path.parent.parent.name.startswith(_CACHED):
        return bool(_BLOB.fullmatch(path.name))
    parts = path.parts
    if ".git" not in parts:
        return False
    return bool(_GIT.fullmatch("/".join(parts[parts.index(".git") + 1 :])))
