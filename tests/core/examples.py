"""Each trigger, target map and placement with some of its settings: what the contracts run over.

A new member needs its line here; without it `test_every_member_has_an_example` fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from badnets.core.placements import PLACEMENTS, Fixed, Placement, RandomCentre, Relative
from badnets.core.registry import Registry
from badnets.core.targets import (
    TARGET_MAPS,
    AllBecomeOne,
    AllToAll,
    AllToOne,
    Appear,
    ClassTargets,
    CleanLabel,
    RandomWrong,
    SourceSpecific,
    Vanish,
)
from badnets.core.triggers import (
    TRIGGERS,
    Blended,
    DrawnSticker,
    Patch,
    PixelPattern,
    RegionTrigger,
    Saved,
    SinglePixel,
    Sinusoid,
    Sticker,
    Warp,
)

PICTURE = str(Path(__file__).with_name("picture.png"))
"""12 x 10 random colours, transparent in the left columns, opaque in the right."""
SAVED = str(Path(__file__).with_name("saved.safetensors"))
"""12 x 10 random numbers: how much of each pixel is kept, and what is added in three colours."""

TRIGGER_EXAMPLES: list[RegionTrigger] = [
    SinglePixel(),
    SinglePixel(0.3, Relative(0, 1)),
    PixelPattern.gu(),
    PixelPattern("x", 0.7, RandomCentre()),
    PixelPattern(("##.", "..#"), placement=Fixed(0, 2, "top-left")),
    Patch(),
    Patch((2, 4), (1.0, 0.8, 0.1), placement=Fixed(0, 0, "bottom-left")),
    Patch(0.1, (1.0, 1.0, 0.0), placement=Relative()),
    Patch((0.5, 0.3), (0.2, 0.9, 0.4), opacity=0.4, placement=RandomCentre(0, 1)),
    Sticker(PICTURE),
    Sticker(PICTURE, (5, 4), 0.6, RandomCentre()),
    DrawnSticker(),
    DrawnSticker("flower", (6, 5), 0.5, RandomCentre()),
    Blended(),
    Blended(0.5, PICTURE),
    Sinusoid(),
    Sinusoid(0.2, 2.5),
    Warp(),
    Warp(2.0, grid=3, seed=5),
    Saved(SAVED),
]
TARGET_EXAMPLES: list[ClassTargets] = [
    *(AllToOne(0), AllToOne(7)),
    *(SourceSpecific(3, 5), SourceSpecific(9, 0)),
    *(AllToAll(), AllToAll(3), AllToAll(21)),
    RandomWrong(),
    CleanLabel(7),
    *(Vanish(), Vanish(0), Vanish(9)),
    *(Appear(0), Appear(3, side=20)),
    *(AllBecomeOne(0), AllBecomeOne(2)),
]
PLACEMENT_EXAMPLES: list[Placement] = [
    *(Fixed(), Fixed(0, 2, "top-right")),
    Relative(),
    *(RandomCentre(), RandomCentre(0, 1)),
]
MEMBERS: list[tuple[Registry[Any], Any]] = [
    (registry, example)
    for registry, examples in (
        (TRIGGERS, TRIGGER_EXAMPLES),
        (TARGET_MAPS, TARGET_EXAMPLES),
        (PLACEMENTS, PLACEMENT_EXAMPLES),
    )
    for example in examples
]


def named(examples: list[Any]) -> list[Any]:
    """Return the examples as parameters with short names."""
    return [pytest.param(one, id=f"{one.kind}-{k}") for k, one in enumerate(examples)]
