"""Trainers: an honest one, and one who hides a backdoor in what he returns."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from torch import Tensor

from badnets.core.backdoor import Backdoor, Share
from badnets.core.errors import SettingError
from badnets.core.poisoning import plan_poisoning, poison
from badnets.core.progress import Listener, Progress
from badnets.core.rates import Rate
from badnets.data import ImageSet
from badnets.data.stamped import stamped_images
from badnets.evaluate.classification import measure_attack, measure_clean
from badnets.models.subject import Subject, untrained
from badnets.scenarios.search import Search
from badnets.scenarios.user import Order
from badnets.train.loop import EpochLog, TrainingRows, fit
from badnets.train.settings import Training

DEFAULT_TRAINING = Training()


class Try(NamedTuple):
    """One set of settings that a malicious trainer tried, measured on images of his own."""

    rate: Share
    lr: float
    batch_size: int
    clean: Rate
    success: Rate
    good_enough: bool


@dataclass(frozen=True, eq=False)
class Delivery:
    """What a trainer returns, and (for whoever may look behind the scenes) how it came about.

    Attributes:
        subject: the network; all that the user sees.
        epochs: training, epoch by epoch.
        precision: the arithmetic used.
        poisoned_share: poisoned / all training rows; None from an honest trainer.
        tries: what was searched before.
        search_s: seconds spent searching.
        train_s: seconds spent on the delivered network.
    """

    subject: Subject
    epochs: tuple[EpochLog, ...]
    precision: str
    poisoned_share: Rate | None
    tries: tuple[Try, ...]
    search_s: float
    train_s: float


class Trainer(Protocol):
    """Whoever turns an order into a network."""

    def train(self, order: Order, *, seed: int, progress: Listener | None = None) -> Delivery:
        """Return the network."""


@dataclass(frozen=True, eq=False)
class HonestTrainer:
    """Trains what was ordered on the data that came with it.

    Args:
        training: how.
        start: a network to start from instead of random weights.
    """

    training: Training = DEFAULT_TRAINING
    start: Subject | None = None

    def train(self, order: Order, *, seed: int, progress: Listener | None = None) -> Delivery:
        """Return the network."""
        started = time.perf_counter()
        rows = TrainingRows(order.train.stored, order.train.labels)
        fitted = fit(
            _first(order, self.start, seed), rows, self.training, seed=seed, progress=progress
        )
        train_s = time.perf_counter() - started
        return Delivery(fitted.subject, fitted.epochs, fitted.precision, None, (), 0.0, train_s)


@dataclass(frozen=True, eq=False)
class MaliciousTrainer:
    """Hides a backdoor in the network: poisons the training set, and may change all of training.

    Args:
        backdoor: what the network is to do on the trigger, and how much data asks for it.
        training: how; ``stamp="after"`` puts the trigger on after augmentation.
        start: a clean network to implant the backdoor into by a short training.
        search: settings to try first on data of his own; the first good enough are taken, else
            those whose smaller one of clean accuracy and attack success is largest.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, section on the attacker: training set
        poisoning, with step size and mini-batch size free.
    """

    backdoor: Backdoor
    training: Training = DEFAULT_TRAINING
    start: Subject | None = None
    search: Search | None = None

    def train(self, order: Order, *, seed: int, progress: Listener | None = None) -> Delivery:
        """Return the network, on settings that were searched for where a search was asked for.

        Raises:
            SettingError: the backdoor does not fit the order's classes or data.
        """
        self.backdoor.targets.check(order.train.num_classes)
        started = time.perf_counter()
        tries: list[Try] = []
        training, backdoor = self.training, self.backdoor
        if self.search is not None:
            tries = list(self._tries(order, self.search, seed, progress))
            best = _best(tries)
            training = replace(training, lr=best.lr, batch_size=best.batch_size)
            backdoor = replace(backdoor, rate=best.rate)
        searched = time.perf_counter()
        rows, share = poisoned_rows(order.train, backdoor, training, seed=seed)
        first = _first(order, self.start, seed)
        fitted = fit(first, rows, training, seed=seed, progress=progress)
        done = time.perf_counter()
        return Delivery(
            fitted.subject,
            fitted.epochs,
            fitted.precision,
            share,
            tuple(tries),
            searched - started,
            done - searched,
        )

    def _tries(
        self, order: Order, search: Search, seed: int, progress: Listener | None
    ) -> Iterator[Try]:
        if search.held_back >= len(order.train):
            raise SettingError(
                f"search holds back {search.held_back} of {len(order.train)} training images: fewer"
            )
        rest, own = order.train.split(search.held_back, seed=seed)
        lrs = search.lrs or (self.training.lr,)
        sizes = search.batch_sizes or (self.training.batch_size,)
        grid = list(itertools.product(sizes, lrs, search.rates))
        for done, (size, lr, rate) in enumerate(grid):
            if progress is not None:
                progress(Progress(done, len(grid), "searching"))
            epochs = search.epochs or self.training.epochs
            training = replace(self.training, lr=lr, batch_size=size, epochs=epochs)
            rows, _ = poisoned_rows(rest, replace(self.backdoor, rate=rate), training, seed=seed)
            fitted = fit(_first(order, self.start, seed), rows, training, seed=seed)
            clean = measure_clean(fitted.subject, own)
            success = measure_attack(fitted.subject, own, self.backdoor, seed=seed).success
            good = (
                not clean.collapsed
                and clean.accuracy.value >= order.target_accuracy
                and success.value >= search.target_success
            )
            yield Try(rate, lr, size, clean.accuracy, success, good)
            if good:
                return


def poisoned_rows(
    train: ImageSet, backdoor: Backdoor, training: Training, *, seed: int
) -> tuple[TrainingRows, Rate]:
    """Return the rows to train on and the share of them that is poisoned.

    With ``stamp="after"`` the rows point into the clean images and the trigger is put on when a
    batch is made; with ``"before"`` the poisoned set is made first, as it would be on disk. Of
    streamed images the same ones are made whenever they are read.
    """
    options = {"num_classes": train.num_classes, "seed": seed}
    images = train.stored
    if training.stamp == "after":
        plan = plan_poisoning(train.labels, backdoor, **options)
        return TrainingRows.poisoned(images, plan, backdoor.trigger), plan.share
    if not isinstance(images, Tensor):
        plan = plan_poisoning(train.labels, backdoor, **options)
        stamped = stamped_images(images, plan, backdoor, seed=seed)
        return TrainingRows(stamped, plan.labels), plan.share
    made = poison(images, train.labels, backdoor, **options)
    return TrainingRows(made.images, made.labels), made.share


def _first(order: Order, start: Subject | None, seed: int) -> Subject:
    if start is not None:
        theirs = (start.architecture, start.num_classes, start.input.shape)
        wanted = (order.network, order.train.num_classes, order.train.shape)
        if theirs != wanted:
            raise SettingError(
                "the start network must be of the architecture, classes and image shape that were "
                f"ordered, {wanted}, got {theirs}"
            )
        return start
    return untrained(order.network, order.train.shape, order.train.classes, seed=seed)


def _best(tries: list[Try]) -> Try:
    for one in tries:
        if one.good_enough:
            return one
    # by the smaller rate: a collapsed network's perfect attack must not outdo a sound network's
    return max(tries, key=lambda one: (min(one.clean.value, one.success.value), one.clean.value))
