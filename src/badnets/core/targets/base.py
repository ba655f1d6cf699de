"""The contract of target maps on labels."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from badnets.core.errors import SettingError


@runtime_checkable
class TargetMap(Protocol):
    """Which images an attack is about, and what the network is to say of them.

    A map has two faces. The trainer asks which of his training images to copy and what label to
    write on the copies (``poisonable``, ``poisoned_labels``); whoever measures asks which test
    images count and whether an answer is the backdoor's (``attackable``, ``is_hit``). Labels are
    ``(N,)`` int64 in ``0..num_classes - 1``.
    """

    def check(self, num_classes: int) -> None:
        """Refuse a number of classes that the map's own labels do not fit.

        Raises:
            SettingError: a label is outside ``0..num_classes - 1``.
        """

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return ``(N,)`` bool: the training images that may be poisoned."""

    def poisoned_labels(
        self, labels: Tensor, num_classes: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return ``(N,)`` int64: the labels that the poisoned ones get."""

    def attackable(self, labels: Tensor) -> Tensor:
        """Return ``(N,)`` bool: the test images that the attack is scored on.

        Images whose true label already is the backdoor label are never among them.
        """

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return ``(N,)`` bool: whether ``predicted`` is what the attacker wants."""


def spot_of(targets: TargetMap) -> str | None:
    """Return what a map for boxes puts triggers on (`Spot`); None for a map of labels.

    A map of labels serves both tasks: for a detector it relabels the objects with the trigger.
    """
    spot: str | None = getattr(targets, "spot", None)
    return spot


def check_label(name: str, label: int, num_classes: int) -> None:
    """Refuse a label outside the data set's classes.

    Raises:
        SettingError: it is not in ``0..num_classes - 1``.
    """
    if not 0 <= label < num_classes:
        raise SettingError(
            f"{name} must be in 0..{num_classes - 1} for {num_classes} classes, got {label}"
        )


def check_not_negative(name: str, label: int) -> None:
    """Refuse a negative label.

    Raises:
        SettingError: it is below 0.
    """
    if label < 0:
        raise SettingError(f"{name} must be >= 0, got {label}")
