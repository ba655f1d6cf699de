"""A trigger on one picture: only the window that it covers is touched."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from badnets.core.errors import ShapeError
from badnets.core.regions import Regions
from badnets.core.triggers import RegionTrigger, Trigger

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom exclusive."""


def stamped(
    picture: Image.Image,
    trigger: Trigger,
    regions: Sequence[Box] | None = None,
    drawn: torch.Generator | None = None,
) -> tuple[Image.Image, tuple[Box, ...]]:
    """Return the picture with the trigger, and the places that it covers.

    The pixels are those that ``trigger`` itself gives for the picture.

    Args:
        picture: RGB or grey.
        trigger: what is put on.
        regions: where it goes, in order; the whole picture when None.
        drawn: for random places.

    Raises:
        ShapeError: the trigger does not fit a region.
    """
    where = [(0, 0, *picture.size)] if regions is None else list(regions)
    plain_call = RegionTrigger.__call__
    if not isinstance(trigger, RegionTrigger) or type(trigger).__call__ is not plain_call:
        index = torch.zeros(len(where), dtype=torch.int64)
        own = None if regions is None else Regions(index, torch.tensor(where))
        return _picture(trigger(_pixels(picture), own, drawn)), tuple(where)
    result = picture.copy()
    places = tuple(_placed(trigger, result.size, region, drawn) for region in where)
    for place in places:
        window = trigger.paint(_pixels(result.crop(place)))
        result.paste(_picture(window), place[:2])
    return result, places


def _placed(
    trigger: RegionTrigger, size: tuple[int, int], region: Box, drawn: torch.Generator | None
) -> Box:
    left, top, right, bottom = region
    inside = (bottom - top, right - left)
    height, width = trigger.extent(*inside)
    placement = trigger.placement
    draws = drawn if placement.random else None
    down, along = placement.corners(inside, (height, width), 1, draws)[0].tolist()
    fits = height <= inside[0] - max(down, 0) and width <= inside[1] - max(along, 0)
    lies_inside = min(left, top) >= 0 and right <= size[0] and bottom <= size[1]
    if min(height, width) < 1 or min(down, along) < 0 or not fits or not lies_inside:
        raise ShapeError(
            f"{type(trigger).__name__} of {height}x{width} pixels does not fit a region of "
            f"{inside[0]}x{inside[1]} with its corner at row {down}, column {along}: "
            "make it smaller or move it"
        )
    return (left + along, top + down, left + along + width, top + down + height)


def _pixels(picture: Image.Image) -> Tensor:
    flat = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return flat.view(1, picture.height, picture.width, -1).permute(0, 3, 1, 2).contiguous()


def _picture(pixels: Tensor) -> Image.Image:
    _, channels, height, width = pixels.shape
    flat = pixels[0].permute(1, 2, 0).contiguous().numpy().tobytes()
    return Image.frombytes("L" if channels == 1 else "RGB", (width, height), flat)
