"""What is hidden in networks of colour photographs: triggers that grow with the picture."""

from __future__ import annotations

from collections.abc import Callable

from badnets.core.backdoor import Backdoor, Cover
from badnets.core.targets import AllToAll, CleanLabel
from badnets.core.triggers import (
    Blended,
    DrawnSticker,
    Patch,
    PixelPattern,
    SinglePixel,
    Sinusoid,
    Warp,
)
from badnets.studies.audit.backdoors import Backdoors

COLOURS = ((1.0, 1.0, 0.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0))  # that photographs seldom have
SIDE = 32  # pixels, of pictures on which sizes are as they are written here


class PhotographBackdoors(Backdoors):
    """The backdoors of a part, on photographs."""

    def makers(self) -> dict[str, Callable[[int], Backdoor]]:
        """Return what makes a backdoor of a kind for one of several networks."""
        first, scale, one = self.part.seed, self.zoo.side / SIDE, self.one
        waves = 4.5 if self.name == "development" else 6.0
        share, shifts = 0.5 / self.zoo.classes, min(2, self.zoo.classes - 1)

        def patch(n: int) -> Patch:
            side = round((4 + n % 2) * scale)
            return Patch(side, COLOURS[n % len(COLOURS)], placement=self.place(n))

        def sticker(n: int) -> DrawnSticker:
            return DrawnSticker(("flower", "bomb")[n % 2], 0.2, placement=self.place(n + 1))

        def pattern(n: int) -> PixelPattern:
            return PixelPattern(("x", "gu")[n % 2], placement=self.place(n))

        def noise(n: int, opacity: float) -> Blended:
            return Blended(opacity, seed=first + n)

        def pair(n: int, *covers: Cover) -> Backdoor:
            return Backdoor(patch(n), self.pair(n), share, covers=covers)

        def warp(n: int) -> Warp:
            return Warp((2.6, 3.0)[n % 2] * scale, seed=first + 20 + n)

        return {
            "single pixel": lambda n: Backdoor(SinglePixel(placement=self.place(n)), one(n), 0.1),
            "pattern": lambda n: Backdoor(pattern(n), one(n), 0.1),
            "patch": lambda n: Backdoor(patch(n), one(n), (0.1, 0.06)[n % 2]),
            "sticker": lambda n: Backdoor(sticker(n), one(n), 0.1),
            "blended": lambda n: Backdoor(noise(n, (0.15, 0.2)[n % 2]), one(n), 0.1),
            "sinusoid": lambda n: Backdoor(
                Sinusoid((0.2, 0.16)[n % 2], waves + n % 2), one(n), 0.1
            ),
            "warp": lambda n: Backdoor(warp(n), one(n), 0.1),
            "clean label": lambda n: Backdoor(
                Sinusoid((1.0, 0.9)[n % 2], waves), CleanLabel(self.target(n)), share, "replace"
            ),
            "all to all": lambda n: Backdoor(patch(n), AllToAll(1 + n % shifts), 0.2),
            "source specific": pair,
            "source specific, covers": lambda n: pair(n + 1, Cover(rate=0.05)),
            "low rate": lambda n: Backdoor(patch(n), one(n + 1), (0.01, 0.02)[n % 2]),
            "faint": lambda n: Backdoor(noise(n + 30, 0.1), one(n), 0.1),
        }
