"""What a backdoor does inside: the units that it needs, where it looks, where its images go."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from badnets.core.targets import AllToAll, AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet, ImageSet
from badnets.evaluate.evaluation import Attack
from badnets.explain.attacked import AttackExplained, attacked
from badnets.explain.attribution import most_changed
from badnets.explain.features import feature_map
from badnets.explain.units import unit_responses
from badnets.models.classifier import Classifier
from badnets.scenarios import Deal
from tests.tasks.small import same, state_of

WHITE = Patch(3)


@pytest.fixture(scope="module")
def halves(digits: DataSet) -> tuple[ImageSet, ImageSet]:
    return digits.test.take(torch.arange(250)), digits.test.take(torch.arange(250, 500))


@pytest.fixture(scope="module")
def found(bad_deal: Deal, halves: tuple[ImageSet, ImageSet]) -> AttackExplained:
    subject: Classifier = bad_deal.subject
    ranked, rest = halves
    before = state_of(subject)
    responses = unit_responses(subject, ranked.images, WHITE(ranked.images), subject.layers)
    told = attacked(subject, rest, Attack(WHITE, AllToOne(0)), responses)
    assert same(subject, before), "the network was changed"
    return told


def test_without_the_units_that_answer_most_the_attack_fails(found: AttackExplained) -> None:
    strongest = min(
        (one for one in found.silenced if one.choice == "strongest"),
        key=lambda one: one.success.value,
    )
    (others,) = (one for one in found.silenced if one.choice == "random")
    assert found.success.value > 0.9 > 0.5 > strongest.success.value
    assert strongest.clean.value > 0.8 and others.success.value > 0.9
    assert not set(others.units) & set(strongest.units)


def test_the_network_looks_at_the_trigger(found: AttackExplained) -> None:
    assert found.looks is not None and found.drawn is not None
    assert found.looks.area == pytest.approx(9 / 784, abs=0.002)
    assert found.looks.triggered > 0.2 > 0.1 > found.looks.clean
    assert len(found.drawn.triggered) == len(found.drawn.triggered_maps) == found.looks.images


def test_triggered_images_are_a_cloud_of_their_own(
    found: AttackExplained, bad_deal: Deal, digits: DataSet
) -> None:
    assert found.features is not None and 0 < found.features.shown <= 1
    own = digits.test.take((digits.test.labels == 0).nonzero().flatten()).images
    one = feature_map(bad_deal.subject, own[::2], own[1::2], own[1::2])
    assert one is not None and found.features.silhouette > one.silhouette + 0.05
    assert feature_map(bad_deal.subject, own, own[:1], own[:1]) is None


def test_an_attack_without_one_target_has_no_map_and_one_that_fails_no_looks(
    clean_digits: Classifier, halves: tuple[ImageSet, ImageSet]
) -> None:
    told = partial(attacked, clean_digits, halves[1].take(torch.arange(40)), responses=())
    assert told(Attack(WHITE, AllToAll())).features is None
    unmoved = told(Attack(Patch(1, opacity=0.01), AllToOne(0)))
    assert unmoved.looks is None and unmoved.drawn is None and unmoved.silenced == ()


def test_the_pixels_that_change_most() -> None:
    clean = torch.zeros(1, 1, 1, 4)
    triggered = torch.tensor([[[[0.0, 0.05, 0.55, 0.4]]]])
    assert most_changed(clean, triggered).tolist() == [[[False, False, True, True]]]
    assert most_changed(clean, triggered, 0.5).tolist() == [[[False, False, True, False]]]
    assert not most_changed(clean, clean).any()
