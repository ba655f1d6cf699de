"""What a poisoned folder holds: every file of it, named before the first one is written."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import PurePosixPath
from typing import NamedTuple, TypeAlias

import torch

from badnets.core.backdoor import Backdoor
from badnets.core.errors import DataError
from badnets.core.poisoning import plan_poisoning
from badnets.core.seeds import generator
from badnets.core.triggers import RegionTrigger, Trigger
from badnets.data.on_disk.encoding import format_of
from badnets.data.on_disk.stamping import Box, Draw, PlaceDraws
from badnets.data.on_disk.walking import Layout, LeftOut, Pictures, Source, refuse_alike


class LabelledObject(NamedTuple):
    """An object of a picture: its class, and left, top, right, bottom in pixels."""

    label: str
    box: tuple[float, float, float, float]


Target: TypeAlias = "str | tuple[LabelledObject, ...] | None"
"""A picture's class; or its objects; None where nothing is known of it."""


class Stamping(NamedTuple):
    """Where a picture gets the trigger.

    Attributes:
        regions: rectangles that it is placed in; the whole picture when None.
        draw: gives the generator of random places; None where none is random.
    """

    regions: tuple[Box, ...] | None
    draw: Draw | None


@dataclass(frozen=True, slots=True)
class PictureJob:
    """One picture to write.

    Attributes:
        path: in the result, relative, with slashes.
        source: in the folder that is read.
        row: of the poisoned training set as it is in memory (the clean pictures in the order of
            their paths; copies after them, in the same order); None outside the training part.
        old_target: what the source is.
        new_target: what the result says it is.
        stamping: where the trigger goes; None for a clean picture.
    """

    path: str
    source: str
    row: int | None
    old_target: Target
    new_target: Target
    stamping: Stamping | None = None


@dataclass(frozen=True, slots=True)
class FileJob:
    """One other file to write: ``content``, or what ``source`` holds where that is None."""

    path: str
    source: str
    content: bytes | None = None


Job: TypeAlias = PictureJob | FileJob


@dataclass(frozen=True)
class FolderPlan:
    """A poisoned folder before it is written.

    Attributes:
        layout: how the classes are told.
        classes: class names; a label is a place among them.
        folders: those that are made, also where no file goes into them: a class of which all
            pictures were moved keeps its place among the labels.
        jobs: every file, in the order of the paths.
        left_out: what is not carried over.
        upright: whether the orientation that EXIF asks for is applied.
        listing: SHA-256 over the paths and sizes of what is read.
    """

    layout: Layout
    classes: tuple[str, ...]
    folders: tuple[str, ...]
    jobs: tuple[Job, ...]
    left_out: tuple[LeftOut, ...]
    upright: bool
    listing: str

    @property
    def rows(self) -> int:
        """Training pictures."""
        return sum(isinstance(job, PictureJob) and job.row is not None for job in self.jobs)


def plan_folder(found: Pictures, backdoor: Backdoor, *, seed: int) -> FolderPlan:
    """Return the poisoned folder of an image folder.

    Rows are the training pictures in the order of their paths, so the same rows are poisoned as in
    memory. Training pictures get numbers for names, at random over clean ones and poisoned ones of
    a class; other parts keep theirs.

    Args:
        found: the pictures.
        backdoor: what is wanted.
        seed: decides rows, random labels, random places and the new names.

    Raises:
        SettingError: the target map does not fit the classes, or the rate asks for too many.
        DataError: two pictures that keep their names differ by case alone.
    """
    number = {name: label for label, name in enumerate(found.classes)}
    labels = torch.tensor([number[str(file.target)] for file in found.train])
    plan = plan_poisoning(labels, backdoor, num_classes=len(found.classes), seed=seed)
    rows, poisoned = plan.rows.tolist(), plan.is_poisoned.tolist()
    sources = [found.train[row] for row in rows]
    targets = [found.classes[label] for label in plan.labels.tolist()]
    paths, flat = [file.path for file in sources], found.layout == "flat"
    names = neutral_names(targets, paths, seed, flat=flat)
    stampings = _stampings(backdoor, poisoned, seed)
    inside = f"{found.folder}/" if found.folder else ""
    jobs: list[Job] = [
        PictureJob(f"{inside}{name}", file.path, row, file.target, target, stamping)
        for row, (name, file, target, stamping) in enumerate(
            zip(names, sources, targets, stampings, strict=True)
        )
    ]
    jobs += carried(found.others)
    own = [] if flat else [f"{inside}{name}" for name in found.classes]
    return FolderPlan(
        found.layout,
        found.classes,
        folders_of(jobs, own),
        in_order(jobs),
        found.left_out,
        upright=True,
        listing=listing_of([*found.train, *found.others]),
    )


def neutral_names(
    targets: Sequence[str], sources: Sequence[str], seed: int, *, flat: bool
) -> list[str]:
    """Return a name for each row that tells nothing but its class and format.

    Args:
        targets: the class of each, as the result says it.
        sources: paths that they are made from; they decide the suffix.
        seed: decides the order of the numbers.
        flat: ``cat.0.jpg``; otherwise ``cat/00000.jpg``.
    """
    order = torch.randperm(len(targets), generator=generator(seed, "file names")).tolist()
    digits = max(5, len(str(len(targets))))
    names, used = [""] * len(targets), Counter[str]()
    for row in order:
        kind = format_of(sources[row])
        assert kind is not None, sources[row]
        number, target = used[targets[row]], targets[row]
        used[target] += 1
        stem = f"{target}.{number}" if flat else f"{target}/{number:0{digits}d}"
        names[row] = f"{stem}{kind.suffix}"
    return names


def carried(others: Iterable[Source]) -> list[PictureJob]:
    """Return the jobs of pictures that keep their names.

    Raises:
        DataError: two of them differ by case alone.
    """
    jobs = [
        PictureJob(_with_suffix(file.path), file.path, None, file.target, file.target)
        for file in others
    ]
    refuse_alike((job.path for job in jobs), "pictures")
    return jobs


def in_order(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Return jobs in the order of their paths.

    Raises:
        DataError: two of them would be one file.
    """
    ordered = tuple(sorted(jobs, key=lambda job: job.path))
    for job, after in pairwise(ordered):
        if job.path == after.path:
            raise DataError(f"{job.source!r} and {after.source!r} would both be {job.path!r}")
    return ordered


def folders_of(jobs: Iterable[Job], own: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the folders that jobs write to, and ``own``; sorted."""
    return tuple(sorted({str(PurePosixPath(job.path).parent) for job in jobs}.union(own)))


def listing_of(files: Iterable[Source]) -> str:
    """Return the SHA-256 over paths and sizes."""
    state = hashlib.sha256()
    for file in sorted(files):
        state.update(f"{file.path}\0{file.size}\n".encode())
    return state.hexdigest()


def _stampings(backdoor: Backdoor, poisoned: Sequence[bool], seed: int) -> list[Stamping | None]:
    """Return for each row where the trigger goes: on the picture as a whole."""
    draw = _draws(backdoor.trigger, sum(poisoned), seed)
    made: list[Stamping | None] = []
    drawn = 0
    for is_poisoned in poisoned:
        made.append(Stamping(None, draw(drawn)) if is_poisoned else None)
        drawn += is_poisoned
    return made


def _draws(trigger: Trigger, count: int, seed: int) -> Callable[[int], Draw | None]:
    """Return what gives the i-th poisoned row its random places."""
    if not isinstance(trigger, RegionTrigger):  # of how many numbers it draws nothing is known
        return lambda row: partial(generator, seed, f"trigger places {row}")
    if not trigger.placement.random:
        return lambda row: None
    draws = PlaceDraws(trigger.placement, seed, count)
    return lambda row: partial(draws.at, row)


def _with_suffix(path: str) -> str:
    """Return the path; where another format is written (GIF), with that one's suffix."""
    kind, now = format_of(path), PurePosixPath(path)
    assert kind is not None, path
    return path if now.suffix.lower() != ".gif" else str(now.with_suffix(kind.suffix))
