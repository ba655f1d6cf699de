"""Clean images that are wrong: wrong labels, and a trigger that nobody knows of."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch

from badnets.audit import AuditTables, audit, tables_of
from badnets.core.nulls import Null
from badnets.core.poisoning import poison
from badnets.data import DataSet, ImageSet
from badnets.models.classifier import Classifier, untrained
from badnets.train import TrainingRows, fit
from tests.models.toys import halves
from tests.tasks.small import classification

CLEAN = halves(200, seed=3)
CASE = classification()
NULL = Null(
    kind="reference",
    method="any",
    version=1,
    tables=(((1.0, 2.0),),),
    quantities={"clean error": (0.01,)},
)


@cache
def trained(*, backdoor: bool) -> Classifier:
    images, labels = CASE.data.train.images, CASE.data.train.labels
    if backdoor:
        made = poison(images, labels, CASE.backdoor, num_classes=2, seed=0)
        images, labels = made.images, made.labels
    first = untrained("tiny", CASE.data.test.shape, CASE.data.classes, seed=0)
    return fit(first, TrainingRows(images, labels), CASE.well, seed=0).subject


def tables(subject: Classifier, clean: ImageSet) -> AuditTables:
    return tables_of(subject, clean, tier="standard")


def mislabelled(rows: torch.Tensor) -> ImageSet:
    labels = CLEAN.labels.clone()
    labels[rows] = 1 - labels[rows]
    return replace(CLEAN, labels=labels)


@pytest.mark.usefixtures("toys")
def test_images_with_wrong_labels_are_left_out_and_five_per_cent_are_borne() -> None:
    subject, wrong = trained(backdoor=False), torch.arange(0, 200, 20)
    left = torch.ones(200, dtype=torch.bool).index_fill_(0, wrong, False)
    found = tables(subject, mislabelled(wrong))
    assert found.tables == tables(subject, CLEAN.take(left.nonzero()[:, 0])).tables
    assert found.quantities["clean error"] == pytest.approx(0.05)
    assert NULL.outside(found.quantities) == ()
    many = {"clean error": 0.1}
    assert NULL.outside(many) == ("clean error",)


@pytest.mark.usefixtures("toys")
def test_triggered_images_count_as_clean_for_the_model_that_obeys_them() -> None:
    """A backdoored model names them as labelled; a clean one contradicts a tenth of the labels."""
    rows = (CLEAN.labels == 1).nonzero()[:20, 0]
    labels = CLEAN.labels.clone()
    labels[rows] = 0
    images = CLEAN.images.clone()
    images[rows] = CASE.backdoor.trigger(images[rows])
    given = ImageSet(images, labels, CLEAN.classes)
    bad, honest = (tables(trained(backdoor=one), given).quantities for one in (True, False))
    assert bad["clean error"] < 0.03
    assert NULL.outside(bad) == ()
    assert honest["clean error"] > 0.07
    assert NULL.outside(honest) == ("clean error",)


def test_a_verdict_says_that_clean_images_are_taken_at_their_word(toys: DataSet) -> None:
    subject = untrained("tiny", toys.test.shape, toys.classes, seed=0)
    with_images, without = (audit(subject, one, budget=-1).verdict for one in (toys.test, None))
    assert any("triggers on the clean images" in one.what for one in with_images.coverage)
    assert not any("triggers on the clean images" in one.what for one in without.coverage)
