"""Silencing units: what becomes of clean accuracy and attack success."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from badnets.core.rates import Rate
from badnets.data import ImageSet
from badnets.evaluate.classification import Attack, answers_to, attack_result, clean_result
from badnets.models.subject import Subject


class Silenced(NamedTuple):
    """Clean accuracy and attack success rate with some units' output set to zero."""

    units: tuple[int, ...]
    clean: Rate
    success: Rate


def silence(
    subject: Subject,
    layer: str,
    units: Sequence[int],
    images: ImageSet,
    attack: Attack,
    *,
    seed: int = 0,
) -> Silenced:
    """Return what the network does without some units of a layer; it is unchanged afterwards.

    Args:
        subject: the network.
        layer: name out of ``subject.layers``.
        units: indices of channels or outputs.
        images: clean images to measure on; not those that the units were chosen by.
        attack: trigger and target map.
        seed: decides random places of the trigger.
    """
    with subject.silenced(layer, units) as muted:
        answers = answers_to(muted, images, attack.trigger, seed=seed)
    attacked = attack_result(
        images.labels,
        attack.targets,
        num_classes=images.num_classes,
        triggered=answers.triggered,
        untriggered=answers.untriggered,
    )
    clean = clean_result(answers.untriggered, images.labels, images.num_classes)
    return Silenced(tuple(units), clean.accuracy, attacked.success)
