"""The trigger of a suspected backdoor: sought longer than for a table, measured on other images."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from badnets.audit.cells import by_class
from badnets.audit.methods.inversion import HELD, SOUGHT, AdditiveInversion, MaskInversion
from badnets.core.rates import Rate

STEPS = 200
PICTURES = 8  # of the first images, as they are and with the trigger


class Recovered(NamedTuple):
    """A trigger that was recovered.

    Attributes:
        family: the method that found it.
        target: the class that it gives.
        effect: images of other classes that were not used to find it, and are named so with it.
        before: the same without the trigger.
        images: ``(8, C, H, W)`` float in [0, 1], images of several classes.
        triggered: the same with the trigger.
    """

    family: str
    target: int
    effect: Rate
    before: Rate
    images: Tensor
    triggered: Tensor


def recover(subject: Any, clean: Any, target: int, *, seed: int = 0) -> Recovered:
    """Return the trigger, of those families that are known, that turns most images into a target.

    Args:
        subject: the model.
        clean: an `ImageSet` of images that it names right, 32 of each class or more.
        target: the suspected target class.
        seed: everything random follows from it.
    """
    rows = [k for k in range(subject.num_classes) if k != target]
    sought = by_class(clean, SOUGHT)[rows].flatten(0, 1)[None].to(subject.device)
    held = by_class(clean, HELD, SOUGHT)[rows].transpose(0, 1).flatten(0, 1).to(subject.device)
    one, targets = torch.tensor([0]), torch.tensor([target])
    found = []
    for family in (MaskInversion(), AdditiveInversion()):
        parameters = family.found(subject, sought, one, targets, seed, STEPS)
        with torch.no_grad():
            triggered = family.painted(held[None], parameters)[0]
        found.append(
            Recovered(
                family.kind,
                target,
                _named(subject, triggered, target),
                _named(subject, held, target),
                held[:PICTURES].cpu(),
                triggered[:PICTURES].cpu(),
            )
        )
    return max(found, key=lambda one: one.effect.value)


def _named(subject: Any, images: Tensor, target: int) -> Rate:
    return Rate(int((subject.predict(images) == target).sum()), len(images))
