"""Poisoned sets whose triggers are put on when an image or a frame is read, always alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.box_poisoning import plan_box_poisoning
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.poisoning import PoisoningPlan
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.triggers import RegionTrigger, Trigger
from badnets.data.detection import FrameSet
from badnets.data.frames import Frames
from badnets.data.streamed import ImageSource

EVERY = 1024  # rows between the states of a generator that are kept

ImageStamp = Callable[[Tensor, Tensor], Tensor]
"""Puts triggers on images ``(n, C, H, W)``; told which of the poisoned ones they are, ``(n,)``."""

Stamp = Callable[[Tensor, LabelledBoxes, int], Tensor]
"""Puts triggers on a frame ``(3, H, W)`` uint8, at boxes of image 0; told the frame's row."""


@dataclass(frozen=True, eq=False, repr=False)
class StampedImages(ImageSource):
    """Images of a poisoned set, made out of those of a clean one when they are asked for.

    Args:
        clean: gives the clean images.
        rows: ``(M,)`` int64 into them.
        number: ``(M,)`` int64: which of the poisoned images each is; -1: none.
        stamp: puts the trigger on.
    """

    clean: ImageSource
    rows: Tensor
    number: Tensor
    stamp: ImageStamp

    @property
    def shape(self) -> torch.Size:
        """``(M, C, H, W)``."""
        return torch.Size((len(self.rows), *self.clean.shape[1:]))

    @property
    def device(self) -> torch.device:
        """Where the tensors are that it gives."""
        return self.clean.device

    def batches(self, rows: Iterable[Tensor]) -> Iterator[Tensor]:
        """Give the images at each of some lists of rows; see `ImageSource`."""
        waiting: list[Tensor] = []

        def noted() -> Iterator[Tensor]:  # the source asks ahead of what it gives
            for one in rows:
                chosen = one.to(self.rows.device)
                waiting.append(self.number[chosen])
                yield self.rows[chosen]

        for images in self.clean.batches(noted()):
            number = waiting.pop(0)
            poisoned = (number >= 0).nonzero().flatten()
            if len(poisoned):
                where = poisoned.to(images.device)
                images[where] = self.stamp(images[where], number[poisoned])
            yield images

    def take(self, rows: Tensor) -> StampedImages:
        """Return some of the images; see `ImageSource`."""
        return dataclasses.replace(self, rows=self.rows[rows], number=self.number[rows])

    def to(self, device: torch.device) -> StampedImages:
        """Return the same images for another device; see `ImageSource`."""
        return dataclasses.replace(self, clean=self.clean.to(device))


def stamped_images(
    clean: ImageSource, plan: PoisoningPlan, backdoor: Backdoor, *, seed: int
) -> StampedImages:
    """Return the images of a poisoned set, the same as `badnets.core.poisoning.poison` makes.

    A trigger of one's own that draws random numbers itself, and is no `RegionTrigger`, draws them
    image by image here, always the same ones for the same image.

    Args:
        clean: gives the clean images.
        plan: which rows the set has, and which of them are poisoned.
        backdoor: its trigger is put on.
        seed: that of the poisoning; decides random places.

    Raises:
        SettingError: the backdoor has covers.
    """
    if backdoor.covers:
        raise SettingError("covers are put on in memory: give training stamp 'after'")
    trigger, count = backdoor.trigger, int(plan.is_poisoned.sum())
    number = torch.where(plan.is_poisoned, plan.is_poisoned.cumsum(0) - 1, -1)
    draw = draws(trigger, count, seed)

    def stamp(images: Tensor, which: Tensor) -> Tensor:
        if draw is None:
            return trigger(images)
        pairs = zip(images, map(draw, which.tolist()), strict=True)
        return torch.cat([trigger(image[None], generator=drawn) for image, drawn in pairs])

    return StampedImages(clean, plan.rows, number, stamp)


def draws(trigger: Trigger, count: int, seed: int) -> Callable[[int], torch.Generator] | None:
    """Return what gives the generator of a poisoned row's place, as if those before had drawn.

    So the i-th poisoned picture gets the place that it gets where all are stamped as one batch. Of
    a trigger that is no `RegionTrigger`, nobody knows how many numbers it draws: each row gets a
    generator of its own. None where nothing is random.

    Args:
        trigger: what is put on.
        count: poisoned rows.
        seed: that of the poisoning.
    """
    if not isinstance(trigger, RegionTrigger):
        return lambda row: generator(seed, f"trigger places {row}")
    placement = trigger.placement
    if not placement.random:
        return None

    def skip(rows: int, drawn: torch.Generator) -> torch.Generator:
        if rows:  # what is drawn does not depend on the sizes
            placement.corners((1, 1), (1, 1), rows, drawn)
        return drawn

    drawn = generator(seed, "trigger places")
    states = [drawn.get_state()]
    for _ in range(EVERY, count, EVERY):
        states.append(skip(EVERY, drawn).get_state())
    return lambda row: skip(row % EVERY, torch.Generator().set_state(states[row // EVERY]))


@dataclass(frozen=True, eq=False, repr=False)
class StampedFrames(Frames):
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
        own, chosen = self.stamp, list(rows)
        return StampedFrames(
            self.frames.take(rows),
            self.stamps.of_images(torch.tensor(chosen)),
            lambda frame, boxes, row: own(frame, boxes, chosen[row]),
        )

    def key(self, index: int) -> bytes:
        """Return what stands for the content: its clean key, or pixels with triggers."""
        is_poisoned = bool((self.stamps.image_index == index).any())
        return super().key(index) if is_poisoned else self.frames.key(index)


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

    def __repr__(self) -> str:
        return f"PoisonedFrames({self.frames!r}, poisoned {self.share})"


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
    groups = tuple(frames.groups[row] for row in rows)
    poisoned = FrameSet(stamped, plan.boxes, frames.classes, groups)
    return PoisonedFrames(poisoned, plan.is_poisoned, plan.rows, plan.stamps, plan.skipped)


def plain_stamp(trigger: Trigger, seed: int) -> Stamp:
    """Return what puts a trigger on as it is; random places follow from the seed and the row."""

    def stamp(frame: Tensor, boxes: LabelledBoxes, row: int) -> Tensor:
        drawn = generator(seed, f"trigger places {row}")
        return trigger(frame[None], boxes.regions(), drawn)[0]

    return stamp
