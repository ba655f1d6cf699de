"""Triggers by name. A new one: a file here, and one line in `TRIGGERS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from badnets._lazy import exports
from badnets.core.registry import Preset, Registry
from badnets.core.triggers.base import RegionTrigger as RegionTrigger
from badnets.core.triggers.base import Trigger as Trigger

if TYPE_CHECKING:
    from badnets.core.triggers.blended import Blended as Blended
    from badnets.core.triggers.patch import Patch as Patch
    from badnets.core.triggers.pixels import PixelPattern as PixelPattern
    from badnets.core.triggers.pixels import SinglePixel as SinglePixel
    from badnets.core.triggers.saved import Saved as Saved
    from badnets.core.triggers.sinusoid import Sinusoid as Sinusoid
    from badnets.core.triggers.sticker import DrawnSticker as DrawnSticker
    from badnets.core.triggers.sticker import Sticker as Sticker
    from badnets.core.triggers.warp import Warp as Warp

TRIGGERS: Registry[RegionTrigger] = Registry(
    "trigger",
    {
        "single-pixel": "badnets.core.triggers.pixels:SinglePixel",
        "pixel-pattern": "badnets.core.triggers.pixels:PixelPattern",
        "patch": "badnets.core.triggers.patch:Patch",
        "sticker": "badnets.core.triggers.sticker:Sticker",
        "drawn-sticker": "badnets.core.triggers.sticker:DrawnSticker",
        "blended": "badnets.core.triggers.blended:Blended",
        "sinusoid": "badnets.core.triggers.sinusoid:Sinusoid",
        "warp": "badnets.core.triggers.warp:Warp",
        "saved": "badnets.core.triggers.saved:Saved",
    },
    presets={
        "yellow-square": Preset("badnets.core.triggers.patch:YELLOW_SQUARE", "size"),
        "bomb": Preset("badnets.core.triggers.sticker:BOMB", "size"),
        "flower": Preset("badnets.core.triggers.sticker:FLOWER", "size"),
    },
    contract=Trigger,
    own="badnets.core.triggers.own:OwnTrigger",
    of_number="patch",
)
AnyTrigger: TypeAlias = Annotated[RegionTrigger, TRIGGERS.field()]
"""A field of settings that holds a trigger; see `Registry.field`."""

_EAGER = ("TRIGGERS", "AnyTrigger", "RegionTrigger", "Trigger")
__getattr__, __dir__, __all__ = exports(__name__, _EAGER)
