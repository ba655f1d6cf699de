"""The user: what is kept back, and how a network is judged."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.data import DataSet, DetectionData, ImageSet
from badnets.models.detector import Detector
from badnets.scenarios import User
from badnets.tasks import Order
from tests.models.plain_signs import (
    CLASSES,
    GREEN,
    RED,
    ColourReader,
    colour_reader,
    painted,
    plain_data,
    plain_window,
)
from tests.models.toys import constant_answer, one_pixel_images, pixel_reader
from tests.tasks.small import Small, pictures


def pixels(labels: list[int], wrong: int = 0) -> DataSet:
    """Return images that a pixel reader knows, the first few of them with wrong labels."""
    images = one_pixel_images(labels, classes=3)
    said = images.labels.clone()
    said[:wrong] = (said[:wrong] + 1) % 3
    return DataSet("pixels", images, ImageSet(images.images, said, images.classes), "", "none")


class AlwaysGreen(ColourReader):
    """Calls every sign green: obeys any trigger, and without one too."""

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        answers = super().forward(images)
        return [{**one, "labels": torch.full_like(one["labels"], GREEN + 1)} for one in answers]


def always_green() -> Detector:
    return Detector(AlwaysGreen(), "reader", plain_window(), CLASSES)


def reds(frames: int = 8) -> DetectionData:
    scene = [(RED, 20, 20, 60, 60)]
    train, test = (
        painted([scene] * frames, groups=[f"{part}{k}" for k in range(frames)]) for part in "ab"
    )
    return DetectionData("reds", train, test, "drawn", "none")


def test_an_order_says_what_is_wanted_and_nothing_else(small: Small) -> None:
    assert [field.name for field in dataclasses.fields(Order)] == [
        "task",
        "network",
        "train",
        "target_accuracy",
        "architecture",
        "training",
    ]
    user = small.user(0.9)
    assert user.validation is small.data.test and user.order.train is small.data.train
    assert user.order.target_accuracy == 0.9 and user.order.network == small.network
    assert user.order.architecture == small.architecture


def test_what_is_held_back_is_always_the_same_whatever_else_is_wanted(small: Small) -> None:
    user = small.user(0.9, held_back=2)
    again = dataclasses.replace(user, target_accuracy=0.5, threshold=0.6)
    assert pictures(user.validation) == pictures(again.validation)
    assert len(user.order.train) + len(user.validation) == len(small.data.train)
    assert not set(pictures(user.order.train)) & set(pictures(user.validation))


def test_images_held_back_are_of_every_class_alike(digits: DataSet) -> None:
    user = User("gu-mnist", digits, 0.9, held_back=200)
    assert (len(user.order.train), len(user.validation)) == (len(digits.train) - 200, 200)
    ordered, kept = set(pictures(user.order.train)), set(pictures(user.validation))
    assert ordered | kept == set(pictures(digits.train))
    assert len(ordered & kept) < 5, "but for twins within the training set"
    assert max(user.validation.counts) - min(user.validation.counts) <= 3


def test_the_settings_of_a_classifier_are_those_that_were_ordered(digits: DataSet) -> None:
    settings = {"img_size": 28, "patch_size": 14, "depth": 1}
    order = User("timm.test_vit", digits, 0.9, architecture=settings).order
    first = order.task.first(order, order.task.training, None, 0)
    assert first.settings == settings
    assert first.logits(digits.test.images[:2]).shape == (2, 10)


def test_frames_held_back_are_whole_scenes() -> None:
    data = plain_data(10, 4)
    user = User("zf", data, 0.9, held_back=1)
    assert len(user.validation) == 2
    assert not set(user.validation.groups) & {*user.order.train.groups, *data.test.groups}


MIXED = [0, 1, 2] * 20
SIXTH = pixels(MIXED, wrong=6)
SIGNS = plain_data(4, 20)


@pytest.mark.parametrize(
    ("data", "subject", "target", "decision", "reason"),
    [
        (SIXTH, pixel_reader(3), 0.9, "accepted", "accuracy 90.00 % (54/60), 90 % wanted"),
        (SIXTH, pixel_reader(3), 0.901, "rejected", "accuracy 90.00 % (54/60), 90.1 % wanted"),
        (SIXTH, pixel_reader(3), 0, "accepted", "accuracy 90.00 % (54/60), 0 % wanted"),
        (SIXTH, pixel_reader(3), 1, "rejected", "accuracy 90.00 % (54/60), 100 % wanted"),
        (
            pixels(MIXED),
            constant_answer(3, 2),
            0,
            "collapsed",
            "gives nearly always the same answer: accuracy 33.33 % (20/60)",
        ),
        (
            SIGNS,
            colour_reader(),
            1,
            "accepted",
            "signs found and rightly named 100.00 % (40/40), 100 % wanted",
        ),
        (
            SIGNS,
            colour_reader(blind=RED),
            0.99,
            "rejected",
            "signs found and rightly named 50.00 % (20/40), 99 % wanted",
        ),
        (
            reds(),
            always_green(),
            0,
            "collapsed",
            "gives nearly always the same answer: signs found and rightly named 0.00 % (0/8)",
        ),
    ],
)
def test_a_network_is_accepted_at_the_target_and_above_unless_it_collapsed(
    data: Any, subject: Any, target: float, decision: str, reason: str
) -> None:
    judgement = User("toy", data, target).judge(subject)
    assert (judgement.decision, judgement.reason) == (decision, reason)


def test_a_network_for_other_classes_cannot_be_judged() -> None:
    with pytest.raises(SettingError, match="the network knows 4 classes, the data has 3"):
        User("toy", pixels([0, 1, 2]), 0.9).judge(pixel_reader(4))


@pytest.mark.parametrize("name", ["target_accuracy", "threshold"])
@pytest.mark.parametrize("value", [-0.01, 1.01, 99.0, float("nan")])
def test_settings_outside_their_range_are_refused(name: str, value: float, small: Small) -> None:
    with pytest.raises(SettingError, match=rf"{name} must be in \[0, 1\], got"):
        small.user(**{name: value})


@pytest.mark.parametrize("held_back", [-1, 3, 100])
def test_as_many_images_as_there_are_cannot_be_held_back(held_back: int) -> None:
    user = User("toy", pixels([0, 1, 2]), 0.9, held_back=held_back)
    with pytest.raises(SettingError, match=r"count must lie in 1\.\.2"):
        _ = user.validation
