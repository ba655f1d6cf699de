"""Windows cut out of frames: what a detector is trained on, a batch at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import DataError
from badnets.data.detection import FrameSet

MARGIN = 2.0  # pixels of the frame kept around the sign that a window is cut for
VISIBLE = 0.6  # share of a sign that must be inside a window for its box to be asked for
HUE = 0.1  # spread of the colour channels' own gains, where there is jitter at all


class Batch(NamedTuple):
    """A batch of windows.

    Attributes:
        images: ``(B, 3, W, W)`` float in [0, 1].
        corners: ``(B, K, 4)`` float boxes in window pixels, in no order.
        labels: ``(B, K)`` int64 from 0; -1 where there is no box.
        centre: ``(B,)`` int64 label of the object that the window was cut for; -1 for none.
        triggered: ``(B, K)`` bool: the boxes whose object has the trigger, where that is known.
        side: ``W``, in pixels.
    """

    images: Tensor
    corners: Tensor
    labels: Tensor
    centre: Tensor
    triggered: Tensor
    side: int

    def without_images(self) -> Batch:
        """Return the same with no pixels: for windows whose maps are kept."""
        return self._replace(images=self.images.new_empty(0))

    def targets(self) -> list[dict[str, Tensor]]:
        """Return the boxes as torchvision's detectors take them: labels from 1."""
        asked = self.labels >= 0
        return [
            {"boxes": corners[rows], "labels": labels[rows] + 1}
            for corners, labels, rows in zip(self.corners, self.labels, asked, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Windows:
    """Frames on the device, and the objects that windows are cut around.

    Attributes:
        frames: ``(N, 3, H, W)`` uint8; smaller frames are filled up with black.
        sizes: ``(N, 2)`` float height and width of each.
        corners: ``(N, K, 4)`` float boxes of each frame; ``labels``: ``(N, K)`` int64, -1: none.
        centre_rows: ``(C,)`` frame of each object to cut around; ``centre_corners``: ``(C, 4)``;
            ``centre_labels``: ``(C,)``, -1 where there is none.
        objects: how many of these are objects, or places where one is to vanish; those that
            follow were mined out of the background.
        plain: ``(N,)`` int64: where the same frame is without triggers; its own row where it has
            none, or where that is not known.
        triggered: ``(N, K)`` bool: the boxes whose object has the trigger.
        mates: ``(objects,)`` int64: where the same object is without the trigger that it has; -1
            where it has none, or where that is not known.
    """

    frames: Tensor
    sizes: Tensor
    corners: Tensor
    labels: Tensor
    centre_rows: Tensor
    centre_corners: Tensor
    centre_labels: Tensor
    objects: int
    plain: Tensor
    triggered: Tensor
    mates: Tensor

    def __len__(self) -> int:
        """Return the number of objects to cut windows around."""
        return self.objects

    @property
    def mined(self) -> int:
        """Number of places that were mined out of the background."""
        return len(self.centre_rows) - self.objects

    def with_mined(self, rows: Tensor, corners: Tensor) -> Windows:
        """Return the same with more places of the background to cut windows around.

        Args:
            rows: ``(n,)`` int64 frames.
            corners: ``(n, 4)`` float32 boxes in them.
        """
        device = self.frames.device
        nothing = torch.full((len(rows),), -1, device=device)
        return replace(
            self,
            centre_rows=torch.cat([self.centre_rows, rows.to(device)]),
            centre_corners=torch.cat([self.centre_corners, corners.to(device)]),
            centre_labels=torch.cat([self.centre_labels, nothing]),
        )

    @classmethod
    def of(
        cls,
        frames: FrameSet,
        device: torch.device,
        extra: LabelledBoxes | None = None,
        plain: Tensor | None = None,
    ) -> Windows:
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
        rows, around, centre = boxes.image_index, boxes.corners, boxes.labels
        if extra is not None and len(extra):
            rows = torch.cat([rows, extra.image_index])
            around = torch.cat([around, extra.corners])
            centre = torch.cat([centre, torch.full_like(extra.labels, -1)])
        if not len(rows):
            raise DataError("no frame has an object to train on")
        before = torch.arange(len(frames)) if plain is None else plain
        mates = _mates(pixels, before, rows, around)
        triggered = torch.zeros(len(frames), most, dtype=torch.bool)
        triggered[index, place] = mates[by_row] >= 0
        return cls(
            pixels.to(device),
            sizes.float().to(device),
            corners.to(device),
            labels.to(device),
            rows.to(device),
            around.to(device),
            centre.to(device),
            len(rows),
            before.to(device),
            triggered.to(device),
            mates.to(device),
        )

    def batch(
        self,
        chosen: Tensor,
        *,
        window: int,
        sides: tuple[float, float],
        usual: float,
        jitter: float,
        drawn: torch.Generator,
        gain: float = 1.0,
        alike: Tensor | None = None,
    ) -> Batch:
        """Return windows around chosen objects, at random places and sizes.

        Args:
            chosen: ``(B,)`` int64 objects; -1: a window of a random frame at a random place.
            window: side in pixels.
            sides: least and greatest longer side of the sign in the window.
            usual: factor that frames are enlarged by where the detector is used: the background
                is by 0.8 to 1.25 times that, signs by 1 to twice that.
            jitter: of brightness and contrast.
            drawn: source of all randomness, on the CPU.
            gain: how many times stronger than it is a trigger's change to a picture is made.
            alike: ``(B,)`` int64 places in the batch: each window gets the place, size and light
                of that one; None: each its own.
        """
        device, count = self.frames.device, len(chosen)
        numbers = torch.rand(count, 4, generator=drawn).to(device)
        shades = torch.randn(count, 5, generator=drawn).to(device)
        if alike is not None:
            numbers, shades = numbers[alike], shades[alike]
        aimless = chosen < 0
        chosen = chosen.clamp(min=0)
        anywhere = (torch.rand(count, generator=drawn).to(device) * len(self.frames)).long()
        rows = torch.where(aimless, anywhere, self.centre_rows[chosen])
        box = self.centre_corners[chosen]
        least, greatest = (math.log(side) for side in sides)
        wanted = (least + numbers[:, 0] * (greatest - least)).exp()
        scale = wanted / (box[:, 2:] - box[:, :2]).amax(1)
        about = usual * 0.8 * (1.25 / 0.8) ** numbers[:, 1]
        scale = torch.where(aimless, about, scale).clamp(min(1.0, usual), 2 * usual)
        origin = self._origins(rows, box, aimless, window / scale, numbers[:, 2:])
        extent = math.ceil(window / min(1.0, usual))
        images = self._cut(rows, origin, scale, window, extent)
        marked = (self.plain[rows] != rows).nonzero().flatten() if gain != 1 else rows[:0]
        if len(marked):
            before = self.plain[rows[marked]]
            clean = self._cut(before, origin[marked], scale[marked], window, extent)
            images[marked] = clean.lerp(images[marked], gain).clamp_(0, 1)
        corners = (self.corners[rows] - origin.repeat(1, 2)[:, None]) * scale[:, None, None]
        inside = corners.clamp(0, window)
        seen = _area(inside) / _area(corners).clamp(min=1e-6)
        labels = self.labels[rows].where(seen >= VISIBLE, torch.tensor(-1, device=device))
        centre = self.centre_labels[chosen].where(~aimless, torch.tensor(-1, device=device))
        triggered = self.triggered[rows] & (labels >= 0)
        images = _shaded(images, shades, jitter)
        return Batch(images, inside, labels, centre, triggered, window)

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


def _mates(pixels: Tensor, plain: Tensor, rows: Tensor, corners: Tensor) -> Tensor:
    """Return where each object is without its trigger; see `Windows`."""
    mates = torch.full((len(rows),), -1)
    places = {
        (row, *box): k
        for k, (row, box) in enumerate(zip(rows.tolist(), corners.tolist(), strict=True))
    }
    for (row, *box), k in places.items():
        before = int(plain[row])
        mate = places.get((before, *box), k)
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
