"""The malicious trainer's grid: what it refuses, and in what order it is tried."""

from __future__ import annotations

import math
from typing import Any

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet, ImageSet
from badnets.scenarios import MaliciousTrainer, Search, User
from badnets.scenarios.trainers import Try, _best
from badnets.scenarios.user import Order
from badnets.train import Progress, Training

QUICK = Training(epochs=3, batch_size=8, lr=0.01, precision="float32")
WHITE = Backdoor(Patch(2), AllToOne(0), rate=0.5)  # the rate is the search's to choose


@pytest.fixture
def order(toys: DataSet) -> Order:
    return User("tiny", toys, target_accuracy=0.9).order


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rates": ()}, "at least one rate"),
        ({"rates": (0.1, 1.0)}, r"rates must be in \[0, 1\) or 'every', got 1.0"),
        ({"rates": (-0.1,)}, r"rates must be in \[0, 1\)"),
        ({"rates": ("all",)}, r"or 'every', got 'all'"),
        ({"lrs": (0.1, 0.0)}, "lrs must be > 0, got 0.0"),
        ({"lrs": (math.nan,)}, "lrs must be > 0, got nan"),
        ({"batch_sizes": (0,)}, "batch_sizes must be >= 1, got 0"),
        ({"target_success": 1.1}, r"target_success must be in \[0, 1\], got 1.1"),
        ({"held_back": 0}, "held_back >= 1"),
        ({"epochs": -1}, "epochs >= 0"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Search(**settings)


def test_it_stops_at_the_first_good_settings_and_delivers_with_them(order: Order) -> None:
    search = Search(rates=(0.0, 0.3, 0.4), lrs=(0.01, 0.02), held_back=40, target_success=0.9)
    told: list[Progress] = []
    delivery = MaliciousTrainer(WHITE, QUICK, search=search).train(
        order, seed=0, progress=told.append
    )
    assert [(one.rate, one.good_enough) for one in delivery.tries] == [(0.0, False), (0.3, True)]
    nothing, good = delivery.tries
    assert nothing.success.value < 0.5 < 0.9 <= good.success.value
    assert {one.clean.total for one in delivery.tries} == {40}, "measured on what he holds back"
    assert {one.success.total for one in delivery.tries} == {20}
    share = delivery.poisoned_share
    assert share is not None and share.total - share.hits == len(order.train), "then trains on all"
    assert share.value == pytest.approx(0.3, abs=0.01)
    assert delivery.search_s > 0 and delivery.train_s > 0
    assert told[:2] == [(0, 6, "searching"), (1, 6, "searching")]
    assert told[-1].what == "training" and told[-1].done == told[-1].total


def test_rates_are_tried_first_then_learning_rates_then_batch_sizes(order: Order) -> None:
    search = Search(
        rates=(0.1, 0.2),
        lrs=(0.01, 0.02),
        batch_sizes=(16, 32),
        epochs=1,
        held_back=40,
        target_success=1.0,
    )
    impossible = Order(order.network, _with_wrong_labels(order.train), 1.0)
    tries = MaliciousTrainer(WHITE, QUICK, search=search).train(impossible, seed=0).tries
    assert [(one.batch_size, one.lr, one.rate) for one in tries] == [
        (size, lr, rate) for size in (16, 32) for lr in (0.01, 0.02) for rate in (0.1, 0.2)
    ]


def test_without_good_settings_the_best_of_the_smaller_rates_is_delivered(order: Order) -> None:
    search = Search(rates=(0.0, 0.01, 0.3), held_back=40, target_success=1.0)
    impossible = Order(order.network, _with_wrong_labels(order.train), 1.0)
    delivery = MaliciousTrainer(WHITE, QUICK, search=search).train(impossible, seed=0)
    assert len(delivery.tries) == 3 and not any(one.good_enough for one in delivery.tries)
    best = max(delivery.tries, key=_both)
    assert best.rate == 0.3
    share = delivery.poisoned_share
    assert share is not None and share.value == pytest.approx(0.3, abs=0.01)


def test_a_collapsed_try_does_not_outdo_a_sound_one_with_a_weak_backdoor() -> None:
    collapsed = Try(0.5, 0.1, 32, Rate(10, 100), Rate(100, 100), good_enough=False)
    sound = Try(0.1, 0.1, 32, Rate(97, 100), Rate(12, 100), good_enough=False)
    assert _best([collapsed, sound]) is sound


def test_more_than_the_order_holds_cannot_be_held_back(order: Order) -> None:
    trainer = MaliciousTrainer(WHITE, QUICK, search=Search(held_back=96))
    with pytest.raises(SettingError, match="search holds back 96 of 96 training images: fewer"):
        trainer.train(order, seed=0)


def _both(one: Try) -> float:
    return min(one.clean.value, one.success.value)


def _with_wrong_labels(images: ImageSet) -> ImageSet:
    """Return the images with every eighth label wrong: no network is right about all of them."""
    labels = images.labels.clone()
    labels[::8] = 1 - labels[::8]
    return ImageSet(images.images, labels, images.classes)
