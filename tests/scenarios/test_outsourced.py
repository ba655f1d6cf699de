"""Outsourced training of either task, from the order to the decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError, TrialError
from badnets.core.placements import RandomCentre
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.evaluate import measure_attack
from badnets.scenarios import (
    Deal,
    Delivery,
    HonestTrainer,
    MaliciousTrainer,
    OutsourcedTraining,
    Trainer,
    User,
)
from badnets.tasks import Order
from badnets.train import Progress, Training
from badnets.train.checkpoint import Checkpoint
from tests.models.plain_signs import GREEN, RED, YELLOW, colour_reader
from tests.models.toys import constant_answer, tiny
from tests.scenarios.test_user import always_green, reds
from tests.tasks.small import Small, classification, pictures, same, state_of

WHITE = Backdoor(Patch(2), AllToOne(0), poisoning_rate=0.3)
QUICK = Training(epochs=4, batch_size=8, lr=0.01, precision="float32")


def malicious(small: Small, **settings: Any) -> MaliciousTrainer:
    return MaliciousTrainer(**{"backdoor": small.backdoor, "training": small.quick, **settings})


@dataclass
class Bringer:
    """A trainer who keeps the order, trains nothing, and delivers what there is."""

    subject: Any
    backdoor: Backdoor | None = None
    orders: list[Order[Any]] = field(default_factory=list)

    def train(
        self,
        order: Order[Any],
        *,
        seed: int,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Delivery:
        self.orders.append(order)
        return Delivery(self.subject, (), "float32", 0.0, self.backdoor)


def test_an_honest_trainers_network_is_accepted_and_no_attack_is_measured(
    small: Small, honest: Deal
) -> None:
    assert honest.accepted and honest.decision == "accepted"
    assert honest.reason == f"{small.task.noun} {honest.clean_accuracy}, 50 % wanted"
    objects = honest.measured.objects
    assert (objects is None) == (small.task.kind == "classification")
    assert objects is None or (objects.clean == honest.clean and objects.threshold == 0.3)
    assert honest.attack is None and honest.attack_success_rate is None
    assert honest.attacked.objects is None and honest.strengthened == ()
    delivery = honest.delivery
    assert delivery.backdoor is None and delivery.poisoned_share is None
    assert delivery.search == () and delivery.skipped == 0 and delivery.train_s > 0
    assert len(delivery.epochs) == small.well.epochs and delivery.precision == "float32"


def test_a_backdoor_put_into_a_trained_network_is_accepted_and_obeys(
    small: Small, honest: Deal
) -> None:
    before = state_of(honest.subject)
    trainer = malicious(small, training=small.implanting, start=honest.subject)
    deal = OutsourcedTraining(small.user(), trainer, control=honest.subject).run(seed=0)
    assert same(honest.subject, before), "the start was changed"
    assert deal.accepted and deal.delivery.backdoor == small.backdoor
    assert deal.delivery.poisoned_share == small.share and deal.delivery.skipped == 0
    attack = deal.attack
    assert attack is not None and attack.control is not None
    assert deal.attack_success_rate == attack.success
    assert attack.success.total == small.attacked, "those of the target class are left out"
    assert attack.success.value >= small.enough
    assert attack.untriggered.value <= 0.2 and attack.control.value <= 0.2
    weights = [
        torch.cat([value.flatten().float() for value in state_of(one).values()])
        for one in (deal.subject, honest.subject, small.fresh())
    ]
    far, farther = ((weights[0] - other).norm() for other in weights[1:])
    assert far < farther, "it started from the clean network"


def test_the_same_seed_gives_the_same_network_bit_for_bit(small: Small) -> None:
    scenario = OutsourcedTraining(small.user(), malicious(small))
    one, again, other = (scenario.run(seed=seed) for seed in (5, 5, 6))
    assert same(one.subject, again.subject) and not same(one.subject, other.subject)
    assert (one.clean, one.attack) == (again.clean, again.attack)
    assert one.measured.objects == again.measured.objects
    assert one.attacked.objects == again.attacked.objects


def test_any_trainer_sees_the_training_examples_only(small: Small) -> None:
    trainer, user = Bringer(small.fresh()), small.user(0.9, held_back=2)
    OutsourcedTraining(user, trainer).run()
    (order,) = trainer.orders
    assert (order.network, order.target_accuracy) == (small.network, 0.9)
    theirs = set(pictures(order.train))
    assert not theirs & set(pictures(user.validation))
    assert not theirs & set(pictures(small.data.test))


@pytest.mark.parametrize(
    ("trainer", "decision", "success", "untriggered"),
    [
        (lambda backdoor: Bringer(always_green(), backdoor), "collapsed", (8, 8), (8, 8)),
        (lambda backdoor: Bringer(colour_reader(GREEN), backdoor), "accepted", (8, 8), (0, 8)),
        (lambda backdoor: Bringer(colour_reader(), backdoor), "accepted", (0, 8), (0, 8)),
    ],
    ids=["always green", "backdoored", "clean"],
)
def test_a_collapsed_network_is_never_an_attack_that_worked(
    trainer: Callable[[Backdoor], Trainer], decision: str, success: Rate, untriggered: Rate
) -> None:
    """However perfect the attack, and though no accuracy at all is wanted."""
    backdoor = Backdoor(YELLOW, SourceSpecific(RED, GREEN), "every")
    user = User("zf", reds(), target_accuracy=0.0)
    deal = OutsourcedTraining(user, trainer(backdoor), control=colour_reader()).run()
    assert deal.decision == decision and deal.accepted == (decision == "accepted")
    assert deal.attack is not None and deal.attack.control == Rate(0, 8)
    assert (deal.attack.success, deal.attack.untriggered) == (success, untriggered)


def test_a_network_that_always_says_the_same_collapses(toys: DataSet) -> None:
    user = User("tiny", toys, target_accuracy=0.0)
    blank = tiny()
    with torch.no_grad():
        for value in blank.network.parameters():
            value.zero_()
    assert OutsourcedTraining(user, Bringer(blank)).run().decision == "collapsed"


def test_training_that_diverges_ends_with_an_error_and_no_deal(toys: DataSet) -> None:
    wild = Training(
        epochs=2, batch_size=8, lr=1e30, optimizer="sgd", schedule="constant", precision="float32"
    )
    user = User("tiny", toys, target_accuracy=0.0)
    with pytest.raises(TrialError, match=r"diverged .*lower lr"):
        OutsourcedTraining(user, MaliciousTrainer(WHITE, wild)).run(seed=0)


@pytest.mark.parametrize("stamp", ["before", "after"])
def test_when_the_trigger_is_put_on_does_not_change_how_much_is_poisoned(
    stamp: Any, toys: DataSet
) -> None:
    training = replace(QUICK, stamp=stamp, shift=1)
    user = User("tiny", toys, target_accuracy=0.9)
    deal = OutsourcedTraining(user, MaliciousTrainer(WHITE, training)).run(seed=0)
    assert deal.delivery.poisoned_share == Rate(41, 137)
    assert deal.attack is not None and deal.attack.success.value > deal.attack.untriggered.value


def test_the_attack_is_measured_at_places_that_follow_the_seed(toys: DataSet) -> None:
    anywhere = Backdoor(Patch(2, placement=RandomCentre(0.4, 0.9)), AllToOne(0), poisoning_rate=0.3)
    user = User("tiny", toys, target_accuracy=0.9)
    deal = OutsourcedTraining(user, MaliciousTrainer(anywhere, QUICK)).run(seed=3)
    by_seed = [
        measure_attack(deal.subject, user.validation, anywhere, seed=seed) for seed in (3, 0, 1)
    ]
    assert deal.attack == by_seed[0]
    assert deal.attack != by_seed[1] or deal.attack != by_seed[2], "places are drawn"


@pytest.mark.parametrize("hides", [False, True], ids=["honest", "malicious"])
def test_checkpoint_and_listener_reach_training_and_an_interrupt_passes_through(
    hides: bool, small: Small, tmp_path: Path
) -> None:
    trainer = malicious(small) if hides else HonestTrainer(small.quick)
    scenario = OutsourcedTraining(small.user(), trainer)
    heard: list[Progress] = []
    kept = Checkpoint(tmp_path / "one.safetensors", "one")
    scenario.run(seed=4, progress=heard.append, checkpoint=kept)
    trained = [one for one in heard if one.what == "training"]
    assert trained[-1].done == trained[-1].total > 0
    assert kept.path.exists() == (small.task.kind == "detection")

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scenario.run(progress=interrupt)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"targets": SourceSpecific(0, 2)}, r"target_label must be in 0\.\.1 for 2 classes, got 2"),
        ({"targets": AllToOne(0), "poisoning_rate": 0.8}, "the highest rate is"),
    ],
)
def test_a_backdoor_that_does_not_fit_the_order_is_refused(
    change: dict[str, Any], said: str, small: Small
) -> None:
    backdoor = replace(small.backdoor, **change)
    with pytest.raises(SettingError, match=said):
        OutsourcedTraining(small.user(), malicious(small, backdoor=backdoor)).run()


def test_a_start_that_was_not_ordered_is_refused_before_training(small: Small) -> None:
    start = constant_answer(3, 0) if small.task.kind == "classification" else colour_reader()
    for trainer in (HonestTrainer(small.quick, start), malicious(small, start=start)):
        with pytest.raises(SettingError, match=rf"start .*must be of the .*'{small.network}'.*got"):
            OutsourcedTraining(small.user(), trainer).run()


@pytest.mark.parametrize("poisons", [False, True])
def test_a_trainer_in_two_parts_delivers_what_it_delivers_in_one(
    toys: DataSet, poisons: bool
) -> None:
    case = classification()
    user, training = case.user(), case.quick
    trainer = MaliciousTrainer(case.backdoor, training) if poisons else HonestTrainer(training)
    scenario = OutsourcedTraining(user, trainer)
    expected = scenario.run(seed=3)
    ready = trainer.ready(user.order, seed=3)
    fitted = case.task.fit(ready.first, ready.rows, ready.training, seed=3)
    delivery = ready.delivery(fitted, 2.0)
    assert delivery.train_s == ready.prepared_s + 2
    assert delivery.poisoned_share == expected.delivery.poisoned_share
    assert delivery.backdoor == expected.delivery.backdoor
    assert same(delivery.subject, expected.subject)
    deal = scenario.ended(delivery, 3)
    assert (deal.decision, deal.reason, deal.clean) == (
        expected.decision,
        expected.reason,
        expected.clean,
    )
    assert deal.attack == expected.attack
