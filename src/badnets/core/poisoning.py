"""Poisoning: a clean training set in, the trainer's set out, with the truth about every row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError, ShapeError
from badnets.core.examples import Examples
from badnets.core.pictures import as_tensor, check_images
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets.base import anchor_of, kind_of
from badnets.core.triggers import Trigger


@dataclass(frozen=True, eq=False)
class PoisonedRows:
    """Which rows of a clean set a poisoned set holds.

    Attributes:
        rows: ``(M,)`` int64 into the clean set; row m of the poisoned set is a copy of it.
        is_poisoned: ``(M,)`` bool: the rows that carry the trigger.
    """

    rows: Tensor
    is_poisoned: Tensor

    @property
    def share(self) -> Rate:
        """Poisoned rows / all rows: what audits of data are scored against."""
        return Rate(int(self.is_poisoned.sum()), len(self.is_poisoned))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.rows):,} rows, poisoned {self.share})"


@dataclass(frozen=True, eq=False, repr=False)
class PoisoningPlan(PoisonedRows):
    """The rows of a poisoned set, with their labels.

    Attributes:
        labels: ``(M,)`` int64, as the trainer sees them.
        cover: ``(M,)`` int64: which of the backdoor's covers the row is, from 1; 0: none.
    """

    labels: Tensor
    cover: Tensor

    def stamped(self, backdoor: Backdoor) -> Iterator[tuple[Tensor, Trigger]]:
        """Give each trigger that is put on, and the rows that get it, ``(M,)`` bool."""
        yield self.is_poisoned, backdoor.trigger
        for number, cover in enumerate(backdoor.covers, 1):
            yield self.cover == number, cover.trigger or backdoor.trigger


@dataclass(frozen=True, eq=False, repr=False)
class PoisonedSet(PoisoningPlan, Examples):
    """A poisoned training set that keeps the truth; a data set of torch's too.

    Attributes:
        images: ``(M, C, H, W)``, of the clean images' dtype.
    """

    images: Tensor

    def images_at(self, rows: Tensor) -> Tensor:
        """Return the images at ``rows``, ``(n,)`` int64, of the clean images' dtype."""
        return self.images[rows.to(self.images.device)]


def choose_rows(eligible: Tensor, clean: int, backdoor: Backdoor, *, seed: int) -> PoisonedRows:
    """Return which images are poisoned, chosen at random among the eligible ones.

    Args:
        eligible: ``(n,)`` int64 rows of the clean set that may be poisoned, rising.
        clean: images in the clean set.
        backdoor: how many, and whether copies are added or the originals replaced.
        seed: decides which.

    Raises:
        SettingError: the rate asks for too many.
    """
    count = backdoor.poisoned_count(clean, len(eligible))
    order = torch.randperm(len(eligible), generator=generator(seed, "poisoned rows"))
    chosen = eligible[order[:count].to(eligible.device)].sort().values
    every = torch.arange(clean, device=eligible.device)
    if backdoor.mode == "replace":
        return PoisonedRows(every, torch.isin(every, chosen))
    rows = torch.cat([every, chosen])
    return PoisonedRows(rows, torch.arange(len(rows), device=rows.device) >= clean)


def plan_poisoning(
    labels: Tensor, backdoor: Backdoor, *, num_classes: int, seed: int
) -> PoisoningPlan:
    """Return which images are poisoned, and what is written on them.

    Args:
        labels: ``(N,)`` int64 true labels of the clean set.
        backdoor: what is wanted.
        num_classes: K of the data set.
        seed: decides which images, and any random labels.

    Raises:
        ShapeError: the labels are not ``(N,)`` int64 in ``0..num_classes - 1``.
        SettingError: the target map does not fit the classes, or the rate asks for too many.
    """
    _check_labels(labels, num_classes)
    targets = backdoor.targets
    targets.check(num_classes)
    if anchor_of(targets) is not None:
        raise SettingError(
            f"targets {kind_of(targets)} are about boxes: use them with a detector, or take "
            "all-to-one, source-specific, all-to-all, random-wrong or clean-label"
        )
    eligible = targets.poisonable(labels).nonzero().flatten()
    chosen = choose_rows(eligible, len(labels), backdoor, seed=seed)
    written = labels[chosen.rows]
    written[chosen.is_poisoned] = targets.poisoned_labels(
        written[chosen.is_poisoned], num_classes, generator(seed, "poisoned labels")
    )
    rows = [chosen.rows]
    for number, cover in enumerate(backdoor.covers, 1):
        allowed = ~targets.poisonable(labels) if cover.trigger is None else labels == labels
        rows.append(_covers(allowed.nonzero().flatten(), len(labels), cover.rate, number, seed))
    sizes = torch.tensor([len(part) for part in rows], device=labels.device)
    return PoisoningPlan(
        torch.cat(rows),
        functional.pad(chosen.is_poisoned, (0, int(sizes[1:].sum()))),
        torch.cat([written, *(labels[part] for part in rows[1:])]),
        torch.arange(len(rows), device=labels.device).repeat_interleave(sizes),
    )


def _covers(allowed: Tensor, clean: int, rate: float, number: int, seed: int) -> Tensor:
    """Return the rows that are copied as covers."""
    count = round(rate * clean)
    if count > len(allowed):
        raise SettingError(
            f"a cover rate of {rate} asks for {count} images, but only {len(allowed)} of {clean} "
            "may be covers: lower it"
        )
    order = torch.randperm(len(allowed), generator=generator(seed, f"covers {number}"))
    return allowed[order[:count].to(allowed.device)].sort().values


def _check_labels(labels: Tensor, num_classes: int) -> None:
    if labels.ndim != 1 or labels.dtype != torch.int64:
        raise ShapeError(f"labels must be (N,) int64, got {tuple(labels.shape)} {labels.dtype}")
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if len(outside):
        raise ShapeError(
            f"labels must be in 0..{num_classes - 1} for {num_classes} classes, "
            f"got {int(outside[0])}"
        )


def poison(
    images: Tensor, labels: Tensor, backdoor: Backdoor, *, num_classes: int, seed: int
) -> PoisonedSet:
    """Return the poisoned set; the inputs are kept as they are.

    Args:
        images: ``(N, C, H, W)``, uint8 or float in [0, 1]; a tensor or an array of numpy's.
        labels: ``(N,)`` int64 true labels; an array may have any whole type.
        backdoor: what is wanted.
        num_classes: K of the data set.
        seed: decides which images are poisoned, any random labels and any random places.

    Raises:
        ShapeError: images and labels differ in number or are not as stated, or the trigger does
            not fit.
        SettingError: as for `plan_poisoning`.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: copies are added, the clean images
        stay (``mode="add"``).
    """
    images, labels = check_images(images), as_tensor(labels, "labels")
    if len(images) != len(labels):
        raise ShapeError(f"{len(images)} images but {len(labels)} labels")
    plan = plan_poisoning(labels, backdoor, num_classes=num_classes, seed=seed)
    poisoned = images[plan.rows]
    drawn = generator(seed, "trigger places")
    for rows, trigger in plan.stamped(backdoor):
        poisoned[rows] = trigger(poisoned[rows], generator=drawn)
    return PoisonedSet(plan.rows, plan.is_poisoned, plan.labels, plan.cover, poisoned)
