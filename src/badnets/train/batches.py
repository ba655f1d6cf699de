"""How a batch is made of stored images: shuffled, augmented, normalised, triggers put on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from badnets.bundles import InputSpec
from badnets.core.triggers import Trigger
from badnets.models.inputs import normalise
from badnets.train.augment import Augmentation
from badnets.train.settings import Training


class Stamp(NamedTuple):
    """A trigger that is put on some images of a batch.

    Attributes:
        chosen: ``(n,)`` int64 positions in the batch.
        trigger: what they get.
        places: decides random places.
        gain: how many times stronger than it is the trigger's change is made; one number, or
            ``(n, 1, 1, 1)``.
    """

    chosen: Tensor
    trigger: Trigger
    places: torch.Generator | None
    gain: float | Tensor


def shuffled(
    training: Training, count: int, drawn: torch.Generator, device: torch.device
) -> tuple[Tensor, Augmentation]:
    """Return an epoch's rows in the order in which they are trained on, and their augmentation.

    Args:
        training: batch size, and what augmentation there is.
        count: rows of the training set.
        drawn: where the random numbers come from.
        device: where the augmentation's numbers go.

    Returns:
        ``(m,)`` int64 on the CPU, whole batches where there is one; and the changes of all rows,
        of which the first ``m`` are used.
    """
    order = torch.randperm(count, generator=drawn)
    whole = count // training.batch_size * training.batch_size or count
    return order[:whole], Augmentation.drawn(training, count, drawn, device)


def pictures(images: Tensor, spec: InputSpec, stamps: Iterable[Stamp]) -> Tensor:
    """Return a batch as the network takes it: normalised float, with triggers.

    Args:
        images: ``(N, C, H, W)`` uint8, augmented.
        spec: how they are normalised.
        stamps: triggers, each on other images.
    """
    batch = normalise(images, spec)
    for chosen, trigger, places, gain in stamps:
        if len(chosen):
            stamped = normalise(trigger(images[chosen], generator=places), spec)
            batch[chosen] = (
                stamped
                if isinstance(gain, float) and gain == 1
                else batch[chosen].lerp(stamped, gain)
            )
    return batch
