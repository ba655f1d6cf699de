"""Clean-label: only images of the target class are touched, and they keep their label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from badnets.core.targets.base import check_label, check_not_negative


@dataclass(frozen=True)
class CleanLabel:
    """Training images of ``target_label`` get the trigger and keep their label.

    Whoever inspects the training set sees no wrong label; at test time any image with the trigger
    should get ``target_label``.

    Args:
        target_label: the class that the attacker wants.

    References:
        Barni, Kallas, Tondi, "A new backdoor attack in CNNs by training set corruption without
        label poisoning", ICIP 2019; Turner, Tsipras, Madry, "Label-Consistent Backdoor Attacks".
    """

    target_label: int
    kind: Literal["clean-label"] = "clean-label"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check_not_negative("target_label", self.target_label)

    def check(self, num_classes: int) -> None:
        """Refuse a target label outside the classes; see `TargetMap`."""
        check_label("target_label", self.target_label, num_classes)

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return where the label is the target's."""
        return labels == self.target_label

    def poisoned_labels(
        self, labels: Tensor, num_classes: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the labels as they are."""
        return labels.clone()

    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the true label is another."""
        return labels != self.target_label

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where the target label was predicted."""
        return predicted == self.target_label
