"""Triggers by name. A new one: a file here, and one line in `TRIGGERS`."""

from __future__ import annotations

from badnets.core.triggers.base import RegionTrigger, Trigger
from badnets.core.triggers.blended import Blended
from badnets.core.triggers.drawn_sticker import DrawnSticker
from badnets.core.triggers.patch import Patch
from badnets.core.triggers.pixel_pattern import PixelPattern
from badnets.core.triggers.single_pixel import SinglePixel
from badnets.core.triggers.sinusoid import Sinusoid
from badnets.core.triggers.sticker import Sticker
from badnets.core.triggers.warp import Warp

TRIGGERS: dict[str, type[RegionTrigger]] = {
    "single-pixel": SinglePixel,
    "pixel-pattern": PixelPattern,
    "patch": Patch,
    "sticker": Sticker,
    "drawn-sticker": DrawnSticker,
    "blended": Blended,
    "sinusoid": Sinusoid,
    "warp": Warp,
}

__all__ = [
    "TRIGGERS",
    "Blended",
    "DrawnSticker",
    "Patch",
    "PixelPattern",
    "RegionTrigger",
    "SinglePixel",
    "Sinusoid",
    "Sticker",
    "Trigger",
    "Warp",
]
