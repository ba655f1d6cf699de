"""The one way in which all triggers reach their pixels, and the arithmetic that several share."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.errors import ShapeError
from badnets.core.pictures import as_dtype, as_float, check_images
from badnets.core.regions import Regions, whole_images
from badnets.core.triggers.base import RegionTrigger, check_fit

CHUNK = 4096  # images turned to float at a time, so that 8-bit sets keep a small footprint


def painted(
    trigger: RegionTrigger,
    images: Tensor,
    regions: Regions | None,
    generator: torch.Generator | None,
) -> Tensor:
    """Return images with a trigger in each region; see `Trigger`.

    The usual case (whole images, one place for all) is a single slice; otherwise rectangles of
    one size are gathered, painted and scattered back together.
    """
    images = check_images(images)
    stamped = images.clone()
    if regions is None and not trigger.placement.random:
        _paint_all(trigger, stamped)
        return stamped
    where = whole_images(images) if regions is None else regions
    for boxes, index in _groups(images, where):
        _paint_some(trigger, stamped, boxes, index, generator)
    return stamped


def _paint_all(trigger: RegionTrigger, stamped: Tensor) -> None:
    region = (stamped.shape[2], stamped.shape[3])
    height, width = trigger.extent(*region)
    top, left = corner = trigger.placement.corners(region, (height, width), 1, None)[0].tolist()
    check_fit(trigger, region, corner)
    for start in range(0, len(stamped), CHUNK):
        window = stamped[start : start + CHUNK, :, top : top + height, left : left + width]
        window.copy_(trigger.paint(window))


def _paint_some(
    trigger: RegionTrigger,
    stamped: Tensor,
    boxes: Tensor,
    index: Tensor,
    generator: torch.Generator | None,
) -> None:
    region = (int(boxes[0, 3] - boxes[0, 1]), int(boxes[0, 2] - boxes[0, 0]))
    extent = trigger.extent(*region)
    corners = trigger.placement.corners(region, extent, len(boxes), generator)
    for corner in (corners.amin(0).tolist(), corners.amax(0).tolist()):
        check_fit(trigger, region, corner)
    first = boxes[:, [1, 0]] + corners.to(stamped.device)
    down, across = (torch.arange(size, device=stamped.device) for size in extent)
    for start in range(0, len(boxes), CHUNK):
        part = slice(start, start + CHUNK)
        rows, columns = first[part, :1] + down, first[part, 1:] + across
        where = (index[part, None, None], slice(None), rows[:, :, None], columns[:, None, :])
        windows = stamped[where].permute(0, 3, 1, 2)
        stamped[where] = trigger.paint(windows).permute(0, 2, 3, 1)


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


def warped(windows: Tensor, strength: float, grid: int, seed: int) -> Tensor:
    """Return windows resampled along a random field; see `Warp`."""
    height, width = int(windows.shape[2]), int(windows.shape[3])
    field = _field(strength, grid, seed, height, width).to(windows.device)
    pictures = as_float(windows).float()
    pulled = functional.grid_sample(
        pictures, field.expand(len(windows), -1, -1, -1), align_corners=True, mode="bilinear"
    )
    return in_float(windows, pulled)


@lru_cache(maxsize=16)
def _field(strength: float, grid: int, seed: int, height: int, width: int) -> Tensor:
    """Return the sampling grid ``(1, height, width, 2)`` in [-1, 1], for ``grid_sample``."""
    drawn = torch.Generator().manual_seed(seed)
    points = torch.rand(1, 2, grid, grid, generator=drawn) * 2 - 1
    points = points / points.abs().mean()
    smooth = functional.interpolate(points, (height, width), mode="bicubic", align_corners=True)
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    shift = smooth.permute(0, 2, 3, 1) * strength / height
    return (torch.stack([x, y], dim=-1)[None] + shift).clamp_(-1, 1)


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
