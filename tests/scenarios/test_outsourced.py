"""Outsourced training, from the order to the decision."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
import torch

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError, TrialError
from badnets.core.placements import RandomCentre
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.evaluate import measure_attack
from badnets.models import Subject, untrained
from badnets.scenarios import (
    Delivery,
    HonestTrainer,
    MaliciousTrainer,
    OutsourcedTraining,
    User,
)
from badnets.scenarios.user import Order
from badnets.train import Progress, Training
from tests.models.toys import SHAPE, constant_answer, tiny, weights_of

QUICK = Training(epochs=4, batch_size=8, lr=0.01, precision="float32")
WHITE = Backdoor(Patch(2), AllToOne(0), rate=0.3)


@pytest.fixture
def user(toys: DataSet) -> User:
    return User("tiny", toys, target_accuracy=0.9)


def test_an_honest_trainers_network_is_accepted_and_no_attack_is_measured(user: User) -> None:
    deal = OutsourcedTraining(user, HonestTrainer(QUICK)).run(seed=0)
    assert deal.accepted and deal.outcome == "accepted"
    assert deal.clean_accuracy.total == 64 and deal.clean_accuracy.value >= 0.9
    assert deal.attack is None and deal.attack_success_rate is None
    assert deal.delivery.poisoned_share is None and deal.delivery.tries == ()
    assert len(deal.delivery.epochs) == 4 and deal.delivery.precision == "float32"


def test_a_backdoored_network_is_accepted_too_and_obeys_its_trainer(user: User) -> None:
    clean = OutsourcedTraining(user, HonestTrainer(QUICK)).run(seed=0).subject
    deal = OutsourcedTraining(user, MaliciousTrainer(WHITE, QUICK), control=clean).run(seed=0)
    assert deal.accepted and deal.attack is not None and deal.attack.control is not None
    assert deal.attack_success_rate == deal.attack.success
    assert deal.attack.success.total == 32, "images of the target class are left out"
    assert deal.attack.success.value >= 0.9
    assert deal.attack.untriggered.value <= 0.1 and deal.attack.control.value <= 0.1
    assert deal.delivery.poisoned_share == Rate(41, 137)  # 0.3 = 41 / (96 + 41)


@pytest.mark.parametrize("stamp", ["before", "after"])
def test_when_the_trigger_is_put_on_does_not_change_how_much_is_poisoned(
    stamp: str, user: User
) -> None:
    training = replace(QUICK, stamp=stamp, shift=1)  # type: ignore[arg-type]
    deal = OutsourcedTraining(user, MaliciousTrainer(WHITE, training)).run(seed=0)
    assert deal.delivery.poisoned_share == Rate(41, 137)
    assert deal.attack is not None and deal.attack.success.value > deal.attack.untriggered.value


def test_the_same_seed_gives_the_same_network_bit_for_bit(user: User) -> None:
    scenario = OutsourcedTraining(user, MaliciousTrainer(WHITE, replace(QUICK, shift=1)))
    first, again, other = scenario.run(seed=5), scenario.run(seed=5), scenario.run(seed=6)
    assert torch.equal(weights_of(first.subject), weights_of(again.subject))
    assert first.clean == again.clean and first.attack == again.attack
    assert not torch.equal(weights_of(first.subject), weights_of(other.subject))


def test_the_attack_is_measured_at_places_that_follow_the_seed(user: User) -> None:
    anywhere = Backdoor(Patch(2, placement=RandomCentre(0.4, 0.9)), AllToOne(0), rate=0.3)
    deal = OutsourcedTraining(user, MaliciousTrainer(anywhere, QUICK)).run(seed=3)
    by_seed = [
        measure_attack(deal.subject, user.validation, anywhere, seed=seed) for seed in (3, 0, 1)
    ]
    assert deal.attack == by_seed[0]
    assert deal.attack != by_seed[1] or deal.attack != by_seed[2], "places are drawn"


def test_implanting_into_a_trained_network_leaves_that_network_as_it_was(user: User) -> None:
    clean = OutsourcedTraining(user, HonestTrainer(QUICK)).run(seed=0).subject
    before = weights_of(clean).clone()
    trainer = MaliciousTrainer(WHITE, replace(QUICK, epochs=2), start=clean)
    deal = OutsourcedTraining(user, trainer, control=clean).run(seed=1)
    assert torch.equal(weights_of(clean), before)
    assert deal.accepted and deal.attack is not None and deal.attack.success.value >= 0.9
    far = (weights_of(deal.subject) - before).norm()
    fresh = weights_of(untrained("tiny", SHAPE, user.data.classes, seed=1))
    assert far < (weights_of(deal.subject) - fresh).norm(), "it started from the clean network"


@dataclass
class Watched:
    """A trainer who keeps the order that he got, and returns what he has."""

    returns: Subject
    orders: list[Order] = field(default_factory=list)

    def train(self, order: Order, *, seed: int, progress: Listener | None = None) -> Delivery:
        self.orders.append(order)
        return Delivery(self.returns, (), "float32", None, (), 0.0, 0.0)


def test_any_trainer_sees_the_training_images_only(user: User, toys: DataSet) -> None:
    trainer = Watched(tiny())
    held = replace(user, held_back=32)
    OutsourcedTraining(held, trainer).run()
    (order,) = trainer.orders
    assert order.network == "tiny" and order.target_accuracy == 0.9
    assert len(order.train) == 64 and len(held.validation) == 32
    theirs = {image.numpy().tobytes() for image in order.train.images}
    hers = {image.numpy().tobytes() for image in held.validation.images}
    assert not theirs & hers and not theirs & {i.numpy().tobytes() for i in toys.test.images}


def test_an_untrained_network_is_collapsed_and_a_constant_one_is_no_attack(
    toys: DataSet, user: User
) -> None:
    blank = tiny()
    with torch.no_grad():
        for value in blank.network.parameters():
            value.zero_()
    deal = OutsourcedTraining(replace(user, target_accuracy=0.0), Watched(blank)).run()
    assert deal.outcome == "collapsed" and not deal.accepted


def test_poison_that_drowns_the_task_collapses_with_a_perfect_success_rate(user: User) -> None:
    wild = Training(epochs=2, batch_size=8, lr=50.0, optimizer="sgd", schedule="constant")
    backdoor = Backdoor(Patch(2), AllToOne(0), rate=0.3)
    easy = replace(user, target_accuracy=0.0)
    try:
        deal = OutsourcedTraining(easy, MaliciousTrainer(backdoor, wild)).run(seed=0)
    except TrialError:
        return  # or it diverges outright, which is no attack either
    assert deal.outcome == "collapsed" and not deal.accepted


def test_progress_reaches_the_end_and_an_interrupt_passes_through(user: User) -> None:
    told: list[Progress] = []
    OutsourcedTraining(user, HonestTrainer(QUICK)).run(progress=told.append)
    assert told[-1] == (48, 48, "training")

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        OutsourcedTraining(user, MaliciousTrainer(WHITE, QUICK)).run(progress=interrupt)


@pytest.mark.parametrize(
    ("backdoor", "said"),
    [
        (Backdoor(Patch(2), AllToOne(2)), r"target_label must be in 0\.\.1 for 2 classes, got 2"),
        (Backdoor(Patch(2), AllToOne(0), rate=0.5), "only 48 of 96 are eligible"),
    ],
)
def test_a_backdoor_that_does_not_fit_the_order_is_refused(
    backdoor: Backdoor, said: str, user: User
) -> None:
    with pytest.raises(SettingError, match=said):
        OutsourcedTraining(user, MaliciousTrainer(backdoor, QUICK)).run()


@pytest.mark.parametrize("trainer", [HonestTrainer, MaliciousTrainer])
def test_a_start_that_was_not_ordered_is_refused_before_training(
    trainer: type[HonestTrainer | MaliciousTrainer], user: User
) -> None:
    start = constant_answer(3, 0)
    made = (
        HonestTrainer(QUICK, start)
        if trainer is HonestTrainer
        else MaliciousTrainer(WHITE, QUICK, start)
    )
    with pytest.raises(SettingError, match=r"start network must be .*'tiny', 2.*got \('toy', 3"):
        OutsourcedTraining(user, made).run()
