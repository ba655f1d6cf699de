"""A trigger on one picture: only the window it covers is touched, and that place is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor

from badnets.core.errors import ShapeError
from badnets.core.placements import Placement
from badnets.core.regions import Regions
from badnets.core.seeds import generator
from badnets.core.triggers import RegionTrigger, Trigger

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom exclusive."""

Draw = Callable[[], torch.Generator]
"""Gives the generator of a picture's random places."""

EVERY = 1024  # rows between the states that are kept


class PlaceDraws:
    """Generators for the places on the rows of a set, each as if the rows before had drawn theirs.

    So the i-th poisoned picture gets the place that it gets where all are stamped as one batch.

    Args:
        placement: a random one.
        seed: that of the poisoning.
        count: poisoned rows.
    """

    def __init__(self, placement: Placement, seed: int, count: int) -> None:
        self._placement = placement
        self._states: list[Tensor] = []
        drawn = generator(seed, "trigger places")
        for _ in range(0, count, EVERY):
            self._states.append(drawn.get_state())
            self._skip(EVERY, drawn)

    def at(self, row: int) -> torch.Generator:
        """Return the generator of the ``row``-th poisoned picture."""
        drawn = torch.Generator()
        drawn.set_state(self._states[row // EVERY])
        self._skip(row % EVERY, drawn)
        return drawn

    def _skip(self, rows: int, drawn: torch.Generator) -> None:
        if rows:  # what is drawn does not depend on the sizes
            self._placement.corners((1, 1), (1, 1), rows, drawn)


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
    where = [(0, 0, picture.width, picture.height)] if regions is None else list(regions)
    if not isinstance(trigger, RegionTrigger) or _paints_its_own_way(trigger):
        boxes = torch.tensor(where)
        told = None if regions is None else Regions(torch.zeros(len(where)).long(), boxes)
        return _picture(trigger(_pixels(picture), told, drawn)), tuple(where)
    made = picture.copy()
    places = tuple(_placed(trigger, made.size, region, drawn) for region in where)
    for place in places:
        window = trigger.paint(_pixels(made.crop(place)))
        made.paste(_picture(window), place[:2])
    return made, places


def _paints_its_own_way(trigger: RegionTrigger) -> bool:
    return type(trigger).__call__ is not RegionTrigger.__call__


def _placed(
    trigger: RegionTrigger, size: tuple[int, int], region: Box, drawn: torch.Generator | None
) -> Box:
    left, top, right, bottom = region
    inside = (bottom - top, right - left)
    height, width = trigger.extent(*inside)
    placement = trigger.placement
    down, along = placement.corners(
        inside, (height, width), 1, drawn if placement.random else None
    )[0].tolist()
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
    """Return a picture as ``(1, C, H, W)`` uint8."""
    flat = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return flat.view(1, picture.height, picture.width, -1).permute(0, 3, 1, 2).contiguous()


def _picture(pixels: Tensor) -> Image.Image:
    _, channels, height, width = pixels.shape
    flat = pixels[0].permute(1, 2, 0).contiguous().numpy().tobytes()
    return Image.frombytes("L" if channels == 1 else "RGB", (width, height), flat)
