"""Outsourced training, from the order to the decision."""

from __future__ import annotations

from dataclasses import dataclass

from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.evaluate.classification import measure_attack
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.evaluate.survival import Survival
from badnets.models.subject import Subject
from badnets.scenarios.trainers import Delivery, MaliciousTrainer, Trainer
from badnets.scenarios.user import User, Verdict


@dataclass(frozen=True, eq=False)
class Deal:
    """How outsourced training ended.

    Attributes:
        outcome: the user's decision; ``"collapsed"`` when the network has learned nothing.
        reason: the decision in one sentence.
        clean: what the user measured.
        attack: what the backdoor does, for the one who knows the trigger; None when the trainer
            was honest.
        delivery: the network, and how it came about.
        survival: of transfer learning: what is left of the downloaded network's backdoor.
    """

    outcome: Verdict
    reason: str
    clean: CleanResult
    attack: AttackResult | None
    delivery: Delivery
    survival: Survival | None = None

    @property
    def accepted(self) -> bool:
        """Whether the user takes the network."""
        return self.outcome == "accepted"

    @property
    def subject(self) -> Subject:
        """The network."""
        return self.delivery.subject

    @property
    def clean_accuracy(self) -> Rate:
        """On the user's validation set."""
        return self.clean.accuracy

    @property
    def attack_success_rate(self) -> Rate | None:
        """On triggered validation images, those of the target class left out."""
        return None if self.attack is None else self.attack.success


@dataclass(frozen=True, eq=False)
class OutsourcedTraining:
    """A user hands training over to a trainer, and accepts or rejects what comes back.

    Args:
        user: who orders, and validates.
        trainer: who trains: `HonestTrainer`, `MaliciousTrainer`, or any object with ``train``.
        control: a clean network, asked about the same triggered images.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, threat model: outsourced training.
    """

    user: User
    trainer: Trainer
    control: Subject | None = None

    def run(self, seed: int = 0, *, progress: Listener | None = None) -> Deal:
        """Return how it ended.

        Args:
            seed: everything random follows from it.
            progress: told every few training steps.

        Raises:
            SettingError: trainer, network and data do not fit together.
            TrialError: training diverged.
        """
        delivery = self.trainer.train(self.user.order, seed=seed, progress=progress)
        judgement = self.user.judge(delivery.subject)
        attack = None
        if isinstance(self.trainer, MaliciousTrainer):
            attack = measure_attack(
                delivery.subject,
                self.user.validation,
                self.trainer.backdoor,
                control=self.control,
                seed=seed,
            )
        return Deal(judgement.outcome, judgement.reason, judgement.clean, attack, delivery)
