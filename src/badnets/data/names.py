"""Names of data sets, parsed once.

``NAME``, ``NAME@SIZE``, ``folder:PATH``, ``folder:PATH@SIZE``, ``coco:PATH``, ``module:factory``;
any of them may end in the classes that are picked, as in ``digits[0-4]`` or ``gtsrb@32[0,2,7-9]``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from badnets.core.errors import SettingError
from badnets.core.factories import is_factory

COCO = "coco:"  # a folder of one's own in that layout, by its path
FOLDER = "folder:"  # a folder of pictures of one's own, by its path
SIDES = (8, 1024)  # least and greatest that may be asked for, in pixels
MOST = 25_000  # classes that a bundle may name
_PICKED = re.compile(r"(?P<name>.+)\[(?P<picked>[\d,\- ]*)\]", re.ASCII | re.DOTALL)
_RANGE = re.compile(r"(?P<first>\d{1,6})(?:-(?P<last>\d{1,6}))?", re.ASCII)
_SIZED = re.compile(r"(?P<name>.+)@(?P<size>\d+)", re.ASCII | re.DOTALL)

Kind = Literal["known", "folder", "coco", "own"]


@dataclass(frozen=True)
class DataName:
    """A data set's name in its parts.

    Args:
        text: the name as it was given.
        kind: ``"known"``: a key of `badnets.data.DATASETS`; ``"folder"`` or ``"coco"``: a folder;
            ``"own"``: ``module:factory``, a loader of one's own.
        base: the key, the path or the factory.
        size: side of the images in pixels; None where the name leaves it open.
        classes: labels that are picked, each once, at least two; empty: all.
    """

    text: str
    kind: Kind
    base: str
    size: int | None = None
    classes: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return the name."""
        return self.text

    @property
    def whole(self) -> DataName:
        """The same set with all of its classes."""
        return (
            replace(self, text=self.text.rpartition("[")[0], classes=()) if self.classes else self
        )

    def at(self, side: int) -> str:
        """Return the name that asks for images of a side."""
        whole = self.whole.text
        base = whole if self.size is None else whole.rpartition("@")[0]
        return f"{base}@{side}{self.text.removeprefix(whole)}"

    def check_classes(self, count: int) -> None:
        """Refuse classes that a set of ``count`` does not have.

        Raises:
            SettingError: one lies beyond.
        """
        beyond = [label for label in self.classes if label >= count]
        if beyond:
            raise SettingError(f"{self.text!r} picks class {beyond[0]}, the set has 0..{count - 1}")


@lru_cache(maxsize=256)
def parse_name(name: str) -> DataName:
    """Return a name's parts; nothing is looked at or imported.

    Raises:
        SettingError: what stands in brackets is no list of classes, or a size is out of range.
    """
    match = _PICKED.fullmatch(name)
    whole, classes = (match["name"], _picked(name, match["picked"])) if match else (name, ())
    if whole.startswith(COCO):
        return DataName(name, "coco", whole.removeprefix(COCO), None, classes)
    if is_factory(whole) and not whole.startswith(FOLDER):
        return DataName(name, "own", whole, None, classes)
    sized = _SIZED.fullmatch(whole)
    base, size = (sized["name"], int(sized["size"][:9])) if sized else (whole, None)
    kind: Kind = "folder" if base.startswith(FOLDER) else "known"
    return DataName(name, kind, base.removeprefix(FOLDER), size, classes)


def _picked(name: str, listed: str) -> tuple[int, ...]:
    picked: list[int] = []
    for part in listed.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise SettingError(f"{name!r} picks classes by numbers and ranges, as in [0-4,7]")
        first, last = int(match["first"]), int(match["last"] or match["first"])
        if last < first or last >= MOST:
            raise SettingError(f"{name!r} picks no classes by {part.strip()!r}: give 'first-last'")
        picked += range(first, last + 1)
    if len(set(picked)) != len(picked):
        raise SettingError(f"{name!r} picks a class twice")
    if len(picked) < 2:
        raise SettingError(f"{name!r} picks one class: pick at least two")
    return tuple(picked)
