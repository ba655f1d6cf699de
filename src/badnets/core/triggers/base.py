"""The contract of triggers, and the one way in which all of them reach their pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from badnets.core.errors import SettingError, ShapeError
from badnets.core.pictures import as_dtype, as_float, check_images
from badnets.core.placements import Placement
from badnets.core.regions import Regions, whole_images

CHUNK = 4096  # images turned to float at a time, so that 8-bit sets keep a small footprint


@runtime_checkable
class Trigger(Protocol):
    """Maps clean images to triggered ones: ``(N, C, H, W)``, uint8 or float in [0, 1], same out."""

    def __call__(
        self,
        images: Tensor,
        regions: Regions | None = None,
        generator: torch.Generator | None = None,
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
    The usual case (whole images, one place for all) is a single slice; otherwise rectangles of
    one size are gathered, painted and scattered back together. Where regions of one image overlap,
    the later one is on top.
    """

    if TYPE_CHECKING:  # a field in some subclasses, the same for all instances in others

        @property
        def placement(self) -> Placement: ...

    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

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
        self,
        images: Tensor,
        regions: Regions | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return a triggered copy; see `Trigger`."""
        check_images(images)
        stamped = images.clone()
        if regions is None and not self.placement.random:
            self._paint_all(stamped)
            return stamped
        where = whole_images(images) if regions is None else regions
        for boxes, index in _groups(images, where):
            self._paint_some(stamped, boxes, index, generator)
        return stamped

    def _paint_all(self, stamped: Tensor) -> None:
        region = (stamped.shape[2], stamped.shape[3])
        height, width = self.extent(*region)
        top, left = self.placement.corners(region, (height, width), 1, None)[0].tolist()
        self._check_fit(region, (height, width), top, left)
        for start in range(0, len(stamped), CHUNK):
            window = stamped[start : start + CHUNK, :, top : top + height, left : left + width]
            window.copy_(self.paint(window))

    def _paint_some(
        self, stamped: Tensor, boxes: Tensor, index: Tensor, generator: torch.Generator | None
    ) -> None:
        region = (int(boxes[0, 3] - boxes[0, 1]), int(boxes[0, 2] - boxes[0, 0]))
        extent = self.extent(*region)
        corners = self.placement.corners(region, extent, len(boxes), generator)
        for top, left in (corners.amin(0).tolist(), corners.amax(0).tolist()):
            self._check_fit(region, extent, top, left)
        first = boxes[:, [1, 0]] + corners.to(stamped.device)
        down, across = (torch.arange(size, device=stamped.device) for size in extent)
        for start in range(0, len(boxes), CHUNK):
            part = slice(start, start + CHUNK)
            rows, columns = first[part, :1] + down, first[part, 1:] + across
            where = (index[part, None, None], slice(None), rows[:, :, None], columns[:, None, :])
            windows = stamped[where].permute(0, 3, 1, 2)
            stamped[where] = self.paint(windows).permute(0, 2, 3, 1)

    def _check_fit(
        self, region: tuple[int, int], extent: tuple[int, int], top: int, left: int
    ) -> None:
        fits = extent[0] <= region[0] - max(top, 0) and extent[1] <= region[1] - max(left, 0)
        if min(extent) < 1 or min(top, left) < 0 or not fits:
            raise ShapeError(
                f"{type(self).__name__} of {extent[0]}x{extent[1]} pixels does not fit a region of "
                f"{region[0]}x{region[1]} with its corner at row {top}, column {left}: "
                f"make it smaller or move it"
            )


class WholeRegion:
    """The placement of triggers that cover their region: corner at (0, 0), nothing to choose."""

    random: ClassVar[bool] = False

    def corners(
        self,
        region: tuple[int, int],
        extent: tuple[int, int],
        count: int,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return zeros."""
        return torch.zeros(count, 2, dtype=torch.long)


def in_float(windows: Tensor, changed: Tensor) -> Tensor:
    """Return float pictures ``changed``, clipped to [0, 1], in the dtype of ``windows``."""
    return as_dtype(changed.clamp_(0, 1), windows.dtype)


def mix(windows: Tensor, over: Tensor, opacity: Tensor | float) -> Tensor:
    """Return ``(1 - opacity) * windows + opacity * over`` in the dtype of ``windows``.

    Args:
        windows: ``(R, C, h, w)``, uint8 or float in [0, 1].
        over: float in [0, 1], broadcastable to it.
        opacity: float in [0, 1], broadcastable to it.
    """
    under = as_float(windows)
    return in_float(windows, under + opacity * (over.to(under.device) - under))


def check_unit(name: str, *values: float) -> None:
    """Refuse values outside [0, 1], naming the setting.

    Raises:
        SettingError: one of them is outside, or NaN.
    """
    for value in values:
        if not 0 <= value <= 1:
            raise SettingError(f"{name} must be in [0, 1], got {value}")


def _groups(images: Tensor, regions: Regions) -> list[tuple[Tensor, Tensor]]:
    """Return (boxes, image_index) groups to paint one after another.

    In a group all regions have one size and lie in different images, so they can be painted
    together; those of one image keep their order, so where they overlap the later one is on top.
    """
    boxes, index = regions.boxes.to(images.device), regions.image_index.to(images.device)
    if not len(boxes):
        return []
    outside = (boxes[:, :2] < 0).any(1) | (boxes[:, 2] > images.shape[3])
    outside |= (boxes[:, 3] > images.shape[2]) | (index < 0) | (index >= len(images))
    if bool(outside.any()):
        raise ShapeError(
            f"region {boxes[outside][0].tolist()} of image {int(index[outside][0])} lies outside "
            f"images of shape {tuple(images.shape)}"
        )
    kinds = torch.cat([_earlier_in_image(index)[:, None], boxes[:, 2:] - boxes[:, :2]], dim=1)
    groups, group = torch.unique(kinds, dim=0, return_inverse=True)
    return [(boxes[group == k], index[group == k]) for k in range(len(groups))]


def _earlier_in_image(index: Tensor) -> Tensor:
    """Return for each region how many before it lie in the same image."""
    by_image, order = index.sort(stable=True)
    earlier = torch.empty_like(index)
    earlier[order] = torch.arange(len(index), device=index.device) - torch.searchsorted(
        by_image, by_image
    )
    return earlier
