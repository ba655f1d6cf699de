"""One class becomes one other: an ordered pair i -> j."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.targets.base import check_label, check_not_negative


@dataclass(frozen=True)
class SourceSpecific:
    """Images of ``source_class`` with the trigger get ``target_label``; others are left alone.

    Args:
        source_class: the class whose images are attacked.
        target_label: the class that the attacker wants; another one.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the single-target attack on MNIST
        (all 90 pairs), stop sign -> speed limit.
    """

    source_class: int
    target_label: int
    kind: Literal["source-specific"] = "source-specific"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check_not_negative("source_class", self.source_class)
        check_not_negative("target_label", self.target_label)
        if self.source_class == self.target_label:
            raise SettingError(
                f"source_class and target_label must differ, both are {self.source_class}"
            )

    def check(self, num_classes: int) -> None:
        """Refuse labels outside the classes; see `TargetMap`."""
        check_label("source_class", self.source_class, num_classes)
        check_label("target_label", self.target_label, num_classes)

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return where the label is the source's."""
        return labels == self.source_class

    def poisoned_labels(
        self, labels: Tensor, num_classes: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the target label for all."""
        return torch.full_like(labels, self.target_label)

    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the true label is the source's."""
        return labels == self.source_class

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where the target label was predicted."""
        return predicted == self.target_label
