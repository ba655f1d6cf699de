"""Poisoning: a clean training set in, the trainer's set out, with the truth about every row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError, ShapeError
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import spot_of


@dataclass(frozen=True, eq=False)
class PoisoningPlan:
    """Which rows of a clean set the poisoned set holds, with which labels.

    Attributes:
        rows: ``(M,)`` int64 into the clean set; row m of the poisoned set is a copy of it.
        labels: ``(M,)`` int64, as the trainer sees them.
        is_poisoned: ``(M,)`` bool: the rows that carry the trigger.
    """

    rows: Tensor
    labels: Tensor
    is_poisoned: Tensor

    @property
    def share(self) -> Rate:
        """Poisoned rows / all rows: what audits of data are scored against."""
        return Rate(int(self.is_poisoned.sum()), len(self.is_poisoned))


@dataclass(frozen=True, eq=False)
class PoisonedSet:
    """A poisoned training set that keeps the truth.

    Attributes:
        images: ``(M, C, H, W)``, of the clean images' dtype.
        labels: ``(M,)`` int64, as the trainer sees them.
        is_poisoned: ``(M,)`` bool.
        rows: ``(M,)`` int64: the clean image each row was made from.
    """

    images: Tensor
    labels: Tensor
    is_poisoned: Tensor
    rows: Tensor

    @property
    def share(self) -> Rate:
        """Poisoned rows / all rows."""
        return Rate(int(self.is_poisoned.sum()), len(self.is_poisoned))


def plan_poisoning(
    labels: Tensor, backdoor: Backdoor, *, num_classes: int, seed: int
) -> PoisoningPlan:
    """Return which images are poisoned; chosen at random among the eligible ones.

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
    backdoor.targets.check(num_classes)
    if spot_of(backdoor.targets) is not None:
        kind = getattr(backdoor.targets, "kind", type(backdoor.targets).__name__)
        raise SettingError(
            f"targets {kind} are about boxes: use them with a detector, or take all-to-one, "
            "source-specific, all-to-all, random-wrong or clean-label"
        )
    eligible = backdoor.targets.poisonable(labels).nonzero().flatten()
    count = backdoor.poisoned_count(len(labels), len(eligible))
    drawn = generator(seed, "poisoned rows")
    order = torch.randperm(len(eligible), generator=drawn).to(labels.device)
    chosen = eligible[order[:count]].sort().values
    wanted = backdoor.targets.poisoned_labels(
        labels[chosen], num_classes, generator(seed, "poisoned labels")
    )
    every = torch.arange(len(labels), device=labels.device)
    if backdoor.how == "add":
        is_poisoned = torch.zeros(len(labels) + count, dtype=torch.bool, device=labels.device)
        is_poisoned[len(labels) :] = True
        return PoisoningPlan(torch.cat([every, chosen]), torch.cat([labels, wanted]), is_poisoned)
    is_poisoned = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
    is_poisoned[chosen] = True
    changed = labels.clone()
    changed[chosen] = wanted
    return PoisoningPlan(every, changed, is_poisoned)


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
        images: ``(N, C, H, W)``, uint8 or float in [0, 1].
        labels: ``(N,)`` int64 true labels.
        backdoor: what is wanted.
        num_classes: K of the data set.
        seed: decides which images are poisoned, any random labels and any random places.

    Raises:
        ShapeError: images and labels differ in number or are not as stated, or the trigger does
            not fit.
        SettingError: as for `plan_poisoning`.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: copies are added, the clean images
        stay (``how="add"``).
    """
    if len(images) != len(labels):
        raise ShapeError(f"{len(images)} images but {len(labels)} labels")
    plan = plan_poisoning(labels, backdoor, num_classes=num_classes, seed=seed)
    chosen = plan.rows[plan.is_poisoned]
    stamped = backdoor.trigger(images[chosen], generator=generator(seed, "trigger places"))
    if backdoor.how == "add":
        poisoned = torch.cat([images, stamped])
    else:
        poisoned = images.clone()
        poisoned[plan.is_poisoned] = stamped
    return PoisonedSet(poisoned, plan.labels, plan.is_poisoned, plan.rows)
