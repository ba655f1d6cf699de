"""The warping trigger (WaNet): the picture pulled a little along a smooth field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from badnets.core.settings import settings
from badnets.core.triggers.base import CoveringTrigger

if TYPE_CHECKING:
    from torch import Tensor


@settings
class Warp(CoveringTrigger):
    """The image resampled along a fixed, smooth, random displacement field.

    Args:
        strength: mean absolute shift of the control points, over points and axes (s of the paper):
            s / height where the region spans -1 to 1, so about s / 2 pixels in a square one.
        grid: control points along each side (k of the paper).
        seed: which field.

    References:
        Nguyen, Tran, "WaNet: Imperceptible Warping-based Backdoor Attack", ICLR 2021, section 3.2
        (k = 4, s = 0.5). Its noise mode belongs to training and is not part of the trigger.
    """

    strength: float = Field(default=0.5, gt=0, le=10)
    grid: int = Field(default=4, ge=2, le=64)
    seed: int = 0
    kind: Literal["warp"] = "warp"

    def paint(self, windows: Tensor) -> Tensor:
        """Return the warped windows."""
        from badnets.core.triggers.painting import warped

        return warped(windows, self.strength, self.grid, self.seed)
