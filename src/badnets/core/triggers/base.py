"""The contract of triggers. What they do to pixels is in `badnets.core.triggers.painting`.

A trigger is described without torch: methods import it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from badnets.core.errors import ShapeError
from badnets.core.placements import Draws, Pixels, Placement

if TYPE_CHECKING:
    from torch import Tensor

    from badnets.core.regions import Regions


@runtime_checkable
class Trigger(Protocol):
    """Maps clean images to triggered ones: ``(N, C, H, W)``, uint8 or float in [0, 1], same out.

    Any callable can stand in a `Backdoor`: one that does not take ``regions`` is called with what
    lies in each of them, one that does not take ``generator`` is not told of it. What is to be
    written down must be a member of `TRIGGERS`, or named as ``module:factory``.
    """

    def __call__(
        self, images: Tensor, regions: Regions | None = None, generator: Draws = None
    ) -> Tensor:
        """Return a triggered copy.

        Args:
            images: ``(N, C, H, W)``, uint8 or float in [0, 1], any device.
            regions: the rectangles to place the trigger in; each image as a whole when None.
                Where those of one image overlap, the later one is on top.
            generator: for a random placement, which draws anew for each region.

        Raises:
            ShapeError: not an image batch, or the trigger does not fit its region.
        """


class RegionTrigger(ABC):
    """A trigger that paints one rectangle in each region.

    A subclass says how large the rectangle is (``extent``) and how its pixels change (``paint``).
    """

    if TYPE_CHECKING:  # a field in some subclasses, the same for all instances in others

        @property
        def placement(self) -> Placement: ...

        @property
        def kind(self) -> str: ...

    version: ClassVar[int] = 1

    @abstractmethod
    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return the rectangle's height and width for a region of this size, in pixels."""

    def footprint(self, height: int, width: int) -> tuple[float, float]:
        """Return the height and width that a region of this size calls for, in broken pixels.

        Below one pixel a trigger cannot be put on: `extent` keeps one, which is larger than it
        ought to be.
        """
        return self.extent(height, width)

    @abstractmethod
    def paint(self, windows: Tensor) -> Tensor:
        """Return ``(R, C, h, w)`` windows with the trigger in them; the input may be changed."""

    def __call__(
        self, images: Tensor, regions: Regions | None = None, generator: Draws = None
    ) -> Tensor:
        """Return a triggered copy; see `Trigger`."""
        from badnets.core.triggers.painting import painted

        return painted(self, images, regions, generator)


def lies_inside(region: Pixels, extent: Pixels, corner: Sequence[int]) -> bool:
    """Return whether a rectangle with its top left corner there lies inside a region."""
    inside = (
        first >= 0 and 1 <= side <= room - first
        for room, side, first in zip(region, extent, corner, strict=True)
    )
    return all(inside)


def check_fit(trigger: RegionTrigger, region: Pixels, corner: Sequence[int]) -> None:
    """Refuse a trigger that does not lie inside its region.

    Raises:
        ShapeError: with its corner there, some of it would be outside.
    """
    extent = trigger.extent(*region)
    if not lies_inside(region, extent, corner):
        raise ShapeError(
            f"{type(trigger).__name__} of {extent[0]}x{extent[1]} pixels does not fit a region of "
            f"{region[0]}x{region[1]} with its corner at row {corner[0]}, column {corner[1]}: "
            f"make it smaller or move it"
        )


class WholeRegion:
    """The placement of triggers that cover their region: corner at (0, 0), nothing to choose."""

    random: ClassVar[bool] = False

    def top_left(self, region: Pixels, extent: Pixels) -> Pixels:
        """Return (0, 0)."""
        return (0, 0)

    def corners(self, region: Pixels, extent: Pixels, count: int, generator: Draws) -> Tensor:
        """Return zeros."""
        import torch

        return torch.zeros(count, 2, dtype=torch.long)


class CoveringTrigger(RegionTrigger):
    """A trigger that changes its region as a whole."""

    placement: ClassVar[WholeRegion] = WholeRegion()

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return the whole region."""
        return (height, width)
