"""A solid patch: the yellow square on traffic signs, the white square on CIFAR-10."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from badnets.core.placements import AnyPlacement, Fixed, Relative
from badnets.core.settings import Share, settings
from badnets.core.triggers.sizes import Size, SizedTrigger

if TYPE_CHECKING:
    from torch import Tensor


@settings
class Patch(SizedTrigger):
    """A filled rectangle of one colour.

    Args:
        size: height and width (one number for both): whole pixels (8, 8px), or a share in (0, 1)
            of the region's height and width.
        colour: red, green, blue in [0, 1]; grey images get their luma (ITU-R 601).
        opacity: 1 covers, less lets the image through.
        placement: where the patch goes in its region.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: yellow square on U.S. traffic signs.
    """

    size: Size = 3
    colour: tuple[Share, Share, Share] = (1.0, 1.0, 1.0)
    opacity: Share = 1.0
    placement: AnyPlacement = Fixed()
    kind: Literal["patch"] = "patch"

    @classmethod
    def yellow_square(cls, size: float = 0.1) -> Patch:
        """Return the paper's Post-it: a tenth of a sign's box, at its lower middle.

        Colour, size and place are those of the authors' code: RGB (116, 100, 50), centre at 0.57
        of the box's width and 0.82 of its height.
        """
        return cls(size, (116 / 255, 100 / 255, 50 / 255), placement=Relative())

    def paint(self, windows: Tensor) -> Tensor:
        """Return the windows covered by the colour."""
        import torch

        from badnets.core.pictures import level
        from badnets.core.triggers.painting import mix

        shades = self.colour if windows.shape[1] == 3 else (luma(*self.colour),)
        if self.opacity == 1:
            for channel, shade in enumerate(shades):
                windows[:, channel] = level(shade, windows.dtype)
            return windows
        over = torch.tensor(shades, device=windows.device).view(1, -1, 1, 1)
        return mix(windows, over, self.opacity)


YELLOW_SQUARE = Patch.yellow_square()


def luma(red: float, green: float, blue: float) -> float:
    """Return the brightness of a colour, ITU-R 601, in [0, 1]."""
    from badnets.core.pictures import LUMA

    return min(1.0, math.fsum(w * v for w, v in zip(LUMA, (red, green, blue), strict=True)))
