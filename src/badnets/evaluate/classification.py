"""Clean accuracy, attack success rate and robust accuracy of classifiers."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import TargetMap
from badnets.core.triggers import Trigger
from badnets.data import ImageSet
from badnets.data.streamed import in_order
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.models.classifier import Classifier
from badnets.models.subject import EVALUATION_BATCH


class Attack(Protocol):
    """What is measured: a trigger and a target map (a `Backdoor` has both)."""

    @property
    def trigger(self) -> Trigger:
        """What is put on the images."""

    @property
    def targets(self) -> TargetMap:
        """Which images count, and which answer is the backdoor's."""


class Answers(NamedTuple):
    """Predicted labels, each ``(N,)`` int64: without the trigger, with it, a clean network's."""

    untriggered: Tensor
    triggered: Tensor
    control: Tensor | None = None


def measure_clean(subject: Classifier, images: ImageSet) -> CleanResult:
    """Return the accuracy on untouched images.

    Raises:
        SettingError: the network and the images differ in number of classes.
    """
    _check_classes(subject, images)
    predicted = [subject.predict(part) for part in in_order(images.stored, EVALUATION_BATCH)]
    return clean_result(torch.cat(predicted), images.labels, images.num_classes)


def measure_attack(
    subject: Classifier,
    images: ImageSet,
    attack: Attack,
    *,
    control: Classifier | None = None,
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
    """
    _check_classes(subject, images)
    if control is not None:
        _check_classes(control, images, "control network")
    attack.targets.check(images.num_classes)
    if not bool(attack.targets.attackable(images.labels).any()):
        raise SettingError("none of the images is one that this target map is about")
    answers = answers_to(subject, images, attack.trigger, control=control, seed=seed)
    return attack_result(
        images.labels,
        attack.targets,
        num_classes=images.num_classes,
        triggered=answers.triggered,
        untriggered=answers.untriggered,
        control=answers.control,
    )


def answers_to(
    subject: Classifier,
    images: ImageSet,
    trigger: Trigger,
    *,
    control: Classifier | None = None,
    seed: int = 0,
) -> Answers:
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
    return Answers(
        torch.cat(plain), torch.cat(stamped), None if control is None else torch.cat(others)
    )


def clean_result(predicted: Tensor, labels: Tensor, num_classes: int) -> CleanResult:
    """Return counts from ``(N,)`` int64 predicted and true labels."""
    right = predicted == labels
    totals = torch.bincount(labels, minlength=num_classes)
    return CleanResult(
        accuracy=Rate(int(right.sum()), len(labels)),
        per_class=_by_class(right, labels, num_classes),
        predicted_counts=tuple(torch.bincount(predicted, minlength=num_classes).tolist()),
        largest_class=Rate(int(totals.max()), len(labels)),
    )


def attack_result(
    labels: Tensor,
    targets: TargetMap,
    *,
    num_classes: int,
    triggered: Tensor,
    untriggered: Tensor,
    control: Tensor | None = None,
) -> AttackResult:
    """Return counts from predicted labels; images that the attack is not about are left out.

    Args:
        labels: ``(N,)`` int64 true labels.
        targets: which of them count, and which answer is the backdoor's.
        num_classes: K.
        triggered: ``(N,)`` int64, predicted with the trigger.
        untriggered: ``(N,)`` int64, predicted by the same network without it.
        control: ``(N,)`` int64, predicted by a clean network with it.
    """
    counted = targets.attackable(labels)
    own = labels[counted]

    def hits(predicted: Tensor) -> Tensor:
        return targets.is_hit(predicted[counted], own, num_classes)

    others = ~counted
    # all-to-one leaves out only the target class, whose images keep their label by design
    spilled = (triggered != labels)[others]
    return AttackResult(
        success=_rate(hits(triggered)),
        robust=_rate(triggered[counted] == own),
        per_class=_by_class(hits(triggered), own, num_classes),
        untriggered=_rate(hits(untriggered)),
        control=None if control is None else _rate(hits(control)),
        control_per_class=() if control is None else _by_class(hits(control), own, num_classes),
        spill=_rate(spilled),
    )


def _rate(yes: Tensor) -> Rate:
    return Rate(int(yes.sum()), len(yes))


def _by_class(yes: Tensor, labels: Tensor, num_classes: int) -> tuple[Rate, ...]:
    totals = torch.bincount(labels, minlength=num_classes).tolist()
    hits = torch.bincount(labels[yes], minlength=num_classes).tolist()
    return tuple(Rate(hit, total) for hit, total in zip(hits, totals, strict=True))


def _check_classes(subject: Classifier, images: ImageSet, what: str = "network") -> None:
    if subject.num_classes != images.num_classes:
        raise SettingError(
            f"the {what} knows {subject.num_classes} classes, the data has {images.num_classes}: "
            f"use the data set that it was trained for"
        )
