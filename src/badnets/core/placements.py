"""Placements: where in its region a trigger goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol, get_args

import torch
from pydantic import Field
from torch import Tensor

from badnets.core.errors import SettingError

Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]


class Placement(Protocol):
    """Says where the top left corner of a trigger goes, for a batch of regions."""

    @property
    def random(self) -> bool:
        """Whether the place is drawn anew for each region, and so needs a generator."""

    def corners(
        self,
        region: tuple[int, int],
        extent: tuple[int, int],
        count: int,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return ``(count, 2)`` int64 ``(top, left)`` offsets inside regions of one size.

        Args:
            region: height and width of the regions, in pixels.
            extent: height and width of the trigger, in pixels.
            count: how many regions.
            generator: source of randomness; only a random placement asks for it.
        """


@dataclass(frozen=True)
class Fixed:
    """A gap in pixels from one corner of the region to the trigger's nearest edges.

    Args:
        down: gap to the region's top or bottom edge, in pixels, ``>= 0``.
        along: gap to the region's left or right edge, in pixels, ``>= 0``.
        corner: the corner that both gaps are measured from.
    """

    down: int = 1
    along: int = 1
    corner: Corner = "bottom-right"
    kind: Literal["fixed"] = "fixed"
    random: ClassVar[bool] = False
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.corner not in get_args(Corner):
            raise SettingError(
                f"corner must be one of {', '.join(get_args(Corner))}, got {self.corner!r}"
            )
        if self.down < 0 or self.along < 0:
            raise SettingError(f"gaps must be >= 0 pixels, got {self.down} and {self.along}")

    def corners(
        self,
        region: tuple[int, int],
        extent: tuple[int, int],
        count: int,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return the same ``(top, left)`` for every region."""
        vertical, horizontal = self.corner.split("-")
        top = self.down if vertical == "top" else region[0] - self.down - extent[0]
        left = self.along if horizontal == "left" else region[1] - self.along - extent[1]
        return torch.tensor([[top, left]]).expand(count, 2)


@dataclass(frozen=True)
class Relative:
    """The trigger's centre as a fraction of the region.

    Args:
        y: from the top, in [0, 1].
        x: from the left, in [0, 1].

    References:
        The authors' traffic-sign code puts the targeted trigger at (x, y) = (0.57, 0.82).
    """

    y: float = 0.82
    x: float = 0.57
    kind: Literal["relative"] = "relative"
    random: ClassVar[bool] = False
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not (0 <= self.y <= 1 and 0 <= self.x <= 1):
            raise SettingError(f"y and x must be in [0, 1], got {self.y} and {self.x}")

    def corners(
        self,
        region: tuple[int, int],
        extent: tuple[int, int],
        count: int,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return the same ``(top, left)`` for every region, kept inside it where it fits."""
        centre = torch.tensor([[self.y, self.x]], dtype=torch.float64).expand(count, 2)
        return _around(centre, region, extent)


@dataclass(frozen=True)
class RandomCentre:
    """The trigger's centre drawn uniformly, anew for each region.

    Args:
        low: least fraction of the region on each axis, in [0, 1].
        high: greatest fraction, ``>= low``.

    References:
        The authors' traffic-sign code draws the random attack's centre in [0.15, 0.85].
    """

    low: float = 0.15
    high: float = 0.85
    kind: Literal["random"] = "random"
    random: ClassVar[bool] = True
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise SettingError(
                f"want 0 <= low <= high <= 1, got low {self.low} and high {self.high}"
            )

    def corners(
        self,
        region: tuple[int, int],
        extent: tuple[int, int],
        count: int,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return a ``(top, left)`` of its own for every region.

        Raises:
            SettingError: no generator was handed in.
        """
        if generator is None:
            raise SettingError("a random placement needs a generator: pass generator=...")
        drawn = torch.rand(
            count, 2, generator=generator, dtype=torch.float64, device=generator.device
        )
        return _around(self.low + (self.high - self.low) * drawn.cpu(), region, extent)


# A field of one of these kinds; plain values must say which, so that none is ever guessed.
AnyPlacement = Annotated[Fixed | Relative | RandomCentre, Field(discriminator="kind")]
FixedPlacement = Annotated[Fixed | Relative, Field(discriminator="kind")]


def _around(centre: Tensor, region: tuple[int, int], extent: tuple[int, int]) -> Tensor:
    size, own = torch.tensor(region), torch.tensor(extent)
    corner = (centre * size - own / 2).round().long()
    return torch.minimum(corner, size - own).clamp(min=0)
