"""Placements: where in its region a trigger goes. They are described without torch."""

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Annotated,
    ClassVar,
    Literal,
    Protocol,
    TypeAlias,
    runtime_checkable,
)

from pydantic import Field

from badnets.core.errors import SettingError
from badnets.core.registry import Registry
from badnets.core.settings import Share, WholePixels, settings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Pixels: TypeAlias = tuple[int, int]
"""Height and width, in pixels."""

Draws: TypeAlias = "torch.Generator | None"
Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]


@runtime_checkable
class Placement(Protocol):
    """Says where the top left corner of a trigger goes, for a batch of regions."""

    @property
    def random(self) -> bool:
        """Whether the place is drawn anew for each region, and so needs a generator."""

    def corners(self, region: Pixels, extent: Pixels, count: int, generator: Draws) -> Tensor:
        """Return ``(count, 2)`` int64 ``(top, left)`` offsets inside regions of one size.

        Args:
            region: height and width of the regions, in pixels.
            extent: height and width of the trigger, in pixels.
            count: how many regions.
            generator: source of randomness; only a random placement asks for it.
        """


PLACEMENTS: Registry[Placement] = Registry(
    "placement",
    {
        "fixed": "badnets.core.placements:Fixed",
        "relative": "badnets.core.placements:Relative",
        "random": "badnets.core.placements:RandomCentre",
    },
    contract=Placement,
)
AnyPlacement: TypeAlias = Annotated[Placement, PLACEMENTS.field()]
FixedPlacement: TypeAlias = Annotated[Placement, PLACEMENTS.field("fixed", "relative")]


@settings
class Fixed:
    """A gap in pixels from one corner of the region to the trigger's nearest edges.

    Args:
        down: gap to the region's top or bottom edge, in pixels.
        along: gap to the region's left or right edge, in pixels.
        corner: the corner that both gaps are measured from.
    """

    down: WholePixels = Field(default=1, ge=0)
    along: WholePixels = Field(default=1, ge=0)
    corner: Corner = "bottom-right"
    kind: Literal["fixed"] = "fixed"
    random: ClassVar[bool] = False

    def top_left(self, region: Pixels, extent: Pixels) -> Pixels:
        """Return ``(top, left)``, which lies outside the region where it does not fit."""
        vertical, horizontal = self.corner.split("-")
        top = self.down if vertical == "top" else region[0] - self.down - extent[0]
        left = self.along if horizontal == "left" else region[1] - self.along - extent[1]
        return (top, left)

    def corners(self, region: Pixels, extent: Pixels, count: int, generator: Draws) -> Tensor:
        """Return the same ``(top, left)`` for every region."""
        return _same(self.top_left(region, extent), count)


@settings
class Relative:
    """The trigger's centre as a fraction of the region.

    Args:
        y: from the top, in [0, 1].
        x: from the left, in [0, 1].

    References:
        The authors' traffic-sign code puts the targeted trigger at (x, y) = (0.57, 0.82).
    """

    y: Share = 0.82
    x: Share = 0.57
    kind: Literal["relative"] = "relative"
    random: ClassVar[bool] = False

    def top_left(self, region: Pixels, extent: Pixels) -> Pixels:
        """Return ``(top, left)``, kept inside the region where it fits."""
        corner = (
            max(0, min(round(share * size - own / 2), size - own))
            for share, size, own in zip((self.y, self.x), region, extent, strict=True)
        )
        return (next(corner), next(corner))

    def corners(self, region: Pixels, extent: Pixels, count: int, generator: Draws) -> Tensor:
        """Return the same ``(top, left)`` for every region, kept inside it where it fits."""
        return _same(self.top_left(region, extent), count)


@settings
class RandomCentre:
    """The trigger's centre drawn uniformly, anew for each region.

    Args:
        low: least fraction of the region on each axis.
        high: greatest fraction, at least as large as low.

    References:
        The authors' traffic-sign code draws the random attack's centre in [0.15, 0.85].
    """

    low: Share = 0.15
    high: Share = 0.85
    kind: Literal["random"] = "random"
    random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise SettingError(f"low must be <= high, got low {self.low} and high {self.high}")

    def corners(self, region: Pixels, extent: Pixels, count: int, generator: Draws) -> Tensor:
        """Return a ``(top, left)`` of its own for every region.

        Raises:
            SettingError: no generator was handed in.
        """
        import torch

        if generator is None:
            raise SettingError("a random placement needs a generator: pass generator=...")
        drawn = torch.rand(
            count, 2, generator=generator, dtype=torch.float64, device=generator.device
        )
        centre = self.low + (self.high - self.low) * drawn.cpu()
        size, own = torch.tensor(region), torch.tensor(extent)
        corner = (centre * size - own / 2).round().long()
        return torch.minimum(corner, size - own).clamp(min=0)


def _same(corner: Pixels, count: int) -> Tensor:
    import torch

    return torch.tensor([corner]).expand(count, 2)
