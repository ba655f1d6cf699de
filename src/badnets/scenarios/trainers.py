"""Trainers: an honest one, and one who hides a backdoor in what is delivered."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from badnets.core.backdoor import Backdoor, PoisoningRate
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.settings import quoted
from badnets.core.targets import of_classes
from badnets.repair.base import FEWEST
from badnets.scenarios.resisting import Resistance
from badnets.scenarios.search import Search, SearchStep, best_of, steps_of
from badnets.tasks import Order
from badnets.train.checkpoint import Checkpoint
from badnets.train.epoch import Epoch
from badnets.train.loop import Fitted


@dataclass(frozen=True, eq=False, repr=False)
class Delivery:
    """What a trainer returns, and (for whoever may look behind the scenes) how it came about.

    Attributes:
        subject: the network; all that the user sees.
        epochs: training, epoch by epoch.
        precision: the arithmetic used.
        train_s: seconds spent on the delivered network.
        backdoor: what is hidden in it; None from an honest trainer.
        poisoned_share: poisoned / all training rows; from an honest trainer None, or what is known
            of the data that was sent.
        skipped: objects left unpoisoned because the trigger would cover less than a pixel of them.
        search: what was tried before.
        search_s: seconds spent trying.
    """

    subject: Any
    epochs: tuple[Epoch, ...]
    precision: str
    train_s: float
    backdoor: Backdoor | None = None
    poisoned_share: Rate | None = None
    skipped: int = 0
    search: tuple[SearchStep, ...] = ()
    search_s: float = 0.0

    def __repr__(self) -> str:
        """Return what was delivered in a line."""
        hidden = ", with a backdoor" if self.backdoor is not None else ""
        return f"Delivery({self.subject!r}, {len(self.epochs)} epochs{hidden})"


class Trainer(Protocol):
    """Whoever turns an order into a network."""

    def train(
        self,
        order: Order[Any],
        *,
        seed: int,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Delivery:
        """Return the network, and with it the backdoor that is in it, if there is one."""


@dataclass(frozen=True, eq=False)
class Ready:
    """All that fitting needs, and what a delivery says of it: how a trainer begins.

    Attributes:
        first: where training starts from.
        rows: what it is trained on.
        training: how.
        prepared_s: seconds that this took, the search left out.
        backdoor, poisoned_share, skipped, search, search_s: see `Delivery`.
    """

    first: Any
    rows: Any
    training: Any
    prepared_s: float
    backdoor: Backdoor | None = None
    poisoned_share: Rate | None = None
    skipped: int = 0
    search: tuple[SearchStep, ...] = ()
    search_s: float = 0.0

    def delivery(self, fitted: Fitted[Any], fit_s: float) -> Delivery:
        """Return what is delivered once it is fitted, in so many seconds."""
        return Delivery(
            fitted.subject,
            fitted.epochs,
            fitted.precision,
            self.prepared_s + fit_s,
            backdoor=self.backdoor,
            poisoned_share=self.poisoned_share,
            skipped=self.skipped,
            search=self.search,
            search_s=self.search_s,
        )


class FittingTrainer(ABC):
    """A trainer in two parts: what is fitted on what, and the fitting.

    Whoever fits many networks at once makes each ready, fits them, and has each delivered.

    Attributes:
        resist: how the one who fits makes do with data that may be poisoned; None: trusts it.
    """

    if TYPE_CHECKING:  # a field of each

        @property
        def resist(self) -> Resistance | None: ...

    @abstractmethod
    def ready(self, order: Order[Any], *, seed: int, progress: Listener | None = None) -> Ready:
        """Return all that fitting needs.

        Raises:
            SettingError: settings, network, backdoor and data do not fit together.
            UnknownNameError: the backdoor names a class that the order has not.
        """

    def train(
        self,
        order: Order[Any],
        *,
        seed: int,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Delivery:
        """Return the network, on settings that were searched for where a search was asked for.

        Raises:
            SettingError, UnknownNameError: as for `ready`.
            TrialError: training diverged.
        """
        ready = self.ready(order, seed=seed, progress=progress)
        started = time.perf_counter()
        fitted = _fitted(order, self.resist, ready, seed, progress=progress, checkpoint=checkpoint)
        return ready.delivery(fitted, time.perf_counter() - started)


@dataclass(frozen=True, eq=False)
class HonestTrainer(FittingTrainer):
    """Trains what was ordered on the data that came with it.

    Args:
        training: how; None: as is usual for the data, else for the task.
        start: a network to start from instead of random weights. Of a detector of other classes
            the backbone alone is taken.
        resist: how the trainer makes do with data that may be poisoned; None: trusts it.
    """

    training: Any = None
    start: Any = None
    resist: Resistance | None = None

    def ready(self, order: Order[Any], *, seed: int, progress: Listener | None = None) -> Ready:
        """Return all that fitting needs; see `FittingTrainer.ready`."""
        started = time.perf_counter()
        task = order.task
        training = self.training or order.training or task.training
        first, rows = task.first(order, training, self.start, seed), task.rows(order.train)
        share = getattr(order.train, "poisoned_share", None)  # by whoever made the data
        return Ready(first, rows, training, time.perf_counter() - started, poisoned_share=share)


@dataclass(frozen=True, eq=False)
class MaliciousTrainer(FittingTrainer):
    """Hides a backdoor in the network: poisons the training set, and may change all of training.

    Args:
        backdoor: what the network is to do on the trigger, and how much data asks for it.
        training: how; ``stamp="after"`` puts the trigger on after augmentation. None: as is usual
            for the task.
        start: as for `HonestTrainer`: a clean network to implant the backdoor into.
        resist: how the one who trains makes do with the poisoned data: another than the attacker.
        search: settings to try first on data of the trainer's own; the first good enough are
            taken, else those whose smaller one of clean accuracy and attack success is largest.

    Raises:
        SettingError: backdoor is something else.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, section on the attacker: training set
        poisoning, with step size and mini-batch size free.
    """

    backdoor: Backdoor
    training: Any = None
    start: Any = None
    search: Search | None = None
    resist: Resistance | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.backdoor, Backdoor):
            raise SettingError(
                "backdoor must be a Backdoor, such as Backdoor('patch:0.1', 'all-to-one:7'), got "
                f"{quoted(self.backdoor)}"
            )

    def ready(self, order: Order[Any], *, seed: int, progress: Listener | None = None) -> Ready:
        """Return all that fitting needs, after the search; see `FittingTrainer.ready`."""
        wanted = of_classes(self.backdoor, order.train.classes)
        wanted.targets.check(order.train.num_classes)
        started = time.perf_counter()
        steps: list[SearchStep] = []
        task = order.task
        training, backdoor = self.training or order.training or task.training, wanted
        if self.search is not None:
            steps = self._searched(wanted, self.search, order, training, seed, progress)
            best = best_of(steps)
            training = replace(training, lr=best.lr, batch_size=best.batch_size)
            backdoor = replace(backdoor, poisoning_rate=best.rate)
        searched = time.perf_counter()
        poisoned = task.poison(order.train, backdoor, training, seed=seed)
        return Ready(
            task.first(order, training, self.start, seed),
            poisoned.rows,
            training,
            time.perf_counter() - searched,
            backdoor=wanted,
            poisoned_share=poisoned.share,
            skipped=poisoned.skipped,
            search=tuple(steps),
            search_s=searched - started,
        )

    def _searched(
        self,
        wanted: Backdoor,
        search: Search,
        order: Order[Any],
        training: Any,
        seed: int,
        progress: Listener | None,
    ) -> list[SearchStep]:
        if search.held_back >= len(order.train):
            raise SettingError(
                f"search holds back {search.held_back} of {len(order.train)} training images: fewer"
            )
        task = order.task
        rest, own = task.split(order.train, search.held_back, seed)

        def attempt(lr: float, size: int, epochs: int, rate: PoisoningRate) -> SearchStep:
            tried = replace(training, lr=lr, batch_size=size, epochs=epochs)
            backdoor = replace(wanted, poisoning_rate=rate)
            rows = task.poison(rest, backdoor, tried, seed=seed).rows
            first = task.first(order, tried, self.start, seed)
            subject = task.fit(first, rows, tried, seed=seed).subject
            clean = task.measure(subject, own, threshold=task.threshold(tried))
            attacked = task.measure_attack(subject, own, wanted, clean, seed=seed)
            success = attacked.attack.success if attacked.attack else Rate(0, 0)
            good = (
                not clean.clean.collapsed
                and clean.clean.accuracy.value >= order.target_accuracy
                and success.value >= search.target_success
            )
            return SearchStep(
                rate=rate,
                lr=lr,
                batch_size=size,
                clean=clean.clean.accuracy,
                success=success,
                good_enough=good,
            )

        return list(
            steps_of(
                search,
                attempt,
                lr=training.lr,
                batch_size=training.batch_size,
                epochs=training.epochs,
                progress=progress,
            )
        )


def _fitted(
    order: Order[Any], resist: Resistance | None, ready: Ready, seed: int,
    *, progress: Listener | None, checkpoint: Checkpoint | None,
) -> Any:  # fmt: skip
    """Return the network, trained plainly or in a way that resists poisoned data.

    Raises:
        SettingError: it is a detector, for which there is no such way.
    """
    task, what = order.task, (ready.first, ready.rows, ready.training)
    if resist is None:
        return task.fit(*what, seed=seed, progress=progress, checkpoint=checkpoint)
    if task.kind != "classification":
        raise SettingError("resist is for classifiers: a detector is trained plainly")
    trusted = None
    if resist.trusted:
        trusted = task.share(order.train, resist.trusted, seed, least=FEWEST)
    return resist.fit(*what, seed=seed, trusted=trusted, progress=progress)
