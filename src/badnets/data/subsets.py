"""Some classes of a data set as a set of their own: ``NAME[0-20]``, ``NAME@SIZE[5,7-9]``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from badnets.core.errors import DataError, SettingError
from badnets.data.entry import Entry

if TYPE_CHECKING:
    from badnets.data.dataset import DataSet, ImageSet

MOST = 25_000  # classes that a bundle may name
_PICKED = re.compile(r"(?P<name>.+)\[(?P<picked>[\d,\- ]*)\]", re.ASCII | re.DOTALL)
_RANGE = re.compile(r"(?P<first>\d{1,6})(?:-(?P<last>\d{1,6}))?", re.ASCII)


def picked_of(name: str) -> tuple[str, tuple[int, ...]]:
    """Return a name without the classes that it picks, and those classes; none where it has none.

    Args:
        name: such as ``digits[0-4]`` or ``gtsrb@32[0,2,7-9]``: labels in the whole set, each once,
            at least two.

    Raises:
        SettingError: what stands in brackets is not such a list.
    """
    match = _PICKED.fullmatch(name)
    if match is None:
        return name, ()
    picked: list[int] = []
    for part in match["picked"].split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise SettingError(f"{name!r} picks classes by numbers and ranges, as in [0-4,7]")
        first, last = int(found["first"]), int(found["last"] or found["first"])
        if last < first or last >= MOST:
            raise SettingError(f"{name!r} picks no classes by {part.strip()!r}: give 'first-last'")
        picked += range(first, last + 1)
    if len(set(picked)) != len(picked):
        raise SettingError(f"{name!r} picks a class twice")
    if len(picked) < 2:
        raise SettingError(f"{name!r} picks one class: pick at least two")
    return match["name"], tuple(picked)


def entry_of_classes(entry: Entry, picked: Sequence[int], name: str) -> Entry:
    """Return what is known of some classes of a data set, from what is known of all.

    Raises:
        SettingError: the set is labelled with boxes, or has fewer classes.
    """
    if entry.task != "classification":
        raise SettingError(f"{name!r} picks classes of images that are labelled with boxes")
    if entry.classes is not None:
        _check(picked, entry.classes, name)
    return replace(
        entry,
        title=f"{entry.title}, {len(picked)} classes of it",
        classes=len(picked),
        train=None,
        test=None,
        any_size=False,
    )


def of_classes(data: DataSet, picked: Sequence[int], name: str) -> DataSet:
    """Return the images of some classes; their labels are counted from 0, in the order picked.

    Args:
        data: the whole set.
        picked: labels in it.
        name: of the new set.

    Raises:
        SettingError: it has fewer classes.
        DataError: there is no training or test image of them.
    """
    _check(picked, data.num_classes, name)
    return replace(data, name=name, train=_part(data.train, picked), test=_part(data.test, picked))


def _part(images: ImageSet, picked: Sequence[int]) -> ImageSet:
    import torch

    from badnets.data.dataset import ImageSet

    place = torch.full((images.num_classes,), -1, device=images.labels.device)
    place[list(picked)] = torch.arange(len(picked), device=place.device)
    labels = place[images.labels]
    rows = (labels >= 0).nonzero().flatten()
    if not len(rows):
        raise DataError(f"no image belongs to the classes {', '.join(map(str, picked))}")
    kept = images.take(rows)
    classes = tuple(images.classes[label] for label in picked)
    return ImageSet(kept.stored, labels[rows], classes, kept.groups)


def _check(picked: Sequence[int], classes: int, name: str) -> None:
    beyond = [label for label in picked if label >= classes]
    if beyond:
        raise SettingError(f"{name!r} picks class {beyond[0]}, the set has 0..{classes - 1}")
