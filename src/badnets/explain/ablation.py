"""Silencing units: what becomes of clean accuracy and attack success."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from badnets.core.rates import Rate
from badnets.core.targets import of_classes

if TYPE_CHECKING:
    from badnets.data import ImageSet
    from badnets.evaluate.classification import Attack
    from badnets.models.classifier import Classifier

Choice = Literal["strongest", "random", "chosen"]


class Ablation(BaseModel):
    """What happens when some of a layer's units are silenced (their output set to zero).

    Attributes:
        layer: name of the layer.
        choice: ``"strongest"``: the units that answer most to the trigger; ``"random"``: as many
            others, drawn at random, for comparison; ``"chosen"``: by whoever asked.
        silenced: indices of the units.
        clean: clean accuracy then.
        success: attack success rate then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: str
    choice: Choice
    silenced: tuple[int, ...]
    clean: Rate
    success: Rate


def silence(
    subject: Classifier,
    layer: str,
    units: Sequence[int],
    images: ImageSet,
    attack: Attack,
    *,
    choice: Choice = "chosen",
    seed: int = 0,
) -> Ablation:
    """Return what the network does without some units of a layer; it is unchanged afterwards.

    Args:
        subject: the network.
        layer: name out of ``subject.layers``.
        units: indices of channels or outputs.
        images: clean images to measure on; not those that the units were chosen by.
        attack: trigger and target map.
        choice: how the units were chosen.
        seed: decides random places of the trigger.

    Raises:
        UnknownNameError, SettingError: there is no such layer, or no such unit in it.
    """
    from badnets.evaluate.classification import answers_to, attack_result, clean_result

    attack = of_classes(attack, images.classes)
    with subject.silenced(layer, units) as muted:
        answers = answers_to(muted, images, attack.trigger, seed=seed)
    attacked = attack_result(images.labels, attack.targets, answers, num_classes=images.num_classes)
    clean = clean_result(answers.untriggered, images.labels, images.num_classes)
    return Ablation(
        layer=layer,
        choice=choice,
        silenced=tuple(units),
        clean=clean.accuracy,
        success=attacked.success,
    )
