"""The trigger of a suspected backdoor: sought longer than for a table, measured on other images."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from badnets.audit.cells import by_class
from badnets.audit.methods.inversion import (
    HELD,
    SOUGHT,
    AdditiveInversion,
    MaskInversion,
    PairInversion,
)
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
        keep: ``(1, H, W)`` float in [0, 1]: how much of each pixel the trigger keeps.
        add: ``(C, H, W)`` float in [-1, 1]: what it adds; the sum is clipped to [0, 1].
    """

    family: str
    target: int
    effect: Rate
    before: Rate
    images: Tensor
    triggered: Tensor
    keep: Tensor
    add: Tensor


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
            keep, add = _as_file(family, parameters, held)
        found.append(
            Recovered(
                family.kind,
                target,
                _named(subject, triggered, target),
                _named(subject, held, target),
                held[:PICTURES].cpu(),
                triggered[:PICTURES].cpu(),
                keep,
                add,
            )
        )
    return max(found, key=lambda one: one.effect.value)


def _as_file(
    family: PairInversion, parameters: list[Tensor], images: Tensor
) -> tuple[Tensor, Tensor]:
    """Return ``keep`` and ``add`` of the first trigger, out of what it makes of black and white."""
    levels = images.new_tensor([0.0, 1.0]).view(1, 2, 1, 1, 1).expand(1, 2, *images.shape[1:])
    black, white = family.painted(levels, parameters)[0].cpu()
    if isinstance(family, AdditiveInversion):  # it keeps every pixel, and is clipped at both ends
        return torch.ones_like(black[:1]), (black + white - 1).clamp(-1, 1)
    return (white - black)[:1].clamp(0, 1), black.clamp(0, 1)


def _named(subject: Any, images: Tensor, target: int) -> Rate:
    return Rate(int((subject.predict(images) == target).sum()), len(images))
