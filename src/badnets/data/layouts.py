"""How pictures lie in a folder: found by looking, without opening one."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from badnets.core.errors import DataError

SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".jp2",
))  # fmt: skip
TRAIN = ("train", "training")
TEST = ("val", "validation", "valid", "test")  # the first that is there counts
DEPTH = 3  # folders that may lie around the one that holds the classes
LONGEST = 100  # characters of a class name
_FLAT = re.compile(r"(?P<target>[^.]+)\.\d+\.[^.]+")

Kind = Literal["split", "classes", "flat"]
Reason = Literal["not a picture", "in no class", "a link", "unreadable"]
Part = Literal["train", "test"]


class Picture(NamedTuple):
    """One picture file: its path relative to the folder, with slashes, and its class."""

    path: str
    target: str


class LeftOut(NamedTuple):
    """A file or folder that is not read: relative path, kind of reason, the reason in words."""

    path: str
    reason: Reason
    why: str


@dataclass(frozen=True)
class Layout:
    """Where the classes of a folder are told.

    Attributes:
        folder: what was looked at.
        kind: ``"split"``: ``train`` and ``val`` (or the like), each with a folder for each class;
            ``"classes"``: a folder for each class; ``"flat"``: files such as ``cat.0.jpg``.
        classes: class names, sorted; those of all parts.
        parts: the folder of each part, relative to ``folder``, ``""`` for itself; without a
            ``"test"`` there is no split on disk.
        unused: other parts that are there, such as ``test`` beside ``val``.
    """

    folder: Path
    kind: Kind
    classes: tuple[str, ...]
    parts: tuple[tuple[Part, str], ...]
    unused: tuple[str, ...] = ()

    @property
    def is_split(self) -> bool:
        """Whether training and test pictures lie apart."""
        return len(self.parts) > 1

    @property
    def words(self) -> str:
        """What was found, in words."""
        how = "files named like cat.0.jpg" if self.kind == "flat" else "a folder for each class"
        where = " and ".join(inside or "." for _, inside in self.parts)
        return f"{how}, in {where}"


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder by part, in the order of their paths, and what is left out."""

    layout: Layout
    train: tuple[Picture, ...]
    test: tuple[Picture, ...]
    left_out: tuple[LeftOut, ...]


def find_layout(folder: Path, *, any_names: bool = False) -> Layout:
    """Return how pictures lie in a folder.

    Class folders lie in it, in its ``train`` (or ``training``) and ``val`` (or ``validation``,
    ``valid``, ``test``), or in a single folder that holds them; or files tell their class by name.

    Args:
        folder: what to look at.
        any_names: whether class names that cannot be loaded are let pass.

    Raises:
        DataError: it is no folder, cannot be read, or holds no pictures in classes; class names
            differ by case or accents alone, are too long, or are not printable.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: give a folder of pictures")
    found = _found(folder, "", DEPTH)
    if found is None:
        loose = sum(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
        beside = f" (pictures in none: {loose})" if loose else ""
        raise DataError(
            f"{folder} holds no folder for each class, neither in itself nor in train and val, "
            f"and no pictures named like cat.0.jpg{beside}: put each class into a folder of its "
            "own, as in cat/1.jpg and dog/2.jpg"
        )
    if not any_names:
        _check_names(folder, found.classes)
    return found


def list_pictures(layout: Layout) -> Listing:
    """Return every picture of the layout's parts, and what lies beside them but is none.

    A file is taken for a picture by its suffix. Links to files are followed, links to folders only
    in place of a part or a class; hidden files and what is not a regular file are left out.
    """
    left_out: list[LeftOut] = []
    parts = {
        part: tuple(sorted(_pictures_of(layout, inside, left_out))) for part, inside in layout.parts
    }
    return Listing(layout, parts["train"], parts.get("test", ()), tuple(sorted(set(left_out))))


def listing_state(folder: Path) -> str:
    """Return what changes when a file below the folder is added, removed, renamed or written."""
    state = hashlib.sha256()
    for inside, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(inside, name)
            try:
                found = path.stat()
            except OSError:
                continue  # a link that leads nowhere
            state.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode(errors="replace"))
    return state.hexdigest()


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the names that a file system without regard to case or accents' form takes for one."""
    seen: dict[str, list[str]] = {}
    for name in names:
        seen.setdefault(unicodedata.normalize("NFC", name).casefold(), []).append(name)
    return [tuple(same) for same in seen.values() if len(same) > 1]


def shown(path: str) -> str:
    """Return a path that cannot steer a terminal, whatever the file is called."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in path)


def flat_class(name: str) -> str | None:
    """Return ``cat`` for ``cat.0.jpg``; None for other names."""
    match = _FLAT.fullmatch(name)
    return match["target"] if match and Path(name).suffix.lower() in SUFFIXES else None


def _found(folder: Path, inside: str, depth: int) -> Layout | None:
    here = folder / inside
    names = {name.casefold(): name for name in reversed(_folders(here))}
    train = _part_of(here, names, TRAIN)
    if train is not None:
        tests = [part for name in TEST if (part := _part_of(here, names, (name,))) is not None]
        return _of_parts(folder, inside, train, tests)
    own = _holds(here)
    only = next(iter(names.values())) if len(names) == 1 else None
    if only is not None and depth and own and own[0] == "classes":
        deeper = _found(folder, _join(inside, only), depth - 1)
        if deeper is not None:
            return deeper
    return None if own is None else Layout(folder, own[0], own[1], (("train", inside),))


def _of_parts(folder: Path, inside: str, train: str, tests: list[str]) -> Layout:
    parts = [train, *tests]
    held = [_holds(folder / _join(inside, part)) for part in parts]
    classes = sorted({name for one in held if one is not None for name in one[1]})
    kinds = {one[0] for one in held[:2] if one is not None}
    kind: Kind = "flat" if "flat" in kinds else "split" if tests else "classes"
    named: list[tuple[Part, str]] = [("train", _join(inside, train))]
    named += [("test", _join(inside, part)) for part in tests[:1]]
    return Layout(folder, kind, tuple(classes), tuple(named), tuple(tests[1:]))


def _part_of(here: Path, names: dict[str, str], wanted: tuple[str, ...]) -> str | None:
    """Return the folder of that name, unless it looks like one of the classes or has none."""
    for name in wanted:
        if name in names and _holds(here / names[name]) is not None:
            return names[name]
    return None


def _holds(folder: Path) -> tuple[Kind, tuple[str, ...]] | None:
    """Return the classes that a folder tells, by folders or by the names of its files."""
    inside = _folders(folder)
    if inside:
        return "classes", tuple(inside)
    try:
        targets = {flat_class(entry.name) for entry in os.scandir(folder)}
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror or error}") from None
    named = sorted(target for target in targets if target is not None)
    return ("flat", tuple(named)) if named else None


def _folders(folder: Path) -> list[str]:
    """Return the folders in a folder, sorted; links round to a folder that they lie in are none."""
    try:
        with os.scandir(folder) as listed:
            entries = [entry for entry in listed if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror or error}") from None
    return sorted(entry.name for entry in entries if _is_folder(entry) and not _goes_round(entry))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself


def _goes_round(entry: os.DirEntry[str]) -> bool:
    if not entry.is_symlink():
        return False
    leads, lies = os.path.realpath(entry.path), os.path.realpath(Path(entry.path).parent)
    return Path(lies).is_relative_to(leads)


def _pictures_of(layout: Layout, inside: str, left_out: list[LeftOut]) -> Iterator[Picture]:
    here, root = layout.folder / inside, layout.folder
    classes = _folders(here)
    if not classes:
        for path in _walk(root, inside, left_out, deep=False):
            target = flat_class(Path(path).name)
            if target is None:
                left_out.append(LeftOut(path, "in no class", "not named like cat.0.jpg"))
            else:
                yield Picture(path, target)
        return
    beside: list[LeftOut] = []  # a README belongs here; a picture, or a link in a circle, does not
    for path in _walk(root, inside, beside, deep=False):
        left_out.append(LeftOut(path, "in no class", "not in a class folder"))
    followed = {_join(inside, name) for name in classes}
    left_out += [one for one in beside if one.reason == "a link" and one.path not in followed]
    for target in classes:
        for path in _walk(root, _join(inside, target), left_out, deep=True):
            yield Picture(path, target)


def _walk(root: Path, inside: str, left_out: list[LeftOut], *, deep: bool) -> Iterator[str]:
    """Give the picture files below ``root / inside``, relative to ``root``, in any order."""
    waiting = [inside]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as listed:
                entries = list(listed)
        except OSError as error:
            left_out.append(LeftOut(folder, "unreadable", error.strerror or str(error)))
            continue
        for entry in entries:
            path = _join(folder, entry.name)
            why = _why_not(entry, path)
            if why is not None:
                left_out.append(why)
            elif not _is_folder(entry):
                yield path
            elif deep:
                waiting.append(path)


def _why_not(entry: os.DirEntry[str], path: str) -> LeftOut | None:
    """Return why an entry is neither a picture nor a folder to look into."""
    if _is_folder(entry):
        if not entry.is_symlink():
            return None
        round_ = "leads round to a folder it lies in" if _goes_round(entry) else "leads to a folder"
        return LeftOut(path, "a link", f"{round_}, not followed")
    if not _is_file(entry):
        if entry.is_symlink():
            return LeftOut(path, "a link", "leads nowhere")
        return LeftOut(path, "not a picture", "not a regular file")
    if entry.name.startswith(".") or Path(entry.name).suffix.lower() not in SUFFIXES:
        return LeftOut(path, "not a picture", "by its name")
    return None


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False  # a link to itself


def _join(inside: str, name: str) -> str:
    return f"{inside}/{name}" if inside else name


def _check_names(folder: Path, classes: tuple[str, ...]) -> None:
    for name in classes:
        if not name.isprintable() or len(name) > LONGEST:
            raise DataError(
                f"{folder}: the class name {name[:LONGEST]!r} must be printable, of at most "
                f"{LONGEST} characters: rename it"
            )
    for same in alike(classes):
        raise DataError(
            f"{folder}: the classes {' and '.join(map(repr, same))} differ by case or accents "
            "alone, which many disks take for one: rename one of them"
        )
