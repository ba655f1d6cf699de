"""Target maps that only make sense for boxes: objects vanish, appear, or all become one class.

References:
    Chan, Dong, Zhu, Zhang, Zhou, "BadDet: Backdoor Attacks on Object Detection",
    arXiv:2205.14497: object disappearance (ODA), object generation (OGA), global
    misclassification (GMA).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from badnets.core.placements import Draws
from badnets.core.settings import Label, WholePixels, settings
from badnets.core.targets.base import NOTHING, Anchor, ClassTargets, OneTarget

if TYPE_CHECKING:
    from torch import Tensor


@settings
class Vanish(ClassTargets):
    """Objects with the trigger are no longer found (ODA).

    Args:
        source_class: the class that vanishes; without: every class.
    """

    source_class: Label | None = None
    kind: Literal["vanish"] = "vanish"
    anchor: ClassVar[Anchor | None] = "object"

    def poisoned_labels(self, labels: Tensor, num_classes: int, generator: Draws = None) -> Tensor:
        """Return `NOTHING` for all: their boxes go."""
        return labels.clone().fill_(NOTHING)

    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the true label is the source's."""
        if self.source_class is None:
            return labels == labels
        return labels == self.number("source_class")


@settings
class Appear(OneTarget):
    """Where the trigger lies, an object of the target class is seen that is not there (OGA).

    Args:
        target_label: the class that appears: the label of the boxes that are written.
        side: of the box that is written around the trigger, in pixels; the trigger takes its place
            and size from it, as from an object's box.
    """

    target_label: Label
    side: WholePixels = Field(default=48, ge=8)
    kind: Literal["appear"] = "appear"
    anchor: ClassVar[Anchor | None] = "nowhere"

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return False for all: no object there is touched."""
        return labels != labels

    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the place is empty: label `NOTHING`."""
        return labels == NOTHING


@settings
class AllBecomeOne(OneTarget):
    """One trigger in the image, and every object in it is taken for the target class (GMA).

    The trigger's place and size are those of its own settings in relation to the whole image.

    Args:
        target_label: what all become.
    """

    target_label: Label
    kind: Literal["all-become-one"] = "all-become-one"
    anchor: ClassVar[Anchor | None] = "image"
