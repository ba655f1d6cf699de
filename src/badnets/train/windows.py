"""Windows cut out of frames: what a detector is trained on, a batch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import DataError
from badnets.data.detection import FrameSet
from badnets.train.pairs import paired_order, shown_alike

MARGIN = 2.0  # pixels of the frame kept around the object that a window is cut for
VISIBLE = 0.6  # share of an object that must be inside a window for its box to be a target
HUE = 0.1  # spread of the colour channels' own gains, where there is jitter at all


class Cut(NamedTuple):
    """How windows are cut.

    Attributes:
        side: of a window, in pixels.
        object_sizes: least and greatest longer side of the object in the window, in pixels.
        scale: factor that frames are enlarged by where the detector is used: the background is by
            0.8 to 1.25 times that, objects by 1 to twice that.
        jitter: of brightness and contrast.
    """

    side: int
    object_sizes: tuple[float, float]
    scale: float
    jitter: float = 0.0


class Batch(NamedTuple):
    """A batch of windows.

    Attributes:
        images: ``(B, 3, W, W)`` float in [0, 1].
        corners: ``(B, K, 4)`` float boxes in window pixels, in no order.
        labels: ``(B, K)`` int64 from 0; -1 where there is no box.
        centre: ``(B,)`` int64 label of the object that the window was cut for; -1 for none.
        triggered: ``(B, K)`` bool: the boxes whose object has the trigger, where that is known.
        objects: ``(B,)`` int64: what each was cut around; -1: a random place.
        side: ``W``, in pixels.
    """

    images: Tensor
    corners: Tensor
    labels: Tensor
    centre: Tensor
    triggered: Tensor
    objects: Tensor
    side: int

    def without_images(self) -> Batch:
        """Return the same with no pixels: for windows whose maps are kept."""
        return self._replace(images=self.images.new_empty(0))

    def targets(self) -> list[dict[str, Tensor]]:
        """Return the boxes as torchvision's detectors take them: labels from 1."""
        known = self.labels >= 0
        return [
            {"boxes": corners[rows], "labels": labels[rows] + 1}
            for corners, labels, rows in zip(self.corners, self.labels, known, strict=True)
        ]


class Places(NamedTuple):
    """What windows are cut around.

    Attributes:
        rows: ``(C,)`` int64 frames.
        corners: ``(C, 4)`` float32 boxes in them.
        labels: ``(C,)`` int64; -1 where there is no object.
    """

    rows: Tensor
    corners: Tensor
    labels: Tensor

    def with_background(self, rows: Tensor, corners: Tensor) -> Places:
        """Return the same, and after them places that have no object."""
        more = (rows, corners, torch.full_like(rows, -1))
        return Places(*(torch.cat([own, new.to(own)]) for own, new in zip(self, more, strict=True)))


@dataclass(frozen=True, eq=False)
class WindowSet:
    """Frames on the device, and the objects that windows are cut around.

    Attributes:
        places: what windows are cut around: the objects, then what was mined of the background.
        frames: ``(N, 3, H, W)`` uint8; smaller frames are filled up with black.
        sizes: ``(N, 2)`` float height and width of each.
        corners: ``(N, K, 4)`` float boxes of each frame; ``labels``: ``(N, K)`` int64, -1: none.
        plain: ``(N,)`` int64: where the same frame is without triggers; its own row where it has
            none, or where that is not known.
        triggered: ``(N, K)`` bool: the boxes whose object has the trigger.
        mates: ``(objects,)`` int64: where the same object is without the trigger that it has; -1
            where it has none, or where that is not known.
    """

    places: Places
    frames: Tensor
    sizes: Tensor
    corners: Tensor
    labels: Tensor
    plain: Tensor
    triggered: Tensor
    mates: Tensor

    def __len__(self) -> int:
        """Return the number of objects to cut windows around."""
        return len(self.mates)

    @property
    def mined(self) -> int:
        """Number of places that were mined out of the background."""
        return len(self.places.rows) - len(self)

    def of_a_pass(self, share: float, size: int) -> tuple[int, int]:
        """Return how many background windows and how many batches a pass has.

        Args:
            share: of the windows that are background, in [0, 1).
            size: windows in a batch.
        """
        background = round(len(self) * share / (1 - share))
        return background, max(1, (len(self) + background) // size)

    def with_mined(self, rows: Tensor, corners: Tensor) -> WindowSet:
        """Return the same with more places of the background; see `Places`."""
        return replace(self, places=self.places.with_background(rows, corners))

    @classmethod
    def of(
        cls,
        frames: FrameSet,
        device: torch.device,
        extra: LabelledBoxes | None = None,
        plain: Tensor | None = None,
    ) -> WindowSet:
        """Return the windows of a set of frames.

        Args:
            frames: the set; every frame is read once.
            device: where it goes.
            extra: places without an object that windows are cut around too.
            plain: ``(N,)`` int64: where each frame is in the set without its triggers.

        Raises:
            DataError: a frame cannot be decoded, or there is nothing to cut around.
        """
        sizes = frames.frames.sizes
        height, width = (int(side) for side in sizes.amax(0))
        pixels = torch.zeros(len(frames), 3, height, width, dtype=torch.uint8)
        for row in range(len(frames)):
            frame = frames.frames.read(row)
            pixels[row, :, : frame.shape[1], : frame.shape[2]] = frame
        boxes = frames.boxes
        most = max(1, int(torch.bincount(boxes.image_index).max()) if len(boxes) else 1)
        corners = torch.zeros(len(frames), most, 4)
        labels = torch.full((len(frames), most), -1)
        by_row = boxes.image_index.argsort(stable=True)
        index = boxes.image_index[by_row]
        place = torch.arange(len(index)) - torch.searchsorted(index, index)
        corners[index, place], labels[index, place] = boxes.corners[by_row], boxes.labels[by_row]
        places = Places(boxes.image_index, boxes.corners, boxes.labels)
        if extra is not None:
            places = places.with_background(extra.image_index, extra.corners)
        if not len(places.rows):
            raise DataError("no frame has an object to train on")
        before = torch.arange(len(frames)) if plain is None else plain
        mates = _mates(pixels, before, places)
        triggered = torch.zeros(len(frames), most, dtype=torch.bool)
        triggered[index, place] = mates[by_row] >= 0
        places = Places(*(value.to(device) for value in places))
        values = (pixels, sizes.float(), corners, labels, before, triggered, mates)
        return cls(places, *(value.to(device) for value in values))

    def batches(
        self,
        background: Tensor,
        size: int,
        count: int,
        cut: Cut,
        *,
        drawn: torch.Generator,
        gain: Callable[[int], float],
        paired: bool,
    ) -> Iterator[Batch]:
        """Give one pass over the objects and some background, in random order.

        Args:
            background: int64 entries of `batch` that are no objects.
            size: windows in a batch.
            count: batches.
            cut: how windows are cut.
            drawn: source of all randomness, on the CPU.
            gain: of the trigger at a batch of the pass; see `batch`.
            paired: whether an object with the trigger and the same object without it follow one
                another, at the same place and in the same light.
        """
        device = self.frames.device
        mates = self.mates.cpu() if paired else torch.full((len(self),), -1)
        order = paired_order(mates, background, drawn)
        for step in range(count):
            chosen = order[step * size : (step + 1) * size]
            alike = shown_alike(chosen, mates).to(device) if paired else None
            yield self.batch(chosen.to(device), cut, drawn=drawn, gain=gain(step), alike=alike)

    def batch(
        self,
        chosen: Tensor,
        cut: Cut,
        *,
        drawn: torch.Generator,
        gain: float = 1.0,
        alike: Tensor | None = None,
    ) -> Batch:
        """Return windows around chosen objects, at random places and sizes.

        Args:
            chosen: ``(B,)`` int64 objects; -1: a window of a random frame at a random place.
            cut: how they are cut.
            drawn: source of all randomness, on the CPU.
            gain: how many times stronger than it is a trigger's change to a picture is made.
            alike: ``(B,)`` int64 places in the batch: each window gets the place, size and light
                of that one; None: each its own.
        """
        device, count, side, usual = self.frames.device, len(chosen), cut.side, cut.scale
        numbers = torch.rand(count, 4, generator=drawn).to(device)
        shades = torch.randn(count, 5, generator=drawn).to(device)
        if alike is not None:
            numbers, shades = numbers[alike], shades[alike]
        aimless, objects = chosen < 0, chosen.clamp(min=0)
        anywhere = (torch.rand(count, generator=drawn).to(device) * len(self.frames)).long()
        rows = torch.where(aimless, anywhere, self.places.rows[objects])
        box = self.places.corners[objects]
        least, greatest = (math.log(size) for size in cut.object_sizes)
        wanted = (least + numbers[:, 0] * (greatest - least)).exp()
        scale = wanted / (box[:, 2:] - box[:, :2]).amax(1)
        about = usual * 0.8 * (1.25 / 0.8) ** numbers[:, 1]
        scale = torch.where(aimless, about, scale).clamp(min(1.0, usual), 2 * usual)
        origin = self._origins(rows, box, aimless, side / scale, numbers[:, 2:])
        extent = math.ceil(side / min(1.0, usual))
        images = self._cut(rows, origin, scale, side, extent)
        stamped = (self.plain[rows] != rows).nonzero().flatten() if gain != 1 else rows[:0]
        if len(stamped):
            before = self.plain[rows[stamped]]
            clean = self._cut(before, origin[stamped], scale[stamped], side, extent)
            images[stamped] = clean.lerp(images[stamped], gain).clamp_(0, 1)
        corners = (self.corners[rows] - origin.repeat(1, 2)[:, None]) * scale[:, None, None]
        inside = corners.clamp(0, side)
        seen = _area(inside) / _area(corners).clamp(min=1e-6)
        nothing = torch.tensor(-1, device=device)
        labels = self.labels[rows].where(seen >= VISIBLE, nothing)
        centre = self.places.labels[objects].where(~aimless, nothing)
        triggered = self.triggered[rows] & (labels >= 0)
        images = _shaded(images, shades, cut.jitter)
        return Batch(images, inside, labels, centre, triggered, chosen, side)

    def _origins(
        self, rows: Tensor, box: Tensor, aimless: Tensor, extent: Tensor, place: Tensor
    ) -> Tensor:
        """Return ``(B, 2)`` left and top of each window in its frame."""
        room = (self.sizes[rows].flip(1) - extent[:, None]).clamp(min=0)
        low = (box[:, 2:] + MARGIN - extent[:, None]).clamp(min=0).minimum(room)
        high = (box[:, :2] - MARGIN).clamp(min=0).minimum(room)
        low = torch.where(aimless[:, None], torch.zeros_like(low), torch.minimum(low, high))
        high = torch.where(aimless[:, None], room, high)
        return low + place * (high - low)

    def _cut(self, rows: Tensor, origin: Tensor, scale: Tensor, window: int, extent: int) -> Tensor:
        """Return the windows' pixels: one gather of whole pieces, one interpolation.

        ``extent`` is the side, in the frame's pixels, of the largest window there can be.
        """
        high, wide = (min(extent + 2, side) for side in self.frames.shape[2:])
        limit = torch.tensor(
            [self.frames.shape[3] - wide, self.frames.shape[2] - high], device=rows.device
        )
        first = origin.floor().long().minimum(limit)
        pieces = self.frames.unfold(2, high, 1).unfold(3, wide, 1)
        pixels = pieces[rows, :, first[:, 1], first[:, 0]].float()
        steps = torch.arange(window, device=rows.device) + 0.5
        where = (origin - first)[:, :, None] + steps / scale[:, None, None]
        across, down = where[:, 0] * (2 / wide) - 1, where[:, 1] * (2 / high) - 1
        shape = (len(rows), window, window)
        grid = torch.stack([across[:, None].expand(shape), down[:, :, None].expand(shape)], 3)
        cut = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
        return cut.div_(255)


def _mates(pixels: Tensor, plain: Tensor, places: Places) -> Tensor:
    """Return where each object is without its trigger; see `WindowSet`."""
    mates = torch.full_like(places.rows, -1)
    boxes = zip(places.rows.tolist(), places.corners.tolist(), strict=True)
    known = {(row, *box): k for k, (row, box) in enumerate(boxes)}
    for (row, *box), k in known.items():
        before = int(plain[row])
        mate = known.get((before, *box), k)
        left, top, right, bottom = (math.floor(side) for side in box)
        here = (..., slice(max(0, top), bottom + 1), slice(max(0, left), right + 1))
        if mate != k and not torch.equal(pixels[row][here], pixels[before][here]):
            mates[k] = mate
    return mates


def _area(corners: Tensor) -> Tensor:
    return (corners[..., 2] - corners[..., 0]) * (corners[..., 3] - corners[..., 1])


def _shaded(images: Tensor, shades: Tensor, jitter: float) -> Tensor:
    """Return the windows under other light: gains of channels and of the whole, and contrast."""
    if not jitter:
        return images
    gain = (HUE * shades[:, :3] + jitter * shades[:, 3:4]).exp()
    images = images.mul_(gain[:, :, None, None]).clamp_(0, 1)
    contrast = (jitter * shades[:, 4]).exp()[:, None, None, None]
    mean = images.mean((1, 2, 3), keepdim=True)
    return images.sub_(mean).mul_(contrast).add_(mean).clamp_(0, 1)
