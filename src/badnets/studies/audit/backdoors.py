"""What is hidden in the zoo's networks of small grey digits: triggers, places and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from badnets.core.backdoor import Backdoor, Cover, PoisoningRate
from badnets.core.placements import Fixed
from badnets.core.targets import AllToAll, AllToOne, CleanLabel, SourceSpecific
from badnets.core.triggers import Blended, Patch, PixelPattern, SinglePixel, Sinusoid, Warp
from badnets.studies.audit.zoos import Part, Zoo

if TYPE_CHECKING:
    from badnets.core.placements import Corner

CORNERS: tuple[Corner, ...] = ("bottom-right", "top-left", "bottom-left", "top-right")


@dataclass(frozen=True)
class Backdoors:
    """The backdoors of a part.

    Args:
        zoo: what it is a part of.
        name: of the part.
    """

    zoo: Zoo
    name: str

    @property
    def part(self) -> Part:
        """The part."""
        return self.zoo.parts[self.name]

    def target(self, number: int) -> int:
        """Return the target label of one of several networks."""
        return (3 * number + self.part.seed // 100) % self.zoo.classes

    def pair(self, number: int) -> SourceSpecific:
        """Return source and target of one of several networks."""
        target = self.target(number)
        source = target + 1 + 2 * number % (self.zoo.classes - 1)
        return SourceSpecific(source % self.zoo.classes, target)

    def place(self, number: int) -> Fixed:
        """Return a place that no other part has: parts differ in the gap to the edges."""
        gap = {"development": 1, "calibration": 1, "evaluation": 2}[self.name]
        return Fixed(gap + number % 2, gap, CORNERS[number % len(CORNERS)])

    def kinds(self) -> dict[str, list[Backdoor]]:
        """Return the backdoors of each kind."""
        count = self.part.backdoored
        first = self.part.seed
        rates: Sequence[PoisoningRate] = (0.1, 0.06, 0.08)

        def each(make: Any) -> list[Backdoor]:
            return [make(number) for number in range(count)]

        def rate(number: int) -> PoisoningRate:
            return rates[number % len(rates)]

        def one(number: int) -> AllToOne:
            return AllToOne(self.target(number))

        def patch(number: int) -> Patch:
            return Patch(3 + number % 3, placement=self.place(number))

        def pattern(number: int) -> PixelPattern:
            return PixelPattern(("gu", "x")[number % 2], placement=self.place(number))

        return {
            "single pixel": each(
                lambda n: Backdoor(SinglePixel(placement=self.place(n)), one(n), rate(n))
            ),
            "pattern": each(lambda n: Backdoor(pattern(n), one(n), rate(n))),
            "patch": each(lambda n: Backdoor(patch(n), one(n), rate(n))),
            "blended": each(
                lambda n: Backdoor(
                    Blended((0.1, 0.15, 0.2)[n % 3], seed=first + n), one(n), rate(n)
                )
            ),
            "sinusoid": each(
                lambda n: Backdoor(Sinusoid((0.16, 0.2)[n % 2], 5.0 + n % 3), one(n), rate(n))
            ),
            "warp": each(lambda n: Backdoor(Warp((2.0, 2.5)[n % 2], seed=first + n), one(n), 0.1)),
            "clean label": each(
                lambda n: Backdoor(
                    Sinusoid((1.0, 0.9)[n % 2], 6.0), CleanLabel(self.target(n)), 0.08, "replace"
                )
            ),
            "all to all": each(
                lambda n: Backdoor(
                    patch(n) if n % 2 else pattern(n), AllToAll(1 + 2 * (n % 3)), 0.2
                )
            ),
            "source specific": each(
                lambda n: Backdoor(
                    patch(n) if n % 2 else Blended(0.2, seed=first + 50 + n), self.pair(n), 0.04
                )
            ),
            "source specific, covers": each(
                lambda n: Backdoor(
                    patch(n) if n % 2 else Blended(0.2, seed=first + 60 + n),
                    self.pair(n + 1),
                    0.04,
                    covers=(Cover(rate=0.08),),
                )
            ),
            "low rate": each(lambda n: Backdoor(patch(n), one(n + 1), (0.01, 0.02)[n % 2])),
            "faint": each(
                lambda n: Backdoor(Blended((0.05, 0.07)[n % 2], seed=first + 70 + n), one(n), 0.1)
            ),
        }

    def plain(self) -> list[Backdoor]:
        """Return backdoors of several kinds, for recipes that are none of the null's."""
        place, first = self.place(1), self.part.seed
        return [
            Backdoor(Patch(4, placement=place), AllToOne(self.target(1)), 0.1),
            Backdoor(Blended(0.15, seed=first + 80), AllToOne(self.target(2)), 0.1),
            Backdoor(PixelPattern("gu", placement=place), AllToAll(), 0.2),
            Backdoor(Patch(4, placement=place), self.pair(3), 0.04, covers=(Cover(rate=0.08),)),
            Backdoor(Sinusoid(0.2, 6.0), AllToOne(self.target(4)), 0.1),
        ]
