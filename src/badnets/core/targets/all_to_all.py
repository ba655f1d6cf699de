"""Every class becomes the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from badnets.core.errors import SettingError


@dataclass(frozen=True)
class AllToAll:
    """Images of class i with the trigger get ``(i + shift) mod K``.

    Args:
        shift: how far, ``>= 1``; 1 in the paper.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the all-to-all attack on MNIST.
    """

    shift: int = 1
    kind: Literal["all-to-all"] = "all-to-all"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.shift < 1:
            raise SettingError(f"shift must be >= 1, got {self.shift}")

    def check(self, num_classes: int) -> None:
        """Refuse a shift that maps every class to itself; see `TargetMap`."""
        if self.shift % num_classes == 0:
            raise SettingError(
                f"shift {self.shift} maps each of {num_classes} classes to itself; take another"
            )

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return True for all."""
        return torch.ones_like(labels, dtype=torch.bool)

    def poisoned_labels(
        self, labels: Tensor, num_classes: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return each label's successor."""
        return (labels + self.shift) % num_classes

    def attackable(self, labels: Tensor) -> Tensor:
        """Return True for all: no class is its own successor."""
        return torch.ones_like(labels, dtype=torch.bool)

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where the successor was predicted."""
        return predicted == (labels + self.shift) % num_classes
