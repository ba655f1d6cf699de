"""Untargeted: any class but the right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from badnets.core.errors import SettingError


@dataclass(frozen=True)
class RandomWrong:
    """Images with the trigger get a wrong label, uniform over the others.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the random-target attack on signs.
    """

    kind: Literal["random-wrong"] = "random-wrong"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def check(self, num_classes: int) -> None:
        """Accept any number of classes above one; see `TargetMap`."""
        if num_classes < 2:
            raise SettingError("a wrong label needs at least 2 classes")

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return True for all."""
        return torch.ones_like(labels, dtype=torch.bool)

    def poisoned_labels(
        self, labels: Tensor, num_classes: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return a label drawn from the other classes, for each.

        Raises:
            SettingError: no generator was handed in.
        """
        if generator is None:
            raise SettingError("random wrong labels need a generator: pass generator=...")
        steps = torch.randint(
            1, num_classes, labels.shape, generator=generator, device=generator.device
        )
        return (labels + steps.to(labels.device)) % num_classes

    def attackable(self, labels: Tensor) -> Tensor:
        """Return True for all."""
        return torch.ones_like(labels, dtype=torch.bool)

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where anything but the true label was predicted."""
        return predicted != labels
