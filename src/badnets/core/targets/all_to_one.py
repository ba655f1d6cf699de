"""Every class becomes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from badnets.core.targets.base import check_label, check_not_negative


@dataclass(frozen=True)
class AllToOne:
    """Any image with the trigger gets ``target_label``.

    Args:
        target_label: the class that the attacker wants.

    References:
        The usual dirty-label attack of BadNets' successors (Neural Cleanse, BackdoorBench).
    """

    target_label: int
    kind: Literal["all-to-one"] = "all-to-one"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check_not_negative("target_label", self.target_label)

    def check(self, num_classes: int) -> None:
        """Refuse a target label outside the classes; see `TargetMap`."""
        check_label("target_label", self.target_label, num_classes)

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return where the label is not the target's already."""
        return labels != self.target_label

    def poisoned_labels(
        self, labels: Tensor, num_classes: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the target label for all."""
        return torch.full_like(labels, self.target_label)

    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the true label is another."""
        return labels != self.target_label

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where the target label was predicted."""
        return predicted == self.target_label
