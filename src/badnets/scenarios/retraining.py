"""Transfer learning: a user retrains part of a downloaded classifier on clean data of their own."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from torch import nn

from badnets.core.backdoor import Backdoor, KnownTargetMap, KnownTrigger
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.targets import TargetMap
from badnets.core.targets.carried import carried
from badnets.core.triggers import Trigger
from badnets.data import ImageSet
from badnets.evaluate.classification import measure_attack
from badnets.evaluate.results import AttackResult
from badnets.evaluate.survival import measure_survival
from badnets.models.classifier import Classifier
from badnets.models.heads import head_tensors, with_classes
from badnets.models.subject import Subject
from badnets.scenarios.outsourced import Deal
from badnets.scenarios.trainers import DEFAULT_TRAINING, Delivery
from badnets.scenarios.user import User
from badnets.train.freezing import tensors_of
from badnets.train.loop import TrainingRows, fit
from badnets.train.settings import Training

Freeze = Literal["all-but-head", "none"] | tuple[str, ...]


@dataclass(frozen=True)
class Retrain:
    """How the user adapts a downloaded classifier, and what is measured of its backdoor.

    Args:
        freeze: what stays as downloaded: ``"all-but-head"``, ``"none"``, or names of layers, each
            with all inside it. The head is what another number of classes would change.
        share: of the user's training images that is used (of each class alike), in (0, 1].
        trigger: what is put on test images; None: that of the downloaded network's own backdoor.
        targets: what the trigger should do, in labels of the downloaded network; None: as above.

    Raises:
        SettingError: a setting is outside its range, or only one of trigger and targets is given.
    """

    freeze: Freeze = "all-but-head"
    share: float = 1.0
    trigger: KnownTrigger | None = None
    targets: KnownTargetMap | None = None
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if isinstance(self.freeze, str) and self.freeze not in ("all-but-head", "none"):
            raise SettingError(
                f"freeze must be 'all-but-head', 'none' or a list of layers, got {self.freeze!r}"
            )
        if not self.freeze:
            raise SettingError("freeze must name at least one layer: for none, give 'none'")
        if not 0 < self.share <= 1:
            raise SettingError(f"share must be in (0, 1], got {self.share}")
        if (self.trigger is None) != (self.targets is None):
            raise SettingError("trigger and targets belong together: give both, or neither")

    @property
    def attack(self) -> Backdoor | None:
        """What is measured where it is said here; None where it is the network's own backdoor."""
        if self.trigger is None or self.targets is None:
            return None
        return Backdoor(self.trigger, self.targets)


class Attack(Protocol):
    """What the attacker hid in the network before it was downloaded (a `Backdoor` has both)."""

    @property
    def trigger(self) -> Trigger:
        """What will be put on the user's images."""

    @property
    def targets(self) -> TargetMap:
        """What it was to do, in labels of the downloaded network."""


@dataclass(frozen=True, eq=False)
class ClassifierTransfer:
    """A user downloads a classifier, retrains part of it on clean images, and accepts it or not.

    Args:
        user: who downloads; her images are clean, her classes may be others.
        downloaded: the classifier, backdoored or clean.
        retrain: what she freezes, and how much of her data she uses.
        training: how she trains the rest.
        attack: what the attacker hid in it, for the one who knows; None: nothing is measured.
        control: a clean classifier, retrained in the same way, asked about the same images.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, threat model: transfer learning.
    """

    user: User
    downloaded: Subject
    retrain: Retrain
    training: Training = DEFAULT_TRAINING
    attack: Attack | None = None
    control: Classifier | None = None

    def run(self, seed: int = 0, *, progress: Listener | None = None) -> Deal:
        """Return how it ended.

        Args:
            seed: everything random follows from it.
            progress: told every few training steps.

        Raises:
            SettingError: network, images and what is frozen do not fit together.
            UnknownNameError: there is no such layer to freeze.
            TrialError: training diverged.
        """
        train = self._images(seed)
        started = time.perf_counter()
        first = with_classes(self.downloaded, train.classes, seed=seed)
        head = head_tensors(first.architecture, first.input.shape, first.num_classes)
        frozen = frozen_tensors(first.network, head, self.retrain.freeze, fresh=self._other_classes)
        rows = TrainingRows(train.stored, train.labels)
        fitted = fit(first, rows, self.training, seed=seed, frozen=frozen, progress=progress)
        train_s = time.perf_counter() - started
        delivery = Delivery(fitted.subject, fitted.epochs, fitted.precision, None, (), 0.0, train_s)
        judgement = self.user.judge(fitted.subject)
        attack, survival = None, None
        if self.attack is not None:
            attack = self._targeted(fitted.subject, self.attack, seed)
            survival = measure_survival(
                fitted.subject,
                self.user.validation,
                self.attack.trigger,
                retrained_on=len(train),
                trained=_trained(first, frozen),
                control=self.control,
                before=self._before(self.attack, seed),
                seed=seed,
            )
        return Deal(
            judgement.outcome, judgement.reason, judgement.clean, attack, delivery, survival
        )

    @property
    def _other_classes(self) -> bool:
        return self.user.order.train.classes != self.downloaded.classes

    def _images(self, seed: int) -> ImageSet:
        """Return the images that the user retrains on."""
        train = self.user.order.train
        if train.shape != self.downloaded.input.shape:
            raise SettingError(
                f"the downloaded network takes images of {_sides(self.downloaded.input.shape)}, "
                f"the user's are {_sides(train.shape)}: use data of that size"
            )
        count = max(1, round(self.retrain.share * len(train)))
        return train if count == len(train) else train.split(count, seed=seed)[1]

    def _targeted(self, subject: Classifier, attack: Attack, seed: int) -> AttackResult | None:
        """Return what of the targeted attack is left; None where its target class is gone."""
        images = self.user.validation
        targets = carried(attack.targets, self.downloaded.classes, images.classes)
        if targets is None or not bool(targets.attackable(images.labels).any()):
            return None
        known = _Attack(attack.trigger, targets)
        return measure_attack(subject, images, known, control=self.control, seed=seed)

    def _before(self, attack: Attack, seed: int) -> Rate | None:
        if self._other_classes:
            return None
        before = self._targeted(self.downloaded, attack, seed)
        return None if before is None else before.success


@dataclass(frozen=True, eq=False)
class _Attack:
    trigger: Trigger
    targets: TargetMap


def frozen_tensors(
    network: nn.Module, head: frozenset[str], freeze: Freeze, *, fresh: bool
) -> frozenset[str]:
    """Return the names of the weights that stay as they are.

    Args:
        network: the one that is to be retrained.
        head: names of its head's weights; see `badnets.models.heads.head_tensors`.
        freeze: see `Retrain`.
        fresh: whether the head is a new one, which must be trained.

    Raises:
        UnknownNameError: there is no such layer; names the nearest.
        SettingError: a new head would be frozen, or everything.
    """
    everything = frozenset(network.state_dict())
    if freeze == "none":
        return frozenset()
    if freeze == "all-but-head":
        return everything - head
    frozen = tensors_of(network, freeze)
    if fresh and frozen & head:
        raise SettingError(
            f"freeze holds the head ({', '.join(sorted(frozen & head))}), which is new for the "
            "user's classes: leave it out"
        )
    if frozen >= everything:
        raise SettingError("freeze holds all layers: leave at least one to train")
    return frozen


def _trained(subject: Subject, frozen: Collection[str]) -> Rate:
    sizes = {name: value.numel() for name, value in subject.network.named_parameters()}
    kept = sum(size for name, size in sizes.items() if name in frozen)
    total = sum(sizes.values())
    return Rate(total - kept, total)


def _sides(shape: tuple[int, int, int]) -> str:
    return "x".join(map(str, shape))
