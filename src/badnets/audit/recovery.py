"""The trigger of a suspected backdoor: sought longer than for a table, measured on other images."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from badnets.audit.base import ALL_PAIRS, AUDITS, FEW, TriggerMethod
from badnets.audit.cells import as_float, turns
from badnets.audit.methods.inversion import HELD, SOUGHT
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.models.subject import capabilities

MOST_HELD = 1000  # images that a trigger is measured on
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


def recover(
    subject: Any, clean: Any, target: int, *, source: int | None = None, seed: int = 0
) -> Recovered | None:
    """Return the trigger, of those families that are known, that turns most images into a target.

    Where there are many classes it may be one of the source that looks most promising, too.

    Args:
        subject: the model.
        clean: an `ImageSet` of images that it names right: 32 of each class are looked at, and all
            of a suspected source; of many classes every one.
        target: the suspected target class.
        source: the suspected source class; None: all others.
        seed: everything random follows from it.

    Returns:
        None where no class has images to seek a trigger on, and others to measure it on.
    """
    found = []
    for method in methods_for(subject):
        for own in _sources(subject, method, clean, target, source, seed):
            sought, held = (each.to(subject.device) for each in _apart(clean, target, own))
            if not len(sought) or not len(held):
                continue
            made = method.trigger(subject, sought, target, seed=seed)
            keep, add = (each.to(held.device) for each in made)
            triggered = (keep * held + add).clamp(0, 1)
            found.append(
                Recovered(
                    method.kind,
                    target,
                    _named(subject, triggered, target),
                    _named(subject, held, target),
                    held[:PICTURES].cpu(),
                    triggered[:PICTURES].cpu(),
                    keep.cpu(),
                    add.cpu(),
                )
            )
    return max(found, key=lambda one: one.effect.value, default=None)


def best_of_all(subject: Any, clean: Any, *, seed: int = 0) -> Recovered | None:
    """Return the trigger of any class that turns most images of the others, suspected or not.

    Args:
        subject: the model.
        clean: an `ImageSet` of images that it names right.
        seed: everything random follows from it.

    Returns:
        None where no class has images enough, or where there are too many classes to try each
        (above `badnets.audit.base.FEW`).
    """
    if subject.num_classes > FEW:
        return None
    found = (recover(subject, clean, k, seed=seed) for k in range(subject.num_classes))
    return max((one for one in found if one), key=lambda one: one.effect.value, default=None)


def effect_on(subject: Any, found: Recovered, clean: Any) -> Rate:
    """Return how many images of other classes a trigger turns into its target.

    Args:
        subject: a model, which need not be the one that it was recovered from.
        found: the trigger.
        clean: an `ImageSet`.
    """
    others = (clean.labels != found.target).nonzero()[:, 0]
    images = as_float(clean.images_at(others)).to(subject.device)
    triggered = found.keep.to(images.device) * images + found.add.to(images.device)
    return _named(subject, triggered.clamp(0, 1), found.target)


def methods_for(subject: Any) -> list[TriggerMethod]:
    """Return the methods that can recover a trigger from a model, small triggers first."""
    kinds = [AUDITS[kind] for kind in reversed(list(AUDITS))]
    methods = [kind() for kind in kinds if issubclass(kind, TriggerMethod)]
    can = capabilities(subject)
    return [one for one in methods if one.needs <= can and one.applies(subject.input.shape)]


def _sources(
    subject: Any, method: TriggerMethod, clean: Any, target: int, source: int | None, seed: int
) -> list[int | None]:
    """Return the source, or all; where pairs are not all sought, the most promising one too."""
    if source is not None or not FEW < subject.num_classes <= ALL_PAIRS:
        return [source]
    drawn = generator(seed, f"{method.kind}, source")
    best = method.promising(subject, clean, torch.tensor([target]), drawn)
    return [None] if best is None else [None, int(best)]


def _apart(clean: Any, target: int, source: int | None) -> tuple[Tensor, Tensor]:
    """Return images to seek a trigger on, and others to measure it on, by turns of their class."""
    labels = clean.labels.cpu()
    wanted = labels != target if source is None else labels == source
    rows = wanted.nonzero()[:, 0]
    rows = rows[labels[rows].argsort(stable=True)]
    turn = turns(labels[rows])
    if clean.num_classes > FEW:
        sought, held = turn % 2 == 0, turn % 2 == 1
    else:
        sought = turn < SOUGHT
        held = ~sought if source is not None else ~sought & (turn < SOUGHT + HELD)
    order = turn[held].argsort(stable=True)
    return (
        as_float(clean.images_at(rows[sought])),
        as_float(clean.images_at(rows[held][order][:MOST_HELD])),
    )


def _named(subject: Any, images: Tensor, target: int) -> Rate:
    return Rate(int((subject.predict(images) == target).sum()), len(images))
