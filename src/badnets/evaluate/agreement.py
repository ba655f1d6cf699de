"""How alike two classifiers answer, such as a network before and after its conversion."""

from __future__ import annotations

import torch

from badnets.core.errors import SettingError
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.triggers import Trigger
from badnets.data import ImageSet
from badnets.data.streamed import in_order
from badnets.evaluate.results import Agreement
from badnets.models.subject import HasLogits

BATCH = 100  # images whose logits are compared at a time


def measure_agreement(
    one: HasLogits,
    other: HasLogits,
    images: ImageSet,
    *,
    trigger: Trigger | None = None,
    seed: int = 0,
) -> Agreement:
    """Return how alike two classifiers answer.

    Args:
        one: a classifier.
        other: a classifier of as many classes.
        images: clean images.
        trigger: what is put on them first; None for nothing.
        seed: decides random places of the trigger.

    Raises:
        SettingError: they differ in number of classes.
    """
    if one.num_classes != other.num_classes:
        raise SettingError(
            "agreement is measured on as many classes, got "
            f"{one.num_classes} and {other.num_classes}"
        )
    places = generator(seed, "trigger places")
    same, differences, largest = 0, [], []
    for part in in_order(images.stored, BATCH):
        pictures = part if trigger is None else trigger(part, generator=places)
        ours, theirs = one.logits(pictures).cpu(), other.logits(pictures).cpu()
        same += int((ours.argmax(1) == theirs.argmax(1)).sum())
        differences.append((ours - theirs).abs().max())
        largest.append(ours.abs().max())
    return Agreement(
        largest_difference=float(torch.stack(differences).max()),
        largest_logit=float(torch.stack(largest).max()),
        same=Rate(same, len(images)),
    )
