"""A poisoned set that stays on disk: triggers are put on when images are read, always alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.poisoning import PoisoningPlan
from badnets.core.seeds import generator
from badnets.core.triggers import RegionTrigger, Trigger
from badnets.data.streamed import ImageSource

Stamp = Callable[[Tensor, Tensor], Tensor]
"""Puts triggers on images ``(n, C, H, W)``; told which of the poisoned ones they are, ``(n,)``."""


@dataclass(frozen=True, eq=False)
class StampedImages:
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
    stamp: Stamp

    @property
    def shape(self) -> torch.Size:
        """``(M, C, H, W)``."""
        return torch.Size((len(self), *self.clean.shape[1:]))

    @property
    def device(self) -> torch.device:
        """Where the tensors are that it gives."""
        return self.clean.device

    def __len__(self) -> int:
        """Return the number of images ``M``."""
        return len(self.rows)

    def __getitem__(self, rows: Any) -> Tensor:
        """Return the images at ``rows``; see `ImageSource`."""
        wanted = torch.arange(len(self))[rows]
        (images,) = self.batches([wanted.flatten()])
        return images.view(*wanted.shape, *images.shape[1:])

    def batches(self, rows: Iterable[Tensor]) -> Iterator[Tensor]:
        """Give the images at each of some lists of rows; see `ImageSource`."""
        asked: list[Tensor] = []

        def noted() -> Iterator[Tensor]:  # the source asks ahead of what it gives
            for one in rows:
                chosen = one.to(self.rows.device)
                asked.append(self.number[chosen])
                yield self.rows[chosen]

        for images in self.clean.batches(noted()):
            number = asked.pop(0)
            marked = (number >= 0).nonzero().flatten()
            if len(marked):
                where = marked.to(images.device)
                images[where] = self.stamp(images[where], number[marked])
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
    """
    number = torch.full_like(plan.rows, -1)
    number[plan.is_poisoned] = torch.arange(int(plan.is_poisoned.sum()), device=number.device)
    return StampedImages(
        clean, plan.rows, number, _stamp(backdoor.trigger, clean.shape, number, seed)
    )


def _stamp(trigger: Trigger, shape: torch.Size, number: Tensor, seed: int) -> Stamp:
    if not isinstance(trigger, RegionTrigger):

        def one_by_one(images: Tensor, which: Tensor) -> Tensor:
            drawn = [generator(seed, f"trigger places {row}") for row in which.tolist()]
            return torch.cat(
                [trigger(image[None], generator=g) for image, g in zip(images, drawn, strict=True)]
            )

        return one_by_one
    if not trigger.placement.random:
        return lambda images, which: trigger(images)
    region = (shape[2], shape[3])
    places = trigger.placement.corners(
        region, trigger.extent(*region), int(number.max()) + 1, generator(seed, "trigger places")
    )
    own: Any = trigger  # those with a random placement are dataclasses with a field for it

    def at_its_places(images: Tensor, which: Tensor) -> Tensor:
        placed: Trigger = dataclasses.replace(own, placement=_Drawn(places[which.cpu()]))
        return placed(images)

    return at_its_places


@dataclass(frozen=True, eq=False)
class _Drawn:
    """The placement of a trigger whose places are drawn already: one for each image."""

    places: Tensor
    random: ClassVar[bool] = True

    def corners(
        self,
        region: tuple[int, int],
        extent: tuple[int, int],
        count: int,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return them."""
        return self.places
