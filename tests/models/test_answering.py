"""A function as a subject: it has logits alone, whatever it gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.models import CallableSubject, capabilities
from badnets.models.answering import BATCH
from tests.models.toys import SHAPE, halves, tiny

NETWORK = tiny()


def logits(images: Tensor) -> Tensor:
    return NETWORK.logits(images)


@pytest.mark.parametrize(
    ("function", "gives"),
    [
        (logits, "logits"),
        (lambda images: logits(images).numpy().astype(np.float64), "logits"),
        (lambda images: logits(images).tolist(), "logits"),
        (lambda images: logits(images).softmax(1), "probabilities"),
        (NETWORK.network, "logits"),
    ],
)
def test_a_function_answers_as_its_network_does(function: Any, gives: Any) -> None:
    subject = CallableSubject.of(function, SHAPE, 2, gives=gives)
    images = halves(BATCH + 3).images
    torch.testing.assert_close(subject.probabilities(images), NETWORK.probabilities(images))
    assert torch.equal(subject.predict(images), NETWORK.predict(images))
    assert capabilities(subject) == {"logits"} and subject.classes == ("0", "1")


def test_whole_batches_are_given_where_no_other_number_is_taken() -> None:
    seen: list[int] = []

    def function(images: Tensor) -> Tensor:
        seen.append(len(images))
        return logits(images)

    subject = CallableSubject.of(function, SHAPE, ("left", "right"), batch=4)
    assert subject.logits(halves(6).images).shape == (6, 2) and set(seen) == {4}


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (3, {}, "function must be callable, got 3"),
        (logits, {"classes": 3}, r"answers 1 images with \(1, 2\): numbers of shape \(1, 3\)"),
        (lambda images: images.sum((1, 2, 3)), {}, r"with \(1,\)"),
        (lambda images: logits(images) / 0, {}, "black image with NaN or infinity"),
        (logits, {"gives": "labels"}, "gives must be one of"),
    ],
)
def test_what_is_no_classifier_is_refused(function: Any, options: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        CallableSubject.of(function, SHAPE, **{"classes": 2} | options)
