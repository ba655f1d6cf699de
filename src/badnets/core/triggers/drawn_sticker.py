"""The paper's two picture stickers, a bomb and a flower, in drawings of our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.pictures import as_grey
from badnets.core.placements import AnyPlacement, Relative
from badnets.core.triggers.base import RegionTrigger, check_unit, mix
from badnets.core.triggers.patch import check_size, exact_size, sized
from badnets.core.triggers.picture_file import resized_rgba

Drawing = Literal["bomb", "flower"]
CANVAS = 480  # pixels on a side of a drawing before it is made small


@dataclass(frozen=True)
class DrawnSticker(RegionTrigger):
    """A bomb or a flower, laid over the image by its own transparency.

    Args:
        drawing: ``"bomb"`` or ``"flower"``.
        size: as for `Patch`: whole pixels, or a fraction of the region.
        opacity: multiplies the drawing's own alpha, in [0, 1].
        placement: where the sticker's bounding box goes.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the bomb and the flower on traffic
        signs. Size, place and opacity are those of the authors' code; the authors' own pictures
        go with `Sticker`.
    """

    drawing: Drawing = "bomb"
    size: int | float | tuple[int, int] | tuple[float, float] = 0.16
    opacity: float = 0.99
    placement: AnyPlacement = field(default_factory=Relative)
    kind: Literal["drawn-sticker"] = "drawn-sticker"

    def __post_init__(self) -> None:
        if self.drawing not in get_args(Drawing):
            raise SettingError(
                f"drawing must be one of {', '.join(get_args(Drawing))}, got {self.drawing!r}"
            )
        check_size(self.size)
        check_unit("opacity", self.opacity)

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return the sticker's size in pixels for a region of this size."""
        return sized(self.size, height, width)

    def footprint(self, height: int, width: int) -> tuple[float, float]:
        """Return its size before rounding; see `RegionTrigger`."""
        return exact_size(self.size, height, width)

    def paint(self, windows: Tensor) -> Tensor:
        """Return the windows with the sticker laid over them."""
        rgba = _small(self.drawing, int(windows.shape[2]), int(windows.shape[3]))
        over, alpha = rgba[:3], rgba[3:]
        if windows.shape[1] == 1:
            over = as_grey(over)
        return mix(windows, over[None], (alpha * self.opacity)[None].to(windows.device))


@lru_cache(maxsize=64)
def _small(drawing: Drawing, height: int, width: int) -> Tensor:
    return resized_rgba(drawn(drawing), height, width)


@lru_cache(maxsize=2)
def drawn(drawing: Drawing) -> Tensor:
    """Return a drawing at its own size, ``(4, H, W)`` float in [0, 1]: red, green, blue, alpha."""
    canvas = Image.new("RGBA", (CANVAS, CANVAS))
    _DRAW[drawing](ImageDraw.Draw(canvas))
    pixels = np.asarray(canvas, dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _bomb(draw: ImageDraw.ImageDraw) -> None:
    black, grey, fuse, spark = "#17181c", "#6d7078", "#8a5a2b", "#ffb000"
    draw.ellipse((40, 120, 390, 470), fill=black)
    draw.polygon([(265, 150), (325, 85), (400, 160), (340, 220)], fill=black)
    draw.arc((330, 20, 450, 140), 150, 320, fill=fuse, width=26)
    star = [
        (420 + radius * np.cos(turn), 75 + radius * np.sin(turn))
        for turn, radius in zip(
            np.linspace(0, 2 * np.pi, 16, endpoint=False), (60, 26) * 8, strict=True
        )
    ]
    draw.polygon(star, fill=spark)
    draw.arc((85, 165, 260, 340), 180, 260, fill=grey, width=26)


def _flower(draw: ImageDraw.ImageDraw) -> None:
    petal, rim, heart, dark = "#f2c200", "#c98a00", "#5c3a12", "#3a240b"
    for turn in np.linspace(0, 2 * np.pi, 8, endpoint=False):
        x, y = 240 + 150 * np.cos(turn), 240 + 150 * np.sin(turn)
        draw.ellipse((x - 86, y - 86, x + 86, y + 86), fill=petal, outline=rim, width=8)
    draw.ellipse((150, 150, 330, 330), fill=heart, outline=dark, width=12)


_DRAW = {"bomb": _bomb, "flower": _flower}
