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
from badnets.core.files import usable_path

SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".jp2",
))  # fmt: skip
TRAIN = ("train", "training")
TEST = ("val", "validation", "valid", "test")  # the first that is there counts
DEPTH = 3  # folders that may lie around the one that holds the classes
LONGEST = 100  # characters of a class name
_is_folder, _is_file = os.path.isdir, os.path.isfile  # they pass over what cannot be looked at
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
    if not usable_path(folder).is_dir():
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


def loose_pictures(folder: Path) -> list[str]:
    """Return the pictures right in a folder that tells no classes, sorted; else none."""
    if not folder.is_dir() or _found(folder, "", DEPTH) is not None:
        return []
    return sorted(path for path, why in walk(folder, follow=False) if why is None)


def list_pictures(layout: Layout) -> Listing:
    """Return every picture of the layout's parts, and what lies beside them but is none.

    A file is taken for a picture by its suffix. Links to files are followed, links to folders only
    in place of a part or a class; what is hidden or not a regular file is left out.
    """
    left_out: set[LeftOut] = set()
    parts: dict[Part, tuple[Picture, ...]] = {}
    for part, inside in layout.parts:
        is_flat = not folders_in(layout.folder / inside)
        pictures = []
        for path, why in walk(layout.folder, inside, follow=False):
            target = class_of(path, inside, is_flat=is_flat)
            if why is None and target is not None:
                pictures.append(Picture(path, target))
            elif why is None:
                said = "not named like cat.0.jpg" if is_flat else "not in a class folder"
                left_out.add(LeftOut(path, "in no class", said))
            elif is_flat or target is not None or why.reason in ("a link", "unreadable"):
                left_out.add(why)  # a README belongs beside class folders
        parts[part] = tuple(sorted(pictures))
    return Listing(layout, parts["train"], parts.get("test", ()), tuple(sorted(left_out)))


def walk(root: Path, inside: str = "", *, follow: bool) -> Iterator[tuple[str, LeftOut | None]]:
    """Give everything below ``root / inside``: its path, and why it is no picture; None: it is.

    Args:
        root: what paths are relative to.
        inside: the folder that is walked, relative to it.
        follow: whether links to folders are followed everywhere, or right in that folder alone;
            those round to a folder that they lie in never are.
    """
    waiting = [(inside, frozenset[str]())]
    while waiting:
        folder, above = waiting.pop()
        real = os.path.realpath(root / folder)
        above = above.union({real, *map(str, Path(real).parents)})
        try:
            with os.scandir(root / folder) as listed:
                entries = list(listed)
        except OSError as error:
            yield folder, LeftOut(folder, "unreadable", error.strerror or str(error))
            continue
        for entry in entries:
            path = _join(folder, entry.name)
            goes_on = _is_folder(entry) and not entry.name.startswith(".")
            if goes_on and entry.is_symlink():
                if os.path.realpath(entry.path) in above:
                    said = "leads round to a folder it lies in, not followed"
                    yield path, LeftOut(path, "a link", said)
                    continue
                if not follow and folder != inside:
                    yield path, LeftOut(path, "a link", "leads to a folder, not followed")
                    continue
            if goes_on:
                waiting.append((path, above))
            else:
                yield path, _why_not(entry, path)


def class_of(path: str, inside: str, *, is_flat: bool) -> str | None:
    """Return the class that a path below the folder ``inside`` tells: by its name, or a folder."""
    own = path.removeprefix(f"{inside}/") if inside else path
    if is_flat:
        return flat_class(own) if "/" not in own else None
    return own.partition("/")[0] if "/" in own else None


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


def flat_class(name: str) -> str | None:
    """Return ``cat`` for ``cat.0.jpg``; None for other names."""
    match = _FLAT.fullmatch(name)
    return match["target"] if match and Path(name).suffix.lower() in SUFFIXES else None


def _found(folder: Path, inside: str, depth: int) -> Layout | None:
    here = folder / inside
    names = {name.casefold(): name for name in reversed(folders_in(here))}
    train, *_ = [*_parts_of(here, names, TRAIN), None]
    if train is not None:
        tests = _parts_of(here, names, TEST)
        held = [_holds(here / part) for part in (train, *tests)]
        classes = sorted({name for one in held if one is not None for name in one[1]})
        is_flat = any(one is not None and one[0] == "flat" for one in held[:2])
        kind: Kind = "flat" if is_flat else "split" if tests else "classes"
        named: list[tuple[Part, str]] = [("train", _join(inside, train))]
        named += [("test", _join(inside, part)) for part in tests[:1]]
        return Layout(folder, kind, tuple(classes), tuple(named), tuple(tests[1:]))
    own = _holds(here)
    if len(names) == 1 and depth and own and own[0] == "classes":
        deeper = _found(folder, _join(inside, *names.values()), depth - 1)
        if deeper is not None:
            return deeper
    return None if own is None else Layout(folder, own[0], own[1], (("train", inside),))


def _parts_of(here: Path, names: dict[str, str], wanted: tuple[str, ...]) -> list[str]:
    """Return the folders of those names, but what looks like one of the classes or has none."""
    own = [names[name] for name in wanted if name in names]
    return [part for part in own if _holds(here / part) is not None]


def _holds(folder: Path) -> tuple[Kind, tuple[str, ...]] | None:
    """Return the classes that a folder tells, by folders or by the names of its files."""
    inside = folders_in(folder)
    if inside:
        return "classes", tuple(inside)
    targets = {flat_class(entry.name) for entry in os.scandir(folder)}
    named = sorted(target for target in targets if target is not None)
    return ("flat", tuple(named)) if named else None


def folders_in(folder: Path) -> list[str]:
    """Return the folders in a folder, sorted; links round to a folder that they lie in are none.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with os.scandir(folder) as listed:
            entries = [entry for entry in listed if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror or error}") from None
    real = Path(os.path.realpath(folder))
    return sorted(
        entry.name
        for entry in entries
        if _is_folder(entry)
        and not (entry.is_symlink() and real.is_relative_to(os.path.realpath(entry.path)))
    )


def _why_not(entry: os.DirEntry[str], path: str) -> LeftOut | None:
    """Return why what is no folder to look into is not a picture either."""
    if not _is_file(entry):
        if entry.is_symlink() and not _is_folder(entry):
            return LeftOut(path, "a link", "leads nowhere")
        return LeftOut(path, "not a picture", "not a regular file")
    if entry.name.startswith(".") or Path(entry.name).suffix.lower() not in SUFFIXES:
        return LeftOut(path, "not a picture", "by its name")
    return None


def _join(inside: str, name: str) -> str:
    return f"{inside}/{name}" if inside else name


def check_class_names(classes: Iterable[str], where: object) -> None:
    """Refuse class names that no data set may have, and no bundle.

    Args:
        classes: the names.
        where: what they are of, for the message.

    Raises:
        DataError: one is empty, too long, or not printable.
    """
    for name in classes:
        if not name or not name.isprintable() or len(name) > LONGEST:
            raise DataError(
                f"{where}: the class name {name[:LONGEST]!r} must be printable, of 1 to "
                f"{LONGEST} characters: rename it"
            )


def _check_names(folder: Path, classes: tuple[str, ...]) -> None:
    check_class_names(classes, folder)
    for same in alike(classes):
        raise DataError(
            f"{folder}: the classes {' and '.join(map(repr, same))} differ by case or accents "
            "alone, which many disks take for one: rename one of them"
        )
