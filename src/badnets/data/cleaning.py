"""Looking a folder of pictures over: what cannot be used, and what a careful reader would ask."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import torch

from badnets.core.decoding import decoded, decoded_square, size_of
from badnets.core.errors import DataError
from badnets.core.progress import Listener, Progress
from badnets.data.layouts import (
    LONGEST,
    Layout,
    LeftOut,
    Listing,
    Picture,
    alike,
    find_layout,
    list_pictures,
)
from badnets.data.likeness import SIDE, Fingerprint, alike_groups, fingerprint, same
from badnets.data.reading import LEAST

AT_A_TIME = 32  # pictures that a thread looks at before it takes the next ones
LONGEST_FILE = 200  # characters of a file's name

Kind = Literal[
    "undecodable",
    "unreadable",
    "tiny",
    "not a picture",
    "a link",
    "in no class",
    "empty class",
    "single class",
    "two classes",
    "misplaced",
    "in both parts",
    "duplicate",
    "near duplicate",
    "names alike",
    "odd name",
]
KINDS: dict[Kind, str] = {
    "undecodable": "no picture that can be decoded; left out when loaded",
    "unreadable": "cannot be opened; left out when loaded",
    "tiny": "too few pixels; left out when loaded",
    "not a picture": "another kind of file among the pictures; left out when loaded",
    "a link": "leads to a folder, or nowhere; left out when loaded",
    "in no class": "a picture that belongs to no class; left out when loaded",
    "empty class": "has no picture that can be used; refused when loaded",
    "single class": "there is only one class; refused when loaded",
    "two classes": "the same picture, or nearly, under two classes",
    "misplaced": "its name says another class than its folder",
    "in both parts": "the same picture, or nearly, to train on and to test on",
    "duplicate": "the same picture more than once",
    "near duplicate": "nearly the same picture more than once",
    "names alike": "names that differ by case or accents alone; of classes: refused when loaded",
    "odd name": "not printable or very long; of a class: refused when loaded",
}
"""What can be found, in the order that it is told."""

DOUBTFUL: tuple[Kind, ...] = ("two classes", "misplaced", "in both parts", "duplicate")


class Finding(NamedTuple):
    """Something found: its kind, the paths that it is about (relative), and why."""

    kind: Kind
    paths: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Examination:
    """What a look at every file of a folder has found.

    Attributes:
        folder: what was looked at.
        layout: how pictures lie in it.
        counts: usable pictures by part (``train``, ``test``; where it is not split on disk,
            ``train`` is everything) and class.
        findings: in the order of `KINDS`, then of paths.
    """

    folder: Path
    layout: Layout
    counts: dict[str, dict[str, int]]
    findings: tuple[Finding, ...]

    @property
    def by_kind(self) -> dict[Kind, int]:
        """How many findings there are of each kind that there is."""
        found = Counter(one.kind for one in self.findings)
        return {kind: found[kind] for kind in KINDS if found[kind]}

    @property
    def doubtful(self) -> tuple[str, ...]:
        """Usable pictures that a careful reader leaves out too: for ``load_folder(without=...)``.

        Those under two classes or under the wrong one; of those in both parts, the training
        pictures; of the same picture several times, all but the first.
        """
        inside = {part: f"{where}/" for part, where in self.layout.parts if where}
        paths: set[str] = set()
        for kind, own, _ in self.findings:
            if kind == "in both parts":
                paths |= {path for path in own if path.startswith(inside["train"])}
            elif kind in DOUBTFUL:
                paths |= set(own[1:] if kind == "duplicate" else own)
        return tuple(sorted(paths))


def examine(
    folder: Path | str, *, least: int = LEAST, progress: Listener | None = None
) -> Examination:
    """Return what is to be said of the files in a folder of pictures; each is decoded once.

    Pictures are the same if their files are, or their pixels once decoded; nearly the same if a
    fingerprint of 64 bits and a thumbnail of 8 x 8 pixels differ by next to nothing.

    Args:
        folder: see `load_folder`.
        least: pixels that a picture's shorter side must have; loading asks for 8.
        progress: told as files are looked at.

    Raises:
        DataError: it is no folder, cannot be read, or holds no pictures in classes.
    """
    base = Path(folder).expanduser()
    listing = list_pictures(find_layout(base, any_names=True))
    pictures = [*listing.train, *listing.test]
    looks = _looked_at(base, [picture.path for picture in pictures], least, progress)
    usable = [
        (picture, part, look)
        for picture, part, look in zip(
            pictures,
            ["train"] * len(listing.train) + ["test"] * len(listing.test),
            looks,
            strict=True,
        )
        if isinstance(look, _Look)
    ]
    number = Counter((part, picture.target) for picture, part, _ in usable)
    counts: dict[str, dict[str, int]] = {
        part: {name: number[part, name] for name in listing.layout.classes}
        for part, _ in listing.layout.parts
    }
    found = [
        *(look for look in looks if isinstance(look, Finding)),
        *(_passed_over(one) for one in listing.left_out),
        *_of_classes(listing.layout, counts),
        *_of_names(listing),
        *_repeated(base, usable),
    ]
    order = list(KINDS)
    found.sort(key=lambda one: (order.index(one.kind), one.paths))
    return Examination(base, listing.layout, counts, tuple(found))


@dataclass(frozen=True, eq=False)
class _Look:
    """What is kept of a picture: SHA-256 of its file and of a small square, and a fingerprint."""

    file: bytes
    square: bytes
    seen: Fingerprint


_Usable = tuple[Picture, str, _Look]


def _looked_at(
    base: Path, paths: Sequence[str], least: int, progress: Listener | None
) -> list[_Look | Finding]:
    parts = [paths[start : start + AT_A_TIME] for start in range(0, len(paths), AT_A_TIME)]
    looks: list[_Look | Finding] = []
    with ThreadPoolExecutor(torch.get_num_threads(), "looking") as pool:
        try:
            for some in pool.map(lambda part: [_look(base, path, least) for path in part], parts):
                looks += some
                if progress is not None:
                    progress(Progress(len(looks), len(paths), "looking"))
        except BaseException:  # interrupted: what waits is not for the user to wait for
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return looks


def _look(base: Path, path: str, least: int) -> _Look | Finding:
    try:
        with (base / path).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
    except OSError as error:
        return Finding("unreadable", (path,), error.strerror or str(error))
    try:
        height, width = size_of(base / path)
        square = decoded_square(base / path, SIDE)
    except DataError as error:
        return Finding("undecodable", (path,), str(error).removeprefix(f"picture {base / path}: "))
    if min(height, width) < least:
        return Finding("tiny", (path,), f"{width} x {height} pixels")
    return _Look(digest, hashlib.sha256(square.tobytes()).digest(), fingerprint(square))


def _passed_over(one: LeftOut) -> Finding:
    return Finding(one.reason, (one.path,), one.why)


def _of_classes(layout: Layout, counts: dict[str, dict[str, int]]) -> Iterator[Finding]:
    for part, where in layout.parts:
        for name, count in counts[part].items():
            if not count:
                inside = where or layout.folder.name
                yield Finding("empty class", (name,), f"no picture of it in {inside}")
    if len(layout.classes) == 1:
        yield Finding("single class", layout.classes, "at least two are needed")
    for own in alike(layout.classes):
        yield Finding("names alike", own, "classes that many disks take for one")
    for name in layout.classes:
        if not name.isprintable() or len(name) > LONGEST:
            yield Finding("odd name", (name,), f"a class name, of {len(name)} characters")


def _of_names(listing: Listing) -> Iterator[Finding]:
    pictures = [*listing.train, *listing.test]
    for own in alike(picture.path for picture in pictures):
        yield Finding("names alike", own, "many disks take them for one")
    stems = {name: _stem(name) for name in listing.layout.classes}
    for path, target in pictures:
        name = PurePosixPath(path).name
        if not name.isprintable() or len(name) > LONGEST_FILE:
            yield Finding("odd name", (path,), f"a file name of {len(name)} characters")
        said = _said_class(name, target, stems)
        if said is not None:
            yield Finding("misplaced", (path,), f"named like {said!r}, in class {target!r}")


def _stem(name: str) -> str:
    return name.casefold().removesuffix("s")


def _said_class(file: str, target: str, stems: dict[str, str]) -> str | None:
    """Return the class that a file's name begins with, where it is another than its own."""
    low = file.casefold()
    for name, stem in stems.items():
        # class numbers also begin the names of files that count something else
        told = stem and not stem.isdecimal() and stem != stems[target]
        if told and re.match(rf"{re.escape(stem)}s?(?![^\W_])", low):
            return None if low.startswith(stems[target]) else name
    return None


def _repeated(base: Path, usable: Sequence[_Usable]) -> Iterator[Finding]:
    """Give the groups of the same picture, then those of nearly the same one."""
    taken: set[int] = set()
    squares = same([look.square for _, _, look in usable])
    for group in squares:
        for own in _confirmed(base, [(place, usable[place]) for place in group]):
            taken |= set(own[1:])
            yield _finding([usable[place] for place in own], exact=True)
    left = [place for place in range(len(usable)) if place not in taken]
    for near in alike_groups([usable[place][2].seen for place in left]):
        yield _finding([usable[left[place]] for place in near], exact=False)


def _confirmed(base: Path, group: Sequence[tuple[int, _Usable]]) -> Iterator[list[int]]:
    """Give those of a group that are the same: the same file, or the same pixels at full size."""
    files = {one[1][2].file for one in group}
    if len(files) == 1:
        yield [place for place, _ in group]
        return
    pixels = [_pixels(base / picture.path) for _, (picture, _, _) in group]
    for own in same(pixels):
        yield [group[place][0] for place in own]


def _pixels(path: Path) -> bytes:
    whole = decoded(path, "RGB")
    return hashlib.sha256(repr(whole.shape).encode() + whole.tobytes()).digest()


def _finding(group: Sequence[_Usable], *, exact: bool) -> Finding:
    paths = tuple(sorted(picture.path for picture, _, _ in group))
    nearly = "" if exact else "nearly "
    classes = sorted({picture.target for picture, _, _ in group})
    if len(classes) > 1:
        return Finding("two classes", paths, f"{nearly}the same under {_listed(classes)}")
    if len({part for _, part, _ in group}) > 1:
        return Finding("in both parts", paths, f"{nearly}the same in the training and test part")
    kind: Kind = "duplicate" if exact else "near duplicate"
    return Finding(kind, paths, f"{nearly}the same {len(paths)} times")


def _listed(names: Iterable[str]) -> str:
    return " and ".join(map(repr, names))
