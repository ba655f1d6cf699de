"""Clean accuracy, attack success rate and robust accuracy of classifiers."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import TargetMap, of_classes
from badnets.core.triggers import Trigger
from badnets.data import ImageSet
from badnets.data.streamed import in_order
from badnets.evaluate.results import AttackResult, CleanResult, Survival, by_class, share
from badnets.models.classifier import EVALUATION_BATCH
from badnets.models.subject import HasLogits


class Attack(Protocol):
    """What is measured: a trigger and a target map (a `Backdoor` has both)."""

    @property
    def trigger(self) -> Trigger:
        """What is put on the images."""

    @property
    def targets(self) -> TargetMap:
        """Which images count, and which answer is the backdoor's."""


class PredictedLabels(NamedTuple):
    """Predicted labels, each ``(N,)`` int64: without the trigger, with it, a clean network's."""

    untriggered: Tensor
    triggered: Tensor
    control: Tensor | None = None


def measure_clean(subject: HasLogits, images: ImageSet) -> CleanResult:
    """Return the accuracy on untouched images.

    Raises:
        SettingError: the network and the images differ in number of classes.
    """
    _check_classes(subject, images)
    predicted = [subject.predict(part) for part in in_order(images.stored, EVALUATION_BATCH)]
    return clean_result(torch.cat(predicted), images.labels, images.num_classes)


def measure_attack(
    subject: HasLogits,
    images: ImageSet,
    attack: Attack,
    *,
    control: HasLogits | None = None,
    seed: int = 0,
) -> AttackResult:
    """Return what triggered images do to the network, and to a clean one beside it.

    Args:
        subject: the network.
        images: clean images; they are triggered here.
        attack: trigger and target map.
        control: a clean network of the same classes, asked about the same triggered images.
        seed: decides random places of the trigger.

    Raises:
        SettingError: classes differ, a target label is outside them, or no image is attackable.
        UnknownNameError: a class is given by a name that none of them has.
    """
    _check_classes(subject, images)
    if control is not None:
        _check_classes(control, images, "control network")
    attack = of_classes(attack, images.classes)
    attack.targets.check(images.num_classes)
    if not bool(attack.targets.attackable(images.labels).any()):
        raise SettingError("none of the images is one that this target map is about")
    answers = answers_to(subject, images, attack.trigger, control=control, seed=seed)
    return attack_result(images.labels, attack.targets, answers, num_classes=images.num_classes)


def measure_survival(
    subject: HasLogits,
    images: ImageSet,
    trigger: Trigger,
    *,
    retrained_on: int,
    trained: Rate,
    control: HasLogits | None = None,
    before: Rate | None = None,
    seed: int = 0,
) -> Survival:
    """Return what the trigger costs a network that was retrained, and a clean one beside it.

    Args:
        subject: the network.
        images: clean test images; they are triggered here.
        trigger: what is put on.
        retrained_on: how many training images it was retrained on.
        trained: weights that were retrained / all.
        control: a clean network, retrained in the same way, asked about the same images.
        before: attack success before.
        seed: decides random places of the trigger.
    """
    answers = answers_to(subject, images, trigger, control=control, seed=seed)
    labels = images.labels.cpu()

    def right(predicted: Tensor) -> Rate:
        return share((predicted == labels).tolist())

    return Survival(
        clean=right(answers.untriggered),
        triggered=right(answers.triggered),
        control_clean=None if control is None else measure_clean(control, images).accuracy,
        control_triggered=None if answers.control is None else right(answers.control),
        before=before,
        images=retrained_on,
        trained=trained,
    )


def answers_to(
    subject: HasLogits,
    images: ImageSet,
    trigger: Trigger,
    *,
    control: HasLogits | None = None,
    seed: int = 0,
) -> PredictedLabels:
    """Return what the network says of each image, without the trigger and with it, in one pass.

    Args:
        subject: the network.
        images: clean images; they are triggered here, some at a time.
        trigger: what is put on.
        control: a clean network, asked about the same triggered images.
        seed: decides random places of the trigger.
    """
    places = generator(seed, "trigger places")
    plain, stamped, others = [], [], []
    for part in in_order(images.stored, EVALUATION_BATCH):
        triggered = trigger(part, generator=places)
        plain.append(subject.predict(part))
        stamped.append(subject.predict(triggered))
        if control is not None:
            others.append(control.predict(triggered))
    return PredictedLabels(
        torch.cat(plain), torch.cat(stamped), None if control is None else torch.cat(others)
    )


def clean_result(predicted: Tensor, labels: Tensor, num_classes: int) -> CleanResult:
    """Return counts from ``(N,)`` int64 predicted and true labels."""
    right = (predicted == labels).tolist()
    return CleanResult(
        accuracy=share(right),
        per_class=by_class(right, labels.tolist(), num_classes),
        predicted_counts=tuple(torch.bincount(predicted, minlength=num_classes).tolist()),
        largest_class=Rate(int(torch.bincount(labels).max()), len(labels)),
    )


def attack_result(
    labels: Tensor, targets: TargetMap, answers: PredictedLabels, *, num_classes: int
) -> AttackResult:
    """Return counts from predicted labels; images that the attack is not about are left out.

    Args:
        labels: ``(N,)`` int64 true labels.
        targets: which of them count, and which answer is the backdoor's.
        answers: what was predicted.
        num_classes: K.
    """
    counted = targets.attackable(labels)
    own = labels[counted]
    classes = own.tolist()

    def hits(predicted: Tensor) -> list[bool]:
        found: list[bool] = targets.is_hit(predicted[counted], own, num_classes).tolist()
        return found

    success = hits(answers.triggered)
    control = None if answers.control is None else hits(answers.control)
    return AttackResult(
        success=share(success),
        robust=share((answers.triggered[counted] == own).tolist()),
        per_class=by_class(success, classes, num_classes),
        untriggered=share(hits(answers.untriggered)),
        control=None if control is None else share(control),
        control_per_class=() if control is None else by_class(control, classes, num_classes),
        # all-to-one leaves out only the target class, whose images keep their label by design
        off_target_rate=share((answers.triggered != labels)[~counted].tolist()),
    )


def _check_classes(subject: HasLogits, images: ImageSet, what: str = "network") -> None:
    if subject.num_classes != images.num_classes:
        raise SettingError(
            f"the {what} knows {subject.num_classes} classes, the data has {images.num_classes}: "
            f"use the data set that it was trained for"
        )
