"""The paper's two picture stickers, a bomb and a flower, in drawings of our own."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from badnets.core.triggers.picture_file import resized_rgba
from badnets.core.triggers.sticker import Drawing

CANVAS = 480  # pixels on a side of a drawing before it is made small


@lru_cache(maxsize=64)
def small(drawing: Drawing, height: int, width: int) -> Tensor:
    """Return a drawing at a size, ``(4, height, width)`` float in [0, 1]."""
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
