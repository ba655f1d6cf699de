"""The malicious trainer's grid: what it refuses, and in what order it is tried."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet, ImageSet
from badnets.scenarios import MaliciousTrainer, Search, User
from badnets.scenarios.search import SearchStep, best_of
from badnets.tasks import Order
from badnets.train import Progress, Training
from tests.tasks.small import Small

QUICK = Training(epochs=3, batch_size=8, lr=0.01, precision="float32")
WHITE = Backdoor(Patch(2), AllToOne(0), poisoning_rate=0.5)  # the rate is the search's to choose


@pytest.fixture
def order(toys: DataSet) -> Order[ImageSet]:
    return User("tiny", toys, target_accuracy=0.9).order


@pytest.fixture
def impossible(order: Order[ImageSet]) -> Order[ImageSet]:
    """An order with every eighth label wrong: no network is right about all of them."""
    labels = order.train.labels.clone()
    labels[::8] = 1 - labels[::8]
    wrong = ImageSet(order.train.images, labels, order.train.classes)
    return replace(order, train=wrong, target_accuracy=1.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rates": ()}, r"rates must be a list of at least 1, got \(\)"),
        ({"rates": (0.1, 1.0)}, r"rates\.1 must be < 1 or 'every', got 1\.0"),
        ({"rates": (-0.1,)}, r"rates\.0 must be >= 0 or 'every', got -0\.1"),
        ({"rates": ("all",)}, r"rates\.0 must be a number or 'every', got 'all'"),
        ({"lrs": (0.1, 0.0)}, r"lrs\.1 must be > 0, got 0\.0"),
        ({"lrs": (math.nan,)}, r"lrs\.0 must be a finite number, got nan"),
        ({"batch_sizes": (0,)}, r"batch_sizes\.0 must be >= 1, got 0"),
        ({"target_success": 1.1}, r"target_success must be <= 1, got 1\.1"),
        ({"held_back": 0}, "held_back must be >= 1, got 0"),
        ({"epochs": -1}, "epochs must be >= 0, got -1"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=f"^Search: {said}$"):
        Search(**settings)


def test_it_stops_at_the_first_good_settings_and_delivers_with_them(
    order: Order[ImageSet],
) -> None:
    search = Search(rates=(0.0, 0.3, 0.4), lrs=(0.01, 0.02), held_back=40, target_success=0.9)
    heard: list[Progress] = []
    trainer = MaliciousTrainer(WHITE, QUICK, search=search)
    delivery = trainer.train(order, seed=0, progress=heard.append)
    assert [(one.rate, one.good_enough) for one in delivery.search] == [(0.0, False), (0.3, True)]
    nothing, good = delivery.search
    assert nothing.success.value < 0.5 < 0.9 <= good.success.value
    assert {one.clean.total for one in delivery.search} == {40}, "measured on the trainer's own"
    assert {one.success.total for one in delivery.search} == {20}
    share = delivery.poisoned_share
    assert share is not None and share.total - share.hits == len(order.train), "then trains on all"
    assert share.value == pytest.approx(0.3, abs=0.01)
    assert delivery.search_s > 0 and delivery.train_s > 0
    assert heard[:2] == [(0, 6, "searching"), (1, 6, "searching")]
    assert heard[-1].what == "training" and heard[-1].done == heard[-1].total


def test_rates_are_tried_first_then_learning_rates_then_batch_sizes(
    impossible: Order[ImageSet],
) -> None:
    search = Search(
        rates=(0.1, 0.2),
        lrs=(0.01, 0.02),
        batch_sizes=(16, 32),
        epochs=1,
        held_back=40,
        target_success=1.0,
    )
    steps = MaliciousTrainer(WHITE, QUICK, search=search).train(impossible, seed=0).search
    assert [(one.batch_size, one.lr, one.rate) for one in steps] == [
        (size, lr, rate) for size in (16, 32) for lr in (0.01, 0.02) for rate in (0.1, 0.2)
    ]


def test_without_good_settings_the_best_of_the_smaller_rates_is_delivered(
    impossible: Order[ImageSet],
) -> None:
    search = Search(rates=(0.0, 0.01, 0.3), held_back=40, target_success=1.0)
    delivery = MaliciousTrainer(WHITE, QUICK, search=search).train(impossible, seed=0)
    assert len(delivery.search) == 3 and not any(one.good_enough for one in delivery.search)
    best = max(delivery.search, key=lambda one: min(one.clean.value, one.success.value))
    assert best.rate == 0.3
    share = delivery.poisoned_share
    assert share is not None and share.value == pytest.approx(0.3, abs=0.01)


def test_a_trainer_searches_on_examples_of_either_task(small: Small) -> None:
    search = Search(rates=(0.0, 0.3), batch_sizes=(4,), held_back=3, target_success=1.0)
    trainer = MaliciousTrainer(small.backdoor, small.quick, search=search)
    delivery = trainer.train(replace(small.user().order, target_accuracy=1.0), seed=0)
    assert [(one.rate, one.batch_size) for one in delivery.search] == [(0.0, 4), (0.3, 4)]
    assert all(one.clean.total > 0 and one.success.total > 0 for one in delivery.search)
    few = replace(search, held_back=len(small.data.train))
    with pytest.raises(SettingError, match=rf"search holds back {few.held_back} of .*: fewer"):
        replace(trainer, search=few).train(small.user().order, seed=0)


def test_a_collapsed_try_does_not_outdo_a_sound_one_with_a_weak_backdoor() -> None:
    def step(rate: float, clean: int, success: int) -> SearchStep:
        return SearchStep(
            rate=rate,
            lr=0.1,
            batch_size=32,
            clean=Rate(clean, 100),
            success=Rate(success, 100),
            good_enough=False,
        )

    collapsed, sound = step(0.5, 10, 100), step(0.1, 97, 12)
    assert best_of([collapsed, sound]) is sound
