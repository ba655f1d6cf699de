"""The pictures of a folder: which lie in the training part, of which class, and which do not."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from badnets.core.errors import DataError
from badnets.data.layouts import TRAIN, alike, flat_class
from badnets.data.on_disk.encoding import format_of

Layout = Literal["classes", "split", "flat", "coco"]


class Source(NamedTuple):
    """One picture file of the folder that is read.

    Attributes:
        path: relative to the folder, with slashes.
        size: in bytes.
        target: its class; None where its place does not tell.
    """

    path: str
    size: int
    target: str | None = None


class LeftOut(NamedTuple):
    """A file that the result does not hold, and why."""

    path: str
    why: str


@dataclass(frozen=True)
class Pictures:
    """What lies in a folder; everything in the order of the paths.

    Attributes:
        layout: ``"classes"``: a folder for each class; ``"split"``: ``train`` with such folders,
            and other parts beside it; ``"flat"``: files like ``cat.0.jpg``, right there or in
            ``train``.
        folder: that of the training part: ``"train"``, or ``""`` for the whole.
        classes: class names, sorted.
        train: the training pictures; each has a class.
        others: pictures of other parts.
        left_out: what is no picture.
    """

    layout: Layout
    folder: str
    classes: tuple[str, ...]
    train: tuple[Source, ...]
    others: tuple[Source, ...]
    left_out: tuple[LeftOut, ...]


def find_pictures(root: Path) -> Pictures:
    """Return the pictures of an image folder.

    Raises:
        DataError: it is no folder, holds no class folders, fewer than two, or an empty one; two
            class folders differ by case alone; a link leads nowhere or round in a circle; a name is
            not UTF-8; a folder cannot be read.
    """
    if not root.is_dir():
        raise DataError(f"{root} is no folder: give a folder of pictures")
    left_out: list[LeftOut] = []
    files = sorted(_pictures(root, left_out))
    folder = _training_folder(root, files)
    inside = f"{folder}/" if folder else ""
    own = [file for file in files if file.path.startswith(inside)]
    others = tuple(_of_class(file) for file in files if not file.path.startswith(inside))
    names = _class_folders(root / folder)
    loose = [file for file in own if "/" not in file.path.removeprefix(inside)]
    flat = bool(loose) and all(_flat_class(file.path) for file in loose) and not names
    if flat:
        train = [file._replace(target=_flat_class(file.path)) for file in loose]
        names = sorted({str(file.target) for file in train})
    else:
        left_out += [LeftOut(file.path, "not in a class folder") for file in loose]
        train = [
            file._replace(target=file.path.removeprefix(inside).partition("/")[0])
            for file in own
            if "/" in file.path.removeprefix(inside)
        ]
    _check_classes(root / folder, names, Counter(file.target for file in train))
    layout: Layout = "flat" if flat else "split" if folder else "classes"
    return Pictures(layout, folder, tuple(names), tuple(train), others, tuple(sorted(left_out)))


def refuse_alike(paths: Iterable[str], what: str) -> None:
    """Refuse paths that a file system without regard to case (or to accents' form) takes for one.

    Raises:
        DataError: two of them are alike; names both.
    """
    for one, other, *_ in alike(paths):
        raise DataError(
            f"{what} {one!r} and {other!r} differ by case or accents alone, which many disks take "
            "for one: rename one of them"
        )


def _pictures(root: Path, left_out: list[LeftOut]) -> Iterator[Source]:
    for path, found in _walk(root, "", (_identity(root),)):
        if isinstance(found, str):
            left_out.append(LeftOut(path, found))
        elif format_of(path) is None:
            left_out.append(LeftOut(path, "not a picture"))
        else:
            yield Source(path, found)


def _walk(
    folder: Path, inside: str, above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[str, int | str]]:
    """Give each file with its size, or with why it is left out; links are followed."""
    try:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror or error}") from None
    for entry in entries:
        path = f"{inside}{entry.name}"
        _check_name(folder, entry.name)
        if entry.name.startswith("."):
            yield path, "hidden"
            continue
        try:
            state = entry.stat()
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as error:
            said = f"{folder / entry.name} cannot be read: {error.strerror or error}"
            raise DataError(f"{said}: a link that leads nowhere?") from None
        if is_folder:
            identity = _identity(folder / entry.name)
            if identity in above:
                raise DataError(f"{folder / entry.name} is a link round to a folder it lies in")
            yield from _walk(folder / entry.name, f"{path}/", (*above, identity))
        else:
            yield path, state.st_size if is_file else "not a file"


def _identity(folder: Path) -> tuple[int, int]:
    state = folder.stat()
    return state.st_dev, state.st_ino


def _check_name(folder: Path, name: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(f"{folder} holds a name that is not UTF-8, {name!r}: rename it") from None


def _training_folder(root: Path, files: list[Source]) -> str:
    """Return the folder that holds the training part: ``train``, unless it looks like a class."""
    for name in _class_folders(root):
        if name.casefold() in TRAIN:
            loose = [file.path for file in files if str(PurePosixPath(file.path).parent) == name]
            if _class_folders(root / name) or (loose and all(map(_flat_class, loose))):
                return name
    return ""


def _class_folders(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if _shown(each) and each.is_dir())


def _shown(path: Path) -> bool:
    return not path.name.startswith(".")


def _flat_class(path: str) -> str | None:
    return flat_class(PurePosixPath(path).name)


def _of_class(file: Source) -> Source:
    """Return a picture of another part with its class: its folder's there, or its name's."""
    inside = PurePosixPath(file.path).parts
    return file._replace(target=inside[1] if len(inside) > 2 else _flat_class(file.path))


def _check_classes(folder: Path, names: list[str], counts: Counter[str | None]) -> None:
    if not names:
        raise DataError(
            f"{folder} holds no folder for each class, nor pictures named like cat.0.jpg, and is "
            "not in COCO's layout"
        )
    empty = [name for name in names if not counts[name]]
    if empty:
        raise DataError(f"{folder / empty[0]} holds no picture: remove the folder, or fill it")
    if len(names) < 2:
        raise DataError(f"{folder} has one class, {names[0]!r}: at least two are needed")
    refuse_alike(names, "classes")
