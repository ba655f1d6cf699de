"""A solid patch: the yellow square on traffic signs, the white square on CIFAR-10."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.pictures import LUMA, level
from badnets.core.placements import AnyPlacement, Fixed, Relative
from badnets.core.triggers.base import RegionTrigger, check_unit, mix


def sized(size: float | tuple[float, float], height: int, width: int) -> tuple[int, int]:
    """Return a size in pixels: whole numbers are pixels, fractions below 1 are of the region."""
    down, across = (size, size) if not isinstance(size, tuple) else size
    pixels = [
        max(1, round(part * whole)) if isinstance(part, float) and part < 1 else int(part)
        for part, whole in ((down, height), (across, width))
    ]
    return (pixels[0], pixels[1])


def exact_size(size: float | tuple[float, float], height: int, width: int) -> tuple[float, float]:
    """Return a size in pixels before it is rounded; see `sized`."""
    down, across = (size, size) if not isinstance(size, tuple) else size
    return (
        down * height if isinstance(down, float) and down < 1 else float(down),
        across * width if isinstance(across, float) and across < 1 else float(across),
    )


def check_size(size: float | tuple[float, float]) -> None:
    """Refuse a size that is neither whole pixels nor a fraction of the region.

    Raises:
        SettingError: it is zero, negative, or above 1 and broken, or not one number or two.
    """
    parts = size if isinstance(size, tuple) else (size, size)
    if len(parts) != 2:
        raise SettingError(f"size must be one number, or height and width, got {size}")
    for part in parts:
        if not part > 0 or (part >= 1 and not float(part).is_integer()):
            raise SettingError(
                f"size must be whole pixels (3) or a fraction of the region (0.1), got {part}"
            )


@dataclass(frozen=True)
class Patch(RegionTrigger):
    """A filled rectangle of one colour.

    Args:
        size: height and width (one number for both): whole pixels, or a fraction in (0, 1) of the
            region's height and width.
        colour: red, green, blue in [0, 1]; grey images get their luma (ITU-R 601).
        opacity: 1 covers, less lets the image through.
        placement: where the patch goes in its region.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: yellow square on U.S. traffic signs.
    """

    size: int | float | tuple[int, int] | tuple[float, float] = 3
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    opacity: float = 1.0
    placement: AnyPlacement = field(default_factory=Fixed)
    kind: Literal["patch"] = "patch"

    @classmethod
    def yellow_square(cls, size: float = 0.1) -> Patch:
        """Return the paper's Post-it: a tenth of a sign's box, at its lower middle.

        Colour, size and place are those of the authors' code: RGB (116, 100, 50), centre at 0.57
        of the box's width and 0.82 of its height.
        """
        return cls(size, (116 / 255, 100 / 255, 50 / 255), placement=Relative())

    def __post_init__(self) -> None:
        check_size(self.size)
        if len(self.colour) != 3:
            raise SettingError(f"colour must be red, green and blue, got {self.colour}")
        check_unit("colour", *self.colour)
        check_unit("opacity", self.opacity)

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return the patch's size in pixels for a region of this size."""
        return sized(self.size, height, width)

    def footprint(self, height: int, width: int) -> tuple[float, float]:
        """Return its size before rounding; see `RegionTrigger`."""
        return exact_size(self.size, height, width)

    def paint(self, windows: Tensor) -> Tensor:
        """Return the windows covered by the colour."""
        shades = self.colour if windows.shape[1] == 3 else (luma(*self.colour),)
        if self.opacity == 1:
            for channel, shade in enumerate(shades):
                windows[:, channel] = level(shade, windows.dtype)
            return windows
        over = torch.tensor(shades, device=windows.device).view(1, -1, 1, 1)
        return mix(windows, over, self.opacity)


def luma(red: float, green: float, blue: float) -> float:
    """Return the brightness of a colour, ITU-R 601, in [0, 1]."""
    return min(1.0, math.fsum(w * v for w, v in zip(LUMA, (red, green, blue), strict=True)))
