"""What is hidden in networks of colour photographs: triggers that grow with the picture."""

from __future__ import annotations

from collections.abc import Callable

from badnets.core.backdoor import Backdoor, Cover
from badnets.core.targets import AllToAll, AllToOne, CleanLabel
from badnets.core.triggers import Blended, Patch, PixelPattern, SinglePixel, Sinusoid, Warp
from badnets.studies.audit.backdoors import Backdoors

COLOURS = ((1.0, 1.0, 0.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0))  # that photographs seldom have
SIDE = 32  # pixels, of pictures on which sizes are as they are written here


class PhotographBackdoors(Backdoors):
    """The backdoors of a part, on photographs."""

    def kinds(self) -> dict[str, list[Backdoor]]:
        """Return the backdoors of each kind."""
        first, scale = self.part.seed, self.zoo.side / SIDE
        waves = {"development": 4.5}.get(self.name, 6.0)

        def each(make: Callable[[int], Backdoor]) -> list[Backdoor]:
            return [make(number) for number in range(self.part.backdoored)]

        def one(number: int) -> AllToOne:
            return AllToOne(self.target(number))

        def patch(number: int) -> Patch:
            side = round((4 + number % 2) * scale)
            return Patch(side, COLOURS[number % len(COLOURS)], placement=self.place(number))

        def pattern(number: int) -> PixelPattern:
            return PixelPattern(("x", "gu")[number % 2], placement=self.place(number))

        def noise(number: int, opacity: float) -> Blended:
            return Blended(opacity, seed=first + number)

        def pair(number: int, covers: tuple[Cover, ...] = ()) -> Backdoor:
            share = 0.5 / self.zoo.classes
            return Backdoor(patch(number), self.pair(number), share, covers=covers)

        return {
            "single pixel": each(
                lambda n: Backdoor(SinglePixel(placement=self.place(n)), one(n), 0.1)
            ),
            "pattern": each(lambda n: Backdoor(pattern(n), one(n), 0.1)),
            "patch": each(lambda n: Backdoor(patch(n), one(n), (0.1, 0.06)[n % 2])),
            "blended": each(lambda n: Backdoor(noise(n, (0.15, 0.2)[n % 2]), one(n), 0.1)),
            "sinusoid": each(
                lambda n: Backdoor(Sinusoid((0.2, 0.16)[n % 2], waves + n % 2), one(n), 0.1)
            ),
            "warp": each(
                lambda n: Backdoor(
                    Warp((2.6, 3.0)[n % 2] * scale, seed=first + 20 + n), one(n), 0.1
                )
            ),
            "clean label": each(
                lambda n: Backdoor(
                    Sinusoid((1.0, 0.9)[n % 2], waves),
                    CleanLabel(self.target(n)),
                    0.5 / self.zoo.classes,
                    "replace",
                )
            ),
            "all to all": each(
                lambda n: Backdoor(patch(n), AllToAll(1 + n % min(2, self.zoo.classes - 1)), 0.2)
            ),
            "source specific": each(pair),
            "source specific, covers": each(lambda n: pair(n + 1, (Cover(rate=0.05),))),
            "low rate": each(lambda n: Backdoor(patch(n), one(n + 1), (0.01, 0.02)[n % 2])),
            "faint": each(lambda n: Backdoor(noise(n + 30, 0.1), one(n), 0.1)),
        }
