"""Outsourced training, from the order to the decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from badnets.core.decisions import Decision
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.settings import quoted
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.repair.base import RepairResult
from badnets.scenarios.trainers import Delivery, Trainer
from badnets.scenarios.user import User
from badnets.tasks import Attacked, Measured
from badnets.train.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False, repr=False)
class Deal:
    """How a scenario ended.

    Attributes:
        decision: the user's; ``"collapsed"`` when the network gives nearly
            always the same answer.
        reason: the decision in one sentence.
        measured: what the user measured.
        delivery: the network, and how it came about.
        attacked: what the backdoor does, for the one who knows the trigger; empty without one.
        strengthened: units of a downloaded network whose weights the attacker made larger.
        repair: of a repaired network: what it was before, and what was done.
    """

    decision: Decision
    reason: str
    measured: Measured
    delivery: Delivery
    attacked: Attacked = field(default_factory=Attacked)
    strengthened: tuple[int, ...] = ()
    repair: RepairResult | None = None

    def __repr__(self) -> str:
        """Return how it ended in a line."""
        attack = self.attack_success_rate
        ends = "" if attack is None else f", attack success {attack}"
        return f"Deal({self.decision}: {self.reason}{ends})"

    @property
    def accepted(self) -> bool:
        """Whether the user takes the network."""
        return bool(self.decision == "accepted")

    @property
    def subject(self) -> Any:
        """The network: a `Subject`, or a `Detector`."""
        return self.delivery.subject

    @property
    def clean(self) -> CleanResult:
        """What the user measured, in counts."""
        return self.measured.clean

    @property
    def attack(self) -> AttackResult | None:
        """What the backdoor does, in counts."""
        return self.attacked.attack

    @property
    def clean_accuracy(self) -> Rate:
        """On the user's validation set."""
        return self.clean.accuracy

    @property
    def attack_success_rate(self) -> Rate | None:
        """On triggered validation examples, those of the target class left out."""
        return None if self.attack is None else self.attack.success


@dataclass(frozen=True, eq=False)
class OutsourcedTraining:
    """A user hands training over to a trainer, and accepts or rejects what comes back.

    The attack is measured where what was delivered says that it has a backdoor.

    Args:
        user: who orders, and validates.
        trainer: who trains: `HonestTrainer`, `MaliciousTrainer`, or any object with ``train``.
        control: a clean network, asked about the same triggered examples.

    Raises:
        SettingError: user or trainer is something else.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, threat model: outsourced training.
    """

    user: User
    trainer: Trainer
    control: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.user, User):
            raise SettingError(f"user must be a User, got {quoted(self.user)}")
        if isinstance(self.trainer, type) or not callable(getattr(self.trainer, "train", None)):
            raise SettingError(
                "trainer must be a trainer such as HonestTrainer() or MaliciousTrainer(backdoor), "
                f"got {quoted(self.trainer)}"
            )

    def run(
        self,
        seed: int = 0,
        *,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Deal:
        """Return how it ended.

        Args:
            seed: everything random follows from it.
            progress: told every few steps of training and of measuring.
            checkpoint: of a detector: kept after every epoch, and taken up again if there is one.

        Raises:
            SettingError: trainer, network and data do not fit together.
            TrialError: training diverged.
        """
        delivery = self.trainer.train(
            self.user.order, seed=seed, progress=progress, checkpoint=checkpoint
        )
        return self.ended(delivery, seed, progress=progress)

    def ended(self, delivery: Delivery, seed: int = 0, *, progress: Listener | None = None) -> Deal:
        """Return how it ended, once the network is delivered.

        Args:
            delivery: of the trainer.
            seed: decides random places of triggers in measuring.
            progress: told every few steps of measuring.

        Raises:
            SettingError: the network or its backdoor does not fit the user's data.
        """
        user, task = self.user, self.user.task
        judgement = user.judge(delivery.subject, progress=progress)
        attacked = Attacked()
        if delivery.backdoor is not None:
            attacked = task.measure_attack(
                delivery.subject,
                user.validation,
                delivery.backdoor,
                judgement.measured,
                control=self.control,
                seed=seed,
                progress=progress,
            )
        return Deal(judgement.decision, judgement.reason, judgement.measured, delivery, attacked)
