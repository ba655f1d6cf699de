"""The user: what she keeps to herself, and how she judges."""

from __future__ import annotations

import dataclasses
import re

import pytest

from badnets.core.errors import SettingError
from badnets.data import DataSet, ImageSet
from badnets.scenarios import User
from badnets.scenarios.user import Order
from tests.models.toys import constant_answer, one_pixel_images, pixel_reader


def pixels(labels: list[int]) -> DataSet:
    images = one_pixel_images(labels, classes=3)
    return DataSet("pixels", images, images, "drawn", "none")


def pictures(images: ImageSet) -> set[bytes]:
    return {image.numpy().tobytes() for image in images.images}


def test_an_order_says_what_is_wanted_and_nothing_else() -> None:
    assert [field.name for field in dataclasses.fields(Order)] == [
        "network",
        "train",
        "target_accuracy",
    ]


def test_the_test_images_are_kept_back(digits: DataSet) -> None:
    user = User("gu-mnist", digits, 0.9)
    assert user.validation is digits.test and user.order.train is digits.train
    assert user.order.target_accuracy == 0.9


def test_images_held_back_are_not_in_the_order_and_the_test_set_is_not_used(
    digits: DataSet,
) -> None:
    user = User("gu-mnist", digits, 0.9, held_back=200)
    assert (len(user.order.train), len(user.validation)) == (len(digits.train) - 200, 200)
    ordered, kept = pictures(user.order.train), pictures(user.validation)
    every = pictures(digits.train)
    assert ordered | kept == every and not kept & (ordered - kept)
    assert len(ordered & kept) < 5, "but for twins within the training set"
    assert max(user.validation.counts) - min(user.validation.counts) <= 3, "every class alike"
    again = User("gu-mnist", digits, 0.5, held_back=200)
    assert again.validation.digest == user.validation.digest, "always the same images"


@pytest.mark.parametrize(
    ("target", "outcome", "reason"),
    [
        (0.9, "accepted", r"accuracy 90\.00 % \(54/60\), 90 % wanted"),
        (0.901, "rejected", r"accuracy 90\.00 % \(54/60\), 90\.1 % wanted"),
        (0.0, "accepted", r"0 % wanted"),
        (1.0, "rejected", r"100 % wanted"),
    ],
)
def test_a_network_is_accepted_at_the_target_and_above(
    target: float, outcome: str, reason: str
) -> None:
    data = pixels([0, 1, 2] * 20)
    wrong = data.test.labels.clone()
    wrong[:6] = (wrong[:6] + 1) % 3
    harder = DataSet("harder", data.train, ImageSet(data.test.images, wrong, data.classes), "", "")
    judgement = User("toy", harder, target).judge(pixel_reader(3))
    assert judgement.outcome == outcome
    assert judgement.clean.accuracy == (54, 60)
    assert re.search(reason, judgement.reason)


def test_a_network_that_has_learned_nothing_is_never_accepted() -> None:
    judgement = User("toy", pixels([0, 1, 2] * 20), 0.0).judge(constant_answer(3, 2))
    assert judgement.outcome == "collapsed"
    assert judgement.reason == "has learned nothing: accuracy 33.33 % (20/60)"


def test_a_network_for_other_classes_cannot_be_judged() -> None:
    with pytest.raises(SettingError, match="the network knows 4 classes, the data has 3"):
        User("toy", pixels([0, 1, 2]), 0.9).judge(pixel_reader(4))


@pytest.mark.parametrize("target", [-0.01, 1.01, 99.0, float("nan")])
def test_a_target_outside_its_range_is_refused(target: float) -> None:
    with pytest.raises(SettingError, match=r"target_accuracy must be in \[0, 1\], got"):
        User("toy", pixels([0, 1, 2]), target)


@pytest.mark.parametrize("held_back", [-1, 3, 100])
def test_as_many_images_as_there_are_cannot_be_held_back(held_back: int) -> None:
    user = User("toy", pixels([0, 1, 2]), 0.9, held_back=held_back)
    with pytest.raises(SettingError, match=r"count must lie in 1\.\.2"):
        _ = user.validation
