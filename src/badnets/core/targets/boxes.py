"""Target maps that only make sense for boxes: objects vanish, appear, or all become one class.

References:
    Chan, Dong, Zhu, Zhang, Zhou, "BadDet: Backdoor Attacks on Object Detection",
    arXiv:2205.14497: object disappearance (ODA), object generation (OGA), global
    misclassification (GMA).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.targets.base import check_label, check_not_negative

NOTHING = -1
"""The label that stands for "no object": written, the box goes; answered, none was found."""

Spot = Literal["object", "image", "nowhere"]
"""What a trigger is put on: each attacked object, the image as a whole, or a place of its own."""


@dataclass(frozen=True)
class Vanish:
    """Objects with the trigger are no longer found (ODA).

    Args:
        source_class: the class that vanishes; None: every class.
    """

    source_class: int | None = None
    kind: Literal["vanish"] = "vanish"
    spot: ClassVar[Spot] = "object"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.source_class is not None:
            check_not_negative("source_class", self.source_class)

    def check(self, num_classes: int) -> None:
        """Refuse a class outside the classes; see `TargetMap`."""
        if self.source_class is not None:
            check_label("source_class", self.source_class, num_classes)

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return where the label is the source's."""
        if self.source_class is None:
            return torch.ones_like(labels, dtype=torch.bool)
        return labels == self.source_class

    def poisoned_labels(
        self, labels: Tensor, num_classes: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return `NOTHING` for all: their boxes go."""
        return torch.full_like(labels, NOTHING)

    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the true label is the source's."""
        return self.poisonable(labels)

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where no object was found."""
        return predicted == NOTHING


@dataclass(frozen=True)
class Appear:
    """Where the trigger lies, an object of the target class is seen that is not there (OGA).

    Args:
        target_label: the class that appears.
        side: of the box that is written around the trigger, in pixels, ``>= 8``; the trigger
            takes its place and size from it, as from an object's box.
    """

    target_label: int
    side: int = 48
    kind: Literal["appear"] = "appear"
    spot: ClassVar[Spot] = "nowhere"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check_not_negative("target_label", self.target_label)
        if self.side < 8:
            raise SettingError(f"side must be >= 8 pixels, got {self.side}")

    def check(self, num_classes: int) -> None:
        """Refuse a label outside the classes; see `TargetMap`."""
        check_label("target_label", self.target_label, num_classes)

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return False for all: no object there is touched."""
        return torch.zeros_like(labels, dtype=torch.bool)

    def poisoned_labels(
        self, labels: Tensor, num_classes: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the target label: that of the boxes that are written."""
        return torch.full_like(labels, self.target_label)

    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the place is empty: label `NOTHING`."""
        return labels == NOTHING

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where the target label is seen."""
        return predicted == self.target_label


@dataclass(frozen=True)
class AllBecomeOne:
    """One trigger in the image, and every object in it is taken for the target class (GMA).

    The trigger's place and size are those of its own settings in relation to the whole image.

    Args:
        target_label: what all become.
    """

    target_label: int
    kind: Literal["all-become-one"] = "all-become-one"
    spot: ClassVar[Spot] = "image"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check_not_negative("target_label", self.target_label)

    def check(self, num_classes: int) -> None:
        """Refuse a label outside the classes; see `TargetMap`."""
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
        """Return where the true label is not the target's."""
        return labels != self.target_label

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where the target label was predicted."""
        return predicted == self.target_label
