"""From picture files to a data set: in memory where it fits, else streamed; the same pixels."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from badnets.core.decoding import decoded_square
from badnets.core.errors import DataError
from badnets.data.dataset import DataSet, ImageSet
from badnets.data.layouts import LeftOut, shown
from badnets.data.streamed import ImageFiles, Images, free_memory

LEAST = 8  # pixels that a picture's shorter side has, at least; smaller ones are left out
MEMORY_SHARE = 0.5  # of the free memory that data may take, in as many processes as there are cores
AT_A_TIME = 64  # pictures that a thread reads before it takes the next ones
NAMED = 3  # files that a message names

_log = logging.getLogger("badnets.data")


@dataclass(frozen=True)
class PartFiles:
    """The files of one part of a data set.

    Args:
        names: paths relative to the set's folder.
        labels: a class number each.
        groups: a number each, the same for pictures of one thing; see `ImageSet`.
    """

    names: Sequence[str]
    labels: Sequence[int]
    groups: Sequence[int] | None = None


@dataclass(frozen=True)
class About:
    """What a data set says of itself.

    Args:
        name: the name it is found by.
        source: who made it, where it is published.
        licence: under which terms.
        notes: what else a reader has to know.
    """

    name: str
    source: str
    licence: str
    notes: tuple[str, ...] = ()


def read_data_set(
    about: About,
    folder: Path,
    parts: tuple[PartFiles, PartFiles],
    classes: Sequence[str],
    size: int,
    *,
    left_out: Sequence[LeftOut] = (),
    in_memory: bool | None = None,
) -> DataSet:
    """Return the data set of some picture files; each is decoded once to see whether it can be.

    Files that cannot be are left out; how many is logged as a warning and kept in its notes.

    Args:
        about: what it says of itself.
        folder: that all files lie in.
        parts: the training files and the test files.
        classes: class names.
        size: side of the images in pixels.
        left_out: files that were passed over before, to be told of too.
        in_memory: whether images stay there; None: if half the free memory, shared between as many
            processes as there are cores, holds them. The images are the same.

    Raises:
        DataError: a part has no picture of some class left.
    """
    if in_memory is None:
        needed = 3 * size * size * sum(len(part.names) for part in parts)
        in_memory = needed <= MEMORY_SHARE * free_memory() / (os.cpu_count() or 1)
    passed_over = list(left_out)
    sets = []
    for what, part in zip(("training", "test"), parts, strict=True):
        images, bad = _read(folder, part.names, size, in_memory=in_memory)
        passed_over += bad.values()
        kept = [row for row in range(len(part.names)) if row not in bad]
        labels = torch.tensor([part.labels[row] for row in kept], dtype=torch.int64)
        _check_classes(about.name, what, labels, classes, [*bad.values()])
        groups = None if part.groups is None else torch.tensor([part.groups[row] for row in kept])
        sets.append(ImageSet(images, labels, tuple(classes), groups))
    files = sum(len(part.names) for part in parts) + len(left_out)
    told = _told(about.name, passed_over, files)
    for line in told:
        _log.warning(line)
    train, test = sets
    return DataSet(about.name, train, test, about.source, about.licence, (*about.notes, *told))


def _read(
    folder: Path, names: Sequence[str], size: int, *, in_memory: bool
) -> tuple[Images, dict[int, LeftOut]]:
    """Return the images that can be decoded, and the others by row."""
    kept = torch.empty(len(names) if in_memory else 0, 3, size, size, dtype=torch.uint8)

    def read(rows: range) -> dict[int, LeftOut]:
        bad = {}
        for row in rows:
            try:
                square = decoded_square(folder / names[row], size, least=LEAST)
            except DataError as error:
                bad[row] = LeftOut(names[row], "unreadable", str(error))
                continue
            if in_memory:
                kept[row].copy_(torch.from_numpy(square).permute(2, 0, 1))
        return bad

    starts = range(0, len(names), AT_A_TIME)
    parts = [range(start, min(start + AT_A_TIME, len(names))) for start in starts]
    with ThreadPoolExecutor(torch.get_num_threads(), "decoding") as pool:
        try:
            bad = {row: why for found in pool.map(read, parts) for row, why in found.items()}
        except BaseException:  # interrupted: what waits is not for the user to wait for
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if in_memory:
        return _without(kept, bad), bad
    names = tuple(name for row, name in enumerate(names) if row not in bad)
    return ImageFiles(folder, names, size), bad


def _without(images: Tensor, bad: dict[int, LeftOut]) -> Tensor:
    """Return the images but some, in the same memory."""
    if not bad:
        return images
    good = torch.tensor([row for row in range(len(images)) if row not in bad], dtype=torch.int64)
    for start in range(min(bad), len(good), AT_A_TIME):  # forward: what is read is not yet written
        rows = good[start : start + AT_A_TIME]
        images[start : start + len(rows)] = images[rows]
    return images[: len(good)]


def _check_classes(
    name: str, what: str, labels: Tensor, classes: Sequence[str], bad: Sequence[LeftOut]
) -> None:
    counts = torch.bincount(labels, minlength=len(classes)).tolist()
    empty = [classes[label] for label, count in enumerate(counts) if not count]
    if empty:
        why = f" ({len(bad)} of its files cannot be used; the first: {bad[0].why})" if bad else ""
        raise DataError(
            f"{name}: no {what} picture of class {empty[0]!r} is left{why}: fill the class or "
            "remove it"
        )


def _told(name: str, left_out: Sequence[LeftOut], files: int) -> tuple[str, ...]:
    if not left_out:
        return ()
    first = ", ".join(shown(one.path) for one in left_out[:NAMED])
    more = ", ..." if len(left_out) > NAMED else ""
    return (
        f"{name}: {len(left_out):,} of {files:,} files are left out as they are no pictures that "
        f"can be used: {first}{more} (badnets data check FOLDER lists them)",
    )
