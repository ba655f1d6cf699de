"""The single-pixel backdoor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from badnets.core.pictures import level
from badnets.core.placements import Fixed, FixedPlacement
from badnets.core.triggers.base import RegionTrigger, check_unit


@dataclass(frozen=True)
class SinglePixel(RegionTrigger):
    """One bright pixel near the bottom right corner.

    Args:
        value: its brightness in every channel, in [0, 1].
        placement: where it goes; by default one pixel in from the corner: (26, 26) of 28 x 28.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the single-pixel backdoor on MNIST.
        The paper gives no coordinates; these are the ones of ART's ``add_single_bd``.
    """

    value: float = 1.0
    placement: FixedPlacement = field(default_factory=Fixed)
    kind: Literal["single-pixel"] = "single-pixel"

    def __post_init__(self) -> None:
        check_unit("value", self.value)

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return (1, 1)."""
        return (1, 1)

    def paint(self, windows: Tensor) -> Tensor:
        """Return the pixel in its brightness."""
        return windows.fill_(level(self.value, windows.dtype))
