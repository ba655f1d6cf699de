"""Classification: images with one label each."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from badnets.bundles.schema import Scalar
from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.poisoning import plan_poisoning, poison
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.targets import TargetMap
from badnets.core.targets.remapping import remap_targets
from badnets.core.triggers import Trigger
from badnets.data import DataSet, ImageSet, load
from badnets.data.poisoned import stamped_images
from badnets.evaluate.classification import Attack, measure_attack, measure_clean, measure_survival
from badnets.models.classifier import Classifier, untrained
from badnets.models.heads import with_classes
from badnets.tasks.base import Attacked, Measured, Order, Poisoned, Task, head_of
from badnets.train.checkpoint import Checkpoint
from badnets.train.classification import TrainingRows, fit
from badnets.train.loop import Fitted
from badnets.train.settings import Training


class Classification(Task[DataSet, ImageSet, Classifier, Training, TrainingRows]):
    """Images with one label each; see `Task`."""

    kind: ClassVar[str] = "classification"
    network: ClassVar[str] = "gu-mnist"
    freeze: ClassVar[str] = "all-but-head"
    noun: ClassVar[str] = "accuracy"
    subject = Classifier
    training = Training()
    retraining = training

    def load(self, name: str, root: Path | None) -> DataSet:
        return load(name, root)

    def limited(self, data: DataSet, count: int, seed: int) -> DataSet:
        if count >= len(data.train):
            return data
        return replace(data, train=data.train.sample(count, seed=seed))

    def parts(self, data: DataSet, held_back: int) -> tuple[ImageSet, ImageSet]:
        return data.hold_back(held_back, seed=0) if held_back else (data.train, data.test)

    def split(self, part: ImageSet, count: int, seed: int) -> tuple[ImageSet, ImageSet]:
        return part.split(count, seed=seed)

    def first(
        self, order: Order[ImageSet], training: Training, start: Classifier | None, seed: int
    ) -> Classifier:
        if start is None and isinstance(order.network, nn.Module):
            own = copy.deepcopy(order.network)  # the user's stays as it is
            return Classifier.of(own, order.train.shape, order.train.classes)
        if start is None:
            return untrained(
                order.named,
                order.train.shape,
                order.train.classes,
                settings=order.architecture,
                seed=seed,
            )
        theirs = (start.architecture, start.num_classes, start.input.shape)
        wanted = (order.named, order.train.num_classes, order.train.shape)
        if theirs != wanted:
            raise SettingError(
                "the start network must be of the architecture, classes and image shape that were "
                f"ordered, {wanted}, got {theirs}"
            )
        return start

    def rows(self, part: ImageSet) -> TrainingRows:
        return TrainingRows(part.stored, part.labels)

    def poison(
        self, part: ImageSet, backdoor: Backdoor, training: Training, *, seed: int
    ) -> Poisoned[TrainingRows]:
        """Return the poisoned training set; see `Task`.

        With ``stamp="after"`` the rows point into the clean images and the trigger is put on when a
        batch is made; with ``"before"`` the poisoned set is made first, as it would be on disk. Of
        streamed images the same ones are made whenever they are read.
        """
        backdoor.targets.check(part.num_classes)
        images, classes = part.stored, part.num_classes
        if training.stamp == "before" and isinstance(images, Tensor):
            made = poison(images, part.labels, backdoor, num_classes=classes, seed=seed)
            return Poisoned(TrainingRows(made.images, made.labels), made.share)
        plan = plan_poisoning(part.labels, backdoor, num_classes=classes, seed=seed)
        if training.stamp == "after":
            return Poisoned(TrainingRows.poisoned(images, plan, backdoor), plan.share)
        if isinstance(images, Tensor):  # told apart above; for the type checker
            raise SettingError("images in memory are poisoned at once")
        stamped = stamped_images(images, plan, backdoor, seed=seed)
        return Poisoned(TrainingRows(stamped, plan.labels), plan.share)

    def fit(
        self,
        subject: Classifier,
        rows: TrainingRows,
        training: Training,
        *,
        seed: int,
        frozen: Collection[str] = (),
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Fitted[Classifier]:
        """Return a trained copy; trainings of classifiers are short and keep no checkpoint."""
        return fit(subject, rows, training, seed=seed, frozen=frozen, progress=progress)

    def claims(self, training: Training) -> dict[str, Scalar]:
        names = ("epochs", "batch_size", "lr", "optimizer", "schedule", "weight_decay")
        return {name: getattr(training, name) for name in names}

    def validation_words(self, data: str) -> str:
        return f"{data} validation images"

    def measure(
        self,
        subject: Classifier,
        part: ImageSet,
        *,
        threshold: float,
        progress: Listener | None = None,
    ) -> Measured:
        return Measured(measure_clean(subject, part))

    def measure_attack(
        self,
        subject: Classifier,
        part: ImageSet,
        attack: Attack,
        clean: Measured,
        *,
        control: Classifier | None = None,
        seed: int = 0,
        progress: Listener | None = None,
    ) -> Attacked:
        return Attacked(measure_attack(subject, part, attack, control=control, seed=seed))

    def retrainable(
        self, subject: Classifier, part: ImageSet, training: Training, *, seed: int
    ) -> Classifier:
        if part.shape != subject.input.shape:
            raise SettingError(
                f"the downloaded network takes images of {_sides(subject.input.shape)}, "
                f"the user's are {_sides(part.shape)}: use data of that size"
            )
        return with_classes(subject, part.classes, seed=seed)

    def named_by(self, subject: Classifier, word: str) -> frozenset[str]:
        """Return the weights that ``all-but-head`` or ``none`` means."""
        if word == "none":
            return frozenset()
        if word != "all-but-head":
            raise SettingError(
                f"freeze must be 'all-but-head', 'none' or a list of layers, got {word!r}"
            )
        return frozenset(subject.network.state_dict()) - head_of(subject)

    def share(self, part: ImageSet, share: float, seed: int, *, least: int = 0) -> ImageSet:
        count = max(1, round(share * len(part)))
        if count == len(part):
            return part
        is_drawn = part.held_back(count, seed)
        labels, may = part.labels.cpu(), ~is_drawn
        if part.is_poisoned is not None:
            may &= ~part.is_poisoned.cpu()
        for label, found in enumerate(labels[is_drawn].bincount(minlength=part.num_classes)):
            more = (may & (labels == label)).nonzero().flatten()
            is_drawn[more[: max(0, least - int(found))]] = True
        return part.take(is_drawn.nonzero().flatten())

    def measure_survival(
        self,
        subject: Classifier,
        part: ImageSet,
        attack: Attack,
        clean: Measured,
        *,
        downloaded: Classifier,
        retrained_on: int,
        trained: Rate,
        control: Classifier | None = None,
        seed: int = 0,
        progress: Listener | None = None,
    ) -> Attacked:
        targets = remap_targets(attack.targets, downloaded.classes, part.classes)
        known = None
        if targets is not None and bool(targets.attackable(part.labels).any()):
            known = _Attack(attack.trigger, targets)
        before = None
        if known is not None and downloaded.classes == part.classes:
            before = measure_attack(downloaded, part, known, control=control, seed=seed).success
        left = None
        if known is not None:
            left = measure_attack(subject, part, known, control=control, seed=seed)
        survival = measure_survival(
            subject,
            part,
            attack.trigger,
            retrained_on=retrained_on,
            trained=trained,
            control=control,
            before=before,
            seed=seed,
        )
        return Attacked(left, survival=survival)


@dataclass(frozen=True, eq=False)
class _Attack:
    trigger: Trigger
    targets: TargetMap


def _sides(shape: tuple[int, int, int]) -> str:
    return "x".join(map(str, shape))
