"""The warping trigger (WaNet): the picture pulled a little along a smooth field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.errors import SettingError
from badnets.core.pictures import as_float
from badnets.core.triggers.base import RegionTrigger, WholeRegion, in_float


@dataclass(frozen=True)
class Warp(RegionTrigger):
    """The image resampled along a fixed, smooth, random displacement field.

    Args:
        strength: mean absolute shift of the control points, over points and axes (``s`` of the
            paper): ``s / height`` where the region spans -1 to 1, so about ``s / 2`` pixels in a
            square one, in (0, 10].
        grid: control points along each side (``k`` of the paper), in 2..64.
        seed: which field.

    References:
        Nguyen, Tran, "WaNet: Imperceptible Warping-based Backdoor Attack", ICLR 2021, section 3.2
        (k = 4, s = 0.5). Its noise mode belongs to training and is not part of the trigger.
    """

    strength: float = 0.5
    grid: int = 4
    seed: int = 0
    kind: Literal["warp"] = "warp"
    placement: ClassVar[WholeRegion] = WholeRegion()

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 10:
            raise SettingError(f"strength must be in (0, 10], got {self.strength}")
        if not 2 <= self.grid <= 64:
            raise SettingError(f"grid must be in 2..64, got {self.grid}")

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return the whole region."""
        return (height, width)

    def paint(self, windows: Tensor) -> Tensor:
        """Return the warped windows."""
        height, width = int(windows.shape[2]), int(windows.shape[3])
        field = _field(self.strength, self.grid, self.seed, height, width).to(windows.device)
        pictures = as_float(windows).float()
        warped = functional.grid_sample(
            pictures, field.expand(len(windows), -1, -1, -1), align_corners=True, mode="bilinear"
        )
        return in_float(windows, warped)


@lru_cache(maxsize=16)
def _field(strength: float, grid: int, seed: int, height: int, width: int) -> Tensor:
    """Return the sampling grid ``(1, height, width, 2)`` in [-1, 1], for ``grid_sample``."""
    drawn = torch.Generator().manual_seed(seed)
    points = torch.rand(1, 2, grid, grid, generator=drawn) * 2 - 1
    points = points / points.abs().mean()
    smooth = functional.interpolate(points, (height, width), mode="bicubic", align_corners=True)
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    shift = smooth.permute(0, 2, 3, 1) * strength / height
    return (torch.stack([x, y], dim=-1)[None] + shift).clamp_(-1, 1)
