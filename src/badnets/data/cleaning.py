"""Looking a folder of pictures over: what cannot be used, and what a careful reader would ask."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from badnets.bundles.digests import sha256_stream
from badnets.core.errors import DataError
from badnets.core.files import regular_file
from badnets.core.progress import Listener
from badnets.data.folder import LEAST
from badnets.data.layouts import (
    LONGEST,
    Layout,
    Picture,
    alike,
    find_layout,
    list_pictures,
)
from badnets.data.marked import known_poisoned
from badnets.data.on_disk.manifest import MANIFEST
from badnets.data.threads import in_threads

if TYPE_CHECKING:
    from badnets.data.likeness import Fingerprint

AT_A_TIME = 32  # pictures that a thread looks at before it takes the next ones
FAR = 48  # levels of 255 that a pixel is apart by, more than JPEG makes of the same picture
WINDOW = 0.25  # of a picture, at most: what differs in more is no trigger, but another picture
LONGEST_FILE = 200  # characters of a file's name

Kind: TypeAlias = str
"""A key of `KINDS`."""

KINDS: dict[Kind, str] = {
    "undecodable": "no picture that can be decoded; left out when loaded",
    "unreadable": "cannot be opened; left out when loaded",
    "tiny": "too few pixels; left out when loaded",
    "not a picture": "another kind of file among the pictures; left out when loaded",
    "a link": "leads to a folder, or nowhere; left out when loaded",
    "in no class": "a picture that belongs to no class; left out when loaded",
    "empty class": "has no picture that can be used; refused when loaded",
    "single class": "there is only one class; refused when loaded",
    "poisoned": "badnets poison wrote this folder; its manifest says which pictures are poisoned",
    "two classes": "the same picture, or nearly, under two classes: a wrong label, or the original "
    "and the poisoned copy of a backdoor; look at both",
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
    import torch

    base = Path(folder).expanduser()
    listing = list_pictures(find_layout(base, any_names=True))
    layout = listing.layout
    pictures = [(picture, "train") for picture in listing.train]
    pictures += [(picture, "test") for picture in listing.test]
    looks = in_threads(
        partial(_look, base, least=least),
        pictures,
        workers=torch.get_num_threads(),
        at_a_time=AT_A_TIME,
        listener=progress,
        doing="looking",
    )
    usable = [one for one in looks if isinstance(one, _Look)]
    number = Counter((one.part, one.picture.target) for one in usable)
    counts: dict[str, dict[str, int]] = {
        part: {name: number[part, name] for name in layout.classes} for part, _ in layout.parts
    }
    findings = [
        *(one for one in looks if isinstance(one, Finding)),
        *(Finding(one.reason, (one.path,), one.why) for one in listing.left_out),
        *(Finding("poisoned", (MANIFEST,), note) for note in known_poisoned(base).notes),
        *_of_classes(layout, counts),
        *_of_names(layout, [picture for picture, _ in pictures]),
        *_repeated(base, usable),
    ]
    order = list(KINDS)
    findings.sort(key=lambda one: (order.index(one.kind), one.paths))
    return Examination(base, layout, counts, tuple(findings))


@dataclass(frozen=True, eq=False)
class _Look:
    """What is kept of a picture: SHA-256 of its file and of a small square, and a fingerprint."""

    picture: Picture
    part: str
    file: bytes
    square: bytes
    fingerprint: Fingerprint


def _look(base: Path, what: tuple[Picture, str], *, least: int) -> _Look | Finding:
    from badnets.core.decoding import LARGEST, decoded_square, size_of
    from badnets.data.likeness import SIDE, fingerprint

    (picture, part), path = what, base / what[0].path
    own = (picture.path,)
    try:
        with regular_file(path, LARGEST) as opened:
            digest = bytes.fromhex(sha256_stream(opened))
    except OSError as error:
        return Finding("unreadable", own, error.strerror or str(error))
    except DataError as error:
        return Finding("undecodable", own, str(error).removeprefix(f"{path}: "))
    try:
        height, width = size_of(path)
        square = decoded_square(path, SIDE)
    except DataError as error:
        return Finding("undecodable", own, str(error).removeprefix(f"picture {path}: "))
    if min(height, width) < least:
        return Finding("tiny", own, f"{width} x {height} pixels")
    square_digest = hashlib.sha256(square.tobytes()).digest()
    return _Look(picture, part, digest, square_digest, fingerprint(square))


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


def _of_names(layout: Layout, pictures: Sequence[Picture]) -> Iterator[Finding]:
    for own in alike(picture.path for picture in pictures):
        yield Finding("names alike", own, "many disks take them for one")
    stems = {name: name.casefold().removesuffix("s") for name in layout.classes}
    for path, target in pictures:
        name = PurePosixPath(path).name
        if not name.isprintable() or len(name) > LONGEST_FILE:
            yield Finding("odd name", (path,), f"a file name of {len(name)} characters")
        other = _other_class(name, target, stems)
        if other is not None:
            yield Finding("misplaced", (path,), f"named like {other!r}, in class {target!r}")


def _other_class(file: str, target: str, stems: dict[str, str]) -> str | None:
    """Return the class that a file's name begins with, where it is another than its own."""
    low = file.casefold()
    for name, stem in stems.items():
        # class numbers also begin the names of files that count something else
        counts = stem and not stem.isdecimal() and stem != stems[target]
        if counts and re.match(rf"{re.escape(stem)}s?(?![^\W_])", low):
            return None if low.startswith(stems[target]) else name
    return None


def _repeated(base: Path, usable: Sequence[_Look]) -> Iterator[Finding]:
    """Give the groups of the same picture, then those of nearly the same one."""
    from badnets.data.likeness import alike_groups, same

    taken: set[int] = set()
    for places in same([look.square for look in usable]):
        for group in _confirmed(base, places, usable):
            taken |= set(group[1:])
            yield _finding(base, [usable[place] for place in group], exact=True)
    left = [look for place, look in enumerate(usable) if place not in taken]
    for near in alike_groups([look.fingerprint for look in left]):
        yield _finding(base, [left[place] for place in near], exact=False)


def _confirmed(base: Path, places: list[int], usable: Sequence[_Look]) -> list[list[int]]:
    """Return those that are the same: the same file, or the same pixels at full size."""
    from badnets.core.decoding import decoded
    from badnets.data.likeness import same

    if len({usable[place].file for place in places}) == 1:
        return [places]
    pixels = []
    for place in places:
        whole = decoded(base / usable[place].picture.path, "RGB")
        pixels.append(hashlib.sha256(repr(whole.shape).encode() + whole.tobytes()).digest())
    return [[places[row] for row in group] for group in same(pixels)]


def _finding(base: Path, group: Sequence[_Look], *, exact: bool) -> Finding:
    paths = tuple(sorted(look.picture.path for look in group))
    nearly = "" if exact else "nearly "
    classes = sorted({look.picture.target for look in group})
    if len(classes) > 1:
        listed = " and ".join(map(repr, classes))
        where = "" if exact else _window(base, group)
        return Finding("two classes", paths, f"{nearly}the same under {listed}{where}")
    if len({look.part for look in group}) > 1:
        return Finding("in both parts", paths, f"{nearly}the same in the training and test part")
    kind: Kind = "duplicate" if exact else "near duplicate"
    return Finding(kind, paths, f"{nearly}the same {len(paths)} times")


def _window(base: Path, group: Sequence[_Look]) -> str:
    """Return where two pictures differ, in words, if that is in one small window: a trigger's."""
    import numpy as np

    from badnets.core.decoding import decoded

    one, other = (decoded(base / look.picture.path, "RGB") for look in (group[0], group[-1]))
    if one.shape != other.shape:
        return ""
    apart = np.abs(one.astype(np.int16) - other).max(2) > FAR
    rows, columns = apart.any(1).nonzero()[0], apart.any(0).nonzero()[0]
    if not len(rows):
        return ""
    top, left = int(rows[0]), int(columns[0])
    height, width = int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left
    if height * width > WINDOW * apart.size:
        return ""
    return (
        f"; they differ in {width} x {height} pixels alone, from row {top}, column {left}, as by "
        "a trigger"
    )
