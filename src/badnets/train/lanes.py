"""What each training of a cohort draws, in the order in which it draws it alone, step by step."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor

from badnets.core.seeds import generator
from badnets.core.triggers import Trigger
from badnets.core.triggers.base import RegionTrigger
from badnets.train.augment import Augmentation
from badnets.train.batches import Stamp, shuffled
from badnets.train.classification import TrainingRows
from badnets.train.loop import gain_at, rate_at
from badnets.train.settings import Training

CPU = torch.device("cpu")


class Lane:
    """One training: its rows, what it draws, and its log.

    Args:
        rows: what it is trained on.
        training: how.
        seed: decides what is drawn.

    Attributes:
        size: images of a batch.
        per_epoch, steps: of an epoch, and in all.
        losses, seconds: of each step that is done.
    """

    def __init__(self, rows: TrainingRows, training: Training, seed: int) -> None:
        self.training = training
        self.images, self.labels = rows.images, rows.labels.cpu()
        self.rows = None if rows.rows is None else rows.rows.cpu()
        self.stampings = [(mask.cpu(), trigger) for mask, trigger in rows.stampings()]
        self.size = min(training.batch_size, len(rows))
        self.per_epoch = len(rows) // self.size
        self.steps = self.per_epoch * training.epochs
        self.losses: list[float] = []
        self.seconds: list[float] = []
        self.places = generator(seed, "trigger places in training")
        self._batches = generator(seed, "batches")
        self._epoch = torch.empty(0, dtype=torch.int64), Augmentation(())

    def draw(self, first: int, count: int) -> tuple[Tensor, Augmentation]:
        """Return the rows of coming steps, ``(count * size,)`` int64, and their augmentation.

        Args:
            first: how many steps are drawn already.
            count: how many are wanted; an epoch may end among them, and the next begin.
        """
        orders: list[Tensor] = []
        drawn: list[Augmentation] = []
        step = first
        while step < first + count:
            number = step % self.per_epoch
            if number == 0:
                self._epoch = shuffled(self.training, len(self.labels), self._batches, CPU)
            end = min(number + first + count - step, self.per_epoch)
            part = slice(number * self.size, end * self.size)
            orders.append(self._epoch[0][part])
            own = ((change, values[part]) for change, values in self._epoch[1].changes)
            drawn.append(Augmentation(tuple(own)))
            step += end - number
        changes = [
            (parts[0][0], torch.cat([values for _, values in parts]))
            for parts in zip(*(one.changes for one in drawn), strict=True)
        ]
        return torch.cat(orders), Augmentation(tuple(changes))

    def images_of(self, order: Tensor) -> Tensor:
        """Return which images rows are."""
        return order if self.rows is None else self.rows[order]

    def lr_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        training = self.training
        return training.lr * rate_at(training.schedule, training.warm_up, step, self.steps)

    def gain_at(self, step: int) -> float:
        """Return what the trigger's change to a picture is multiplied by at a step."""
        return gain_at(self.training.trigger_gain, step, self.steps)


class Step(NamedTuple):
    """One step of n lanes, lane after lane.

    Attributes:
        rows: ``(n * B,)`` int64 into the images of all of them.
        labels: ``(n * B,)`` int64.
        augmentation: of those images.
        stamps: the triggers that are put on them.
        lr: ``(n,)`` learning rates.
    """

    rows: Tensor
    labels: Tensor
    augmentation: Augmentation
    stamps: list[Stamp]
    lr: Tensor


@dataclass(frozen=True, eq=False)
class _Marks:
    """The images of some steps that get a trigger: ``(steps, n, B)`` bool."""

    trigger: Trigger
    places: torch.Generator | None
    marked: Tensor

    def stamps(self, lanes: Sequence[Lane], first: int, device: torch.device) -> Iterator[Stamp]:
        """Give what is put on in each step."""
        steps, _, size = self.marked.shape
        step, lane, place = self.marked.nonzero().unbind(1)
        counts = torch.bincount(step, minlength=steps).tolist()
        chosen = torch.split((lane * size + place).to(device), counts)
        gains: Sequence[float | Tensor] = [1.0] * steps
        if lanes[0].training.trigger_gain != (1, 1):
            each = [[one.gain_at(first + at) for one in lanes] for at in range(steps)]
            gain = torch.tensor(each, dtype=torch.float32)[step, lane]
            gains = torch.split(gain.view(-1, 1, 1, 1).to(device), counts)
        for own, much in zip(chosen, gains, strict=True):
            yield Stamp(own, self.trigger, self.places, much)


def steps_of(
    lanes: Sequence[Lane], offsets: Sequence[int], first: int, count: int, device: torch.device
) -> Iterator[Step]:
    """Give the coming steps of lanes that take batches of one size; all goes to the device at once.

    A trigger that is always in one place is put on the images of all lanes together; one whose
    place is drawn, or of which that is not known, lane by lane.

    Args:
        lanes: with as many steps left, or more.
        offsets: where the images of each begin among those of all.
        first: how many steps are done.
        count: how many are wanted.
        device: where they go.
    """
    size = lanes[0].size
    orders, drawn = zip(*(lane.draw(first, count) for lane in lanes), strict=True)

    def by_step(parts: Iterable[Tensor]) -> Tensor:
        """Return ``(count, n * size, ...)`` of what there is of each lane, on the device."""
        every = torch.stack(list(parts), 1)
        every = every.view(count, size, *every.shape[1:]).transpose(1, 2)
        return every.flatten(1, 2).to(device)

    each = list(zip(lanes, orders, strict=True))
    rows = by_step(
        lane.images_of(order) + begins for (lane, order), begins in zip(each, offsets, strict=True)
    )
    labels = by_step(lane.labels[order] for lane, order in each)
    changes = [
        (parts[0][0], by_step(values for _, values in parts))
        for parts in zip(*(one.changes for one in drawn), strict=True)
    ]
    marks: dict[Hashable, _Marks] = {}
    for number, (lane, order) in enumerate(each):
        for which, (mask, trigger) in enumerate(lane.stampings):
            fixed = _is_fixed(trigger)
            key = cast(Hashable, trigger) if fixed else (number, which)
            if key not in marks:
                blank = torch.zeros(count, len(lanes), size, dtype=torch.bool)
                marks[key] = _Marks(trigger, None if fixed else lane.places, blank)
            marks[key].marked[:, number] |= mask[order].view(count, size)
    stamps = zip(*(mark.stamps(lanes, first, device) for mark in marks.values()), strict=True)
    lr = torch.tensor([[lane.lr_at(first + at) for lane in lanes] for at in range(count)])
    lr = lr.to(device)
    for at in range(count):
        augmentation = Augmentation(tuple((change, values[at]) for change, values in changes))
        yield Step(rows[at], labels[at], augmentation, list(next(stamps, ())), lr[at])


def _is_fixed(trigger: Trigger) -> bool:
    """Return whether a trigger is known to do the same to all images, and is told from others."""
    try:
        hash(trigger)
    except TypeError:
        return False
    return isinstance(trigger, RegionTrigger) and not trigger.placement.random
