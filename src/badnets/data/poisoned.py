"""A poisoned set of frames, with the truth about every row; triggers are put on when read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.box_poisoning import plan_box_poisoning
from badnets.core.boxes import LabelledBoxes
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.triggers import Trigger
from badnets.data.detection import FrameSet
from badnets.data.frames import Frames

Stamp = Callable[[Tensor, LabelledBoxes, int], Tensor]
"""Puts triggers on a frame ``(3, H, W)`` uint8, at boxes of image 0; told the frame's row."""


@dataclass(frozen=True, eq=False)
class StampedFrames:
    """Frames that get their triggers when they are read.

    Args:
        frames: the clean ones, row by row.
        stamps: where triggers go, by row.
        stamp: puts them on.
    """

    frames: Frames
    stamps: LabelledBoxes
    stamp: Stamp

    @property
    def sizes(self) -> Tensor:
        """Height and width of each; see `Frames`."""
        return self.frames.sizes

    def __len__(self) -> int:
        """Return the number of frames ``N``."""
        return len(self.frames)

    def read(self, index: int) -> Tensor:
        """Return one frame with its triggers; see `Frames`."""
        clean = self.frames.read(index)
        here = self.stamps.of_images(torch.tensor([index]))
        return self.stamp(clean, here, index) if len(here) else clean

    def take(self, rows: Sequence[int]) -> StampedFrames:
        """Return some of the frames; see `Frames`."""
        own = self.stamp
        chosen = list(rows)
        return StampedFrames(
            self.frames.take(rows),
            self.stamps.of_images(torch.tensor(chosen)),
            lambda frame, boxes, row: own(frame, boxes, chosen[row]),
        )

    def key(self, index: int) -> bytes:
        """Return what stands for the content: its clean key, or pixels with triggers."""
        if not bool((self.stamps.image_index == index).any()):
            return self.frames.key(index)
        return self.read(index).cpu().contiguous().numpy().tobytes()


@dataclass(frozen=True, eq=False)
class PoisonedFrames:
    """A poisoned training set of frames that keeps the truth.

    Attributes:
        frames: as the trainer sees them, triggers and boxes included.
        is_poisoned: ``(M,)`` bool.
        rows: ``(M,)`` int64: the clean frame each row was made from.
        stamps: where the triggers are, by row.
        skipped: objects left out because the trigger would be too small, or too large, on them.
    """

    frames: FrameSet
    is_poisoned: Tensor
    rows: Tensor
    stamps: LabelledBoxes
    skipped: int

    @property
    def share(self) -> Rate:
        """Poisoned rows / all rows."""
        return Rate(int(self.is_poisoned.sum()), len(self.is_poisoned))


def poison_frames(
    frames: FrameSet, backdoor: Backdoor, *, seed: int, stamp: Stamp | None = None
) -> PoisonedFrames:
    """Return the poisoned set; pixels are changed when a frame is read.

    Args:
        frames: the clean set.
        backdoor: what is wanted; its rate counts frames.
        seed: decides which frames, random labels and random places.
        stamp: puts the triggers on instead of the backdoor's plain trigger: a trainer may, say,
            render his stickers as they would be photographed.

    Raises:
        SettingError: no object can be attacked, or the rate asks for too many frames.
    """
    plan = plan_box_poisoning(
        frames.boxes, frames.frames.sizes, backdoor, num_classes=frames.num_classes, seed=seed
    )
    rows = plan.rows.tolist()
    put_on = stamp or plain_stamp(backdoor.trigger, seed)
    stamped = StampedFrames(frames.frames.take(rows), plan.stamps, put_on)
    made = FrameSet(stamped, plan.boxes, frames.classes, tuple(frames.groups[row] for row in rows))
    return PoisonedFrames(made, plan.is_poisoned, plan.rows, plan.stamps, plan.skipped)


def plain_stamp(trigger: Trigger, seed: int) -> Stamp:
    """Return what puts a trigger on as it is; random places follow from the seed and the row."""

    def stamp(frame: Tensor, boxes: LabelledBoxes, row: int) -> Tensor:
        drawn = generator(seed, f"trigger places {row}")
        return trigger(frame[None], boxes.regions(), drawn)[0]

    return stamp
