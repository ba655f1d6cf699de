"""What the world does to a photographed sign: stickers askew, turned signs, leaves, air, lenses.

Pictures are ``(3, H, W)`` float in [0, 1], boxes ``(R, 4)`` float32 corners inside them.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from badnets.core.errors import SettingError
from badnets.core.pictures import as_dtype, as_float
from badnets.core.triggers.base import CoveringTrigger, RegionTrigger, WholeRegion

if TYPE_CHECKING:
    from badnets.core.world import Conditions

FINER = 4  # an altered sticker is drawn, and sampled, at this many times its resolution
VIEWED_FROM = 5.0  # distance of the camera to a turned sign, in longer sides of the sign
BESIDE = 3  # columns next to a turned sign that its background is taken from
RIM = 0.04  # around a turned sign that is filled too, in longer sides of the sign, plus a pixel
LEAVES = 14  # across a sign


@dataclass(frozen=True, eq=False)
class AlteredSticker(CoveringTrigger):
    """A trigger's sticker as somebody put it on: turned, of another size or colour, misplaced.

    To the machinery of triggers it covers its region; the sticker is put inside, where the
    trigger's own placement says. It is drawn as often and in the same order, so that a random
    placement gives the places that it gives to the trigger itself.

    Args:
        trigger: whose sticker; one with a placement of its own.
        conditions: rotation, size, shift and colour of the sticker.
        generator: for a random placement.

    Raises:
        SettingError: the trigger covers its region, so it has nothing to turn or to move.
    """

    trigger: RegionTrigger
    conditions: Conditions
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        if isinstance(self.trigger.placement, WholeRegion):
            raise SettingError(
                f"rotation, size, shift and colour change a sticker, and "
                f"{type(self.trigger).__name__} covers its whole region: leave them as they are"
            )

    def paint(self, windows: Tensor) -> Tensor:
        """Return the regions with the sticker in them."""
        region = (int(windows.shape[2]), int(windows.shape[3]))
        own = self.trigger.extent(*region)
        places = self.trigger.placement.corners(region, own, len(windows), self.generator)
        layers = self.layers(region).to(windows.device)
        painted = as_float(windows).clone()
        for window, place in zip(painted, places.tolist(), strict=True):
            top, left = (
                _first(place[axis] + own[axis] / 2 + self.conditions.shift[axis] * room, side, room)
                for axis, (side, room) in enumerate(zip(layers.shape[1:], region, strict=True))
            )
            _lay(window, layers, top, left)
        return as_dtype(painted, windows.dtype)

    def layers(self, region: tuple[int, int]) -> Tensor:
        """Return the sticker for a region of this size, ``(6, h, w)`` float in [0, 1].

        The first three channels are what it adds to red, green and blue, the others how much of
        each it hides.
        """
        rotation, size = self.conditions.rotation, self.conditions.size
        same = rotation == 0 and size == 1
        fine = 1 if same else FINER
        drawn = self._drawn(self.trigger.extent(fine * region[0], fine * region[1]))
        height, width = (max(1, round(size * side)) for side in self.trigger.extent(*region))
        return drawn if same else _rotated(drawn, height, width, rotation)

    def _drawn(self, extent: tuple[int, int]) -> Tensor:
        # Whatever a trigger is, on black it shows what it adds, on white what it also hides.
        on_black = self.trigger.paint(torch.zeros(1, 3, *extent))[0]
        on_white = self.trigger.paint(torch.ones(1, 3, *extent))[0]
        covered = (1 - (on_white - on_black)).clamp(0, 1)
        added = on_black * torch.tensor(self.conditions.colour).view(3, 1, 1)
        return torch.cat([torch.minimum(added, covered), covered])


def _first(middle: float, side: int, room: int) -> int:
    """Return where something around ``middle`` begins: inside the room, or else covering it."""
    spare = room - side
    return min(max(round(middle - side / 2), min(0, spare)), max(0, spare))


def _lay(window: Tensor, layers: Tensor, top: int, left: int) -> None:
    """Lay a sticker over a window; what reaches beyond it is cut off."""
    height, width = window.shape[1:]
    seen = layers[:, max(-top, 0) : height - top, max(-left, 0) : width - left]
    under = window[:, max(top, 0) : top + layers.shape[1], max(left, 0) : left + layers.shape[2]]
    under.copy_(under * (1 - seen[3:]) + seen[:3])


def _rotated(layers: Tensor, height: int, width: int, degrees: float) -> Tensor:
    """Return layers at another size and turned clockwise; outside them nothing is added."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    tall = math.ceil(abs(height * cos) + abs(width * sin) - 1e-6)
    wide = math.ceil(abs(width * cos) + abs(height * sin) - 1e-6)
    rows = (torch.arange(tall * FINER) + 0.5)[:, None] / FINER - tall / 2
    columns = (torch.arange(wide * FINER) + 0.5)[None, :] / FINER - wide / 2
    x, y = columns * cos + rows * sin, rows * cos - columns * sin
    grid = torch.stack([2 * x / width, 2 * y / height], dim=-1)[None]
    sampled = functional.grid_sample(layers[None], grid, mode="nearest", align_corners=False)
    return functional.avg_pool2d(sampled, FINER)[0]


def turned(picture: Tensor, boxes: Tensor, degrees: float) -> tuple[Tensor, Tensor]:
    """Return a picture with what is in the boxes turned about its vertical axis, and new boxes.

    Each box is a flat card seen in perspective: it becomes narrower around its centre, its nearer
    edge keeps its height, the farther one becomes shorter. What it uncovers is filled row by row
    from both sides, with a rim around the box: a lens smears a sign's edge beyond it.

    Args:
        picture: with the signs.
        boxes: of the signs.
        degrees: in (-90, 90); the right side goes away from the camera where it is positive.
    """
    seen, corners = picture.clone(), []
    for left, top, right, bottom in boxes.tolist():
        window = _rimmed((left, top, right, bottom), seen)
        card = _Card(right - left, bottom - top, math.radians(degrees))
        middle, level = (left + right) / 2, (top + bottom) / 2
        source = _between(seen[:, window[0]], left, right, max(1, round(2 * card.half)))
        source = _between(
            source.mT, top - window[0].start, bottom - window[0].start, max(1, round(bottom - top))
        ).mT
        rows = torch.arange(window[0].start, window[0].stop, device=seen.device) + 0.5 - level
        columns = torch.arange(window[1].start, window[1].stop, device=seen.device) + 0.5 - middle
        grid = card.positions(rows[:, None], columns[None, :] + card.shift)[None]
        ones = torch.ones_like(source[:1])
        laid = functional.grid_sample(torch.cat([source, ones])[None], grid, align_corners=False)[0]
        behind = _background(seen, window)
        seen[:, window[0], window[1]] = behind * (1 - laid[3:]) + laid[:3]
        half = max(card.half, 0.5)
        corners.append([max(middle - half, 0), top, min(middle + half, seen.shape[2]), bottom])
    return seen, torch.tensor(corners, device=boxes.device).reshape(-1, 4)


def _rimmed(box: tuple[float, float, float, float], picture: Tensor) -> tuple[slice, slice]:
    """Return the rows and columns of a box and its rim, inside the picture."""
    left, top, right, bottom = box
    rim = 1 + RIM * max(right - left, bottom - top)
    return (
        slice(max(math.floor(top - rim), 0), min(math.ceil(bottom + rim), picture.shape[1])),
        slice(max(math.floor(left - rim), 0), min(math.ceil(right + rim), picture.shape[2])),
    )


class _Card:
    """A flat card of some size turned by an angle, seen from in front of its centre.

    Attributes:
        scale: how much smaller than at its place it is shown, so that its near edge fits.
        half: half the width it is seen at.
        shift: by how much its middle seems to move.
    """

    def __init__(self, width: float, height: float, angle: float) -> None:
        self.width, self.height = width, height
        self.sin, self.cos = math.sin(angle), math.cos(angle)
        self.distance = VIEWED_FROM * max(width, height)
        self.scale = 1 - 0.5 * width * abs(self.sin) / self.distance
        left, right = (
            self.scale * x * self.cos / (1 + x * self.sin / self.distance)
            for x in (-width / 2, width / 2)
        )
        self.half, self.shift = (right - left) / 2, (left + right) / 2

    def positions(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return which point of the card is seen where, ``(h, w, 2)``, -1 to 1 across the card."""
        x = columns / (self.scale * self.cos - columns * self.sin / self.distance)
        y = rows * (1 + x * self.sin / self.distance) / self.scale
        return torch.stack([(2 * x / self.width).expand_as(y), 2 * y / self.height], dim=-1)


def _between(picture: Tensor, first: float, last: float, count: int) -> Tensor:
    """Return ``(C, H, count)``: means over equal parts of the columns from first to last.

    Parts may end within a pixel, which then counts by its share.
    """
    edges = torch.linspace(first, last, count + 1, device=picture.device)
    start = math.floor(first)
    columns = picture[:, :, start : math.ceil(last)]
    sums = functional.pad(columns.cumsum(2), (1, 0))
    edges = (edges - start).clamp_(0, columns.shape[2])
    whole = edges.long().clamp_(max=columns.shape[2] - 1)
    upto = torch.lerp(sums[..., whole], sums[..., whole + 1], edges - whole)
    return upto.diff(dim=2) / edges.diff().clamp(min=1e-6)


def _background(picture: Tensor, window: tuple[slice, slice]) -> Tensor:
    """Return a filling for a window: its rows run evenly from what is left of it to the right."""
    rows, columns = window
    width = columns.stop - columns.start
    left = picture[:, rows, max(columns.start - BESIDE, 0) : columns.start]
    right = picture[:, rows, columns.stop : columns.stop + BESIDE]
    sides = [side.mean(2, keepdim=True) for side in (left, right) if side.shape[2]]
    if not sides:  # the sign fills the frame's width: all there is to see is the sign
        sides = [picture[:, rows, columns].mean(2, keepdim=True)]
    ramp = torch.linspace(0, 1, width, device=picture.device)
    return torch.lerp(sides[0].expand(-1, -1, width), sides[-1].expand(-1, -1, width), ramp)


def hidden(picture: Tensor, boxes: Tensor, share: float) -> Tensor:
    """Return a picture with leaves that grow into each box from its left.

    They hide exactly this share of a box's pixels and nothing outside it; their edge is ragged.
    The leaves are always the same. The boxes are int64, the share is in [0, 1].
    """
    seen = picture.clone()
    for left, top, right, bottom in boxes.tolist():
        height, width = bottom - top, right - left
        leaves = functional.interpolate(
            _leaves().to(seen.device)[None], (height, width), mode="bicubic", align_corners=False
        )[0].clamp_(0, 1)
        across = (torch.arange(width, device=seen.device) + 0.5) / width
        order = (across + 0.3 * (leaves[3] - 0.5)).flatten().argsort()
        covered = torch.zeros(height * width, dtype=torch.bool, device=seen.device)
        covered[order[: round(share * height * width)]] = True
        window = seen[:, top:bottom, left:right]
        window.copy_(torch.where(covered.view(1, height, width), leaves[:3], window))
    return seen


@lru_cache(maxsize=1)
def _leaves() -> Tensor:
    """Return ``(4, LEAVES, LEAVES)``: red, green and blue of leaves, and how far each reaches."""
    drawn = torch.rand(3, LEAVES, LEAVES, generator=torch.Generator().manual_seed(0))
    light = 0.4 + 1.2 * drawn[:1]
    shade = torch.tensor([0.20, 0.30, 0.12]).view(3, 1, 1) * light
    shade[0] += 0.1 * (drawn[1] - 0.5)
    return torch.cat([shade.clamp_(0, 1), drawn[2:]])


def from_afar(picture: Tensor, boxes: Tensor, times: float) -> tuple[Tensor, Tensor]:
    """Return a picture as it is taken from ``times`` as far, and its boxes.

    It shrinks to ``1 / times`` of its size, every pixel the mean of the area that it shows; from
    nearer it is enlarged, which shows no more than was there. A box keeps at least a pixel.
    """
    height, width = int(picture.shape[1]), int(picture.shape[2])
    tall, wide = max(1, round(height / times)), max(1, round(width / times))
    if times > 1:
        seen = _between(_between(picture, 0, width, wide).mT, 0, height, tall).mT.contiguous()
    else:
        seen = functional.interpolate(
            picture[None], (tall, wide), mode="bilinear", align_corners=False
        )[0]
    size = torch.tensor([wide, tall], dtype=torch.float32, device=boxes.device)
    factor = size / torch.tensor([width, height], device=boxes.device)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 * factor
    half = ((boxes[:, 2:] - boxes[:, :2]) / 2 * factor).clamp(min=0.5)
    centre = torch.minimum(torch.maximum(centre, half), size - half)
    return seen, torch.cat([(centre - half).clamp(min=0), torch.minimum(centre + half, size)], 1)


def blurred(picture: Tensor, sigma: float) -> Tensor:
    """Return a picture out of focus: a Gaussian of ``sigma`` pixels, ``> 0``, edges repeated."""
    reach = math.ceil(3 * sigma)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    shares = (weights / weights.sum()).tolist()
    for axis, pad in ((2, (reach, reach, 0, 0)), (1, (0, 0, reach, reach))):
        padded = functional.pad(picture[None], pad, mode="replicate")[0]
        length = picture.shape[axis]
        picture = torch.zeros_like(picture)
        for offset, share in enumerate(shares):  # slices added up: faster here than a convolution
            picture.add_(padded.narrow(axis, offset, length), alpha=share)
    return picture


def compressed(frame: Tensor, quality: int) -> Tensor:
    """Return a frame, ``(3, H, W)`` uint8, after it was stored as JPEG of a quality in 1..95."""
    stored = io.BytesIO()
    Image.fromarray(frame.permute(1, 2, 0).cpu().numpy()).save(stored, "JPEG", quality=quality)
    pixels = np.array(Image.open(stored).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous().to(frame.device)
