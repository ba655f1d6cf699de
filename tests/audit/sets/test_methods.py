"""What every method of data audits keeps to, and that thresholds and shares are what they say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from badnets.audit.sets.base import DATA_METHODS, DataMethod, Points, Scorer
from badnets.audit.sets.placing import Placed
from badnets.audit.sets.results import Share
from badnets.core.errors import UnknownNameError
from badnets.core.rates import Rate

K, F = 3, 24


def points(count: int, seed: int, poisoned: int = 0) -> Points:
    """Return features about a place for each class; the last ones lie apart, under label 0."""
    drawn = torch.Generator().manual_seed(seed)
    labels = torch.randint(K, (count,), generator=drawn)
    features = torch.randn(count, F, generator=drawn)
    features[torch.arange(count), labels] += 6
    if poisoned:
        labels[-poisoned:] = 0
        features[-poisoned:, :K] = 0
        features[-poisoned:, F - 1] += 9
    return Points(features, labels, K)


@pytest.mark.parametrize("kind", DATA_METHODS)
def test_a_method_ranks_poison_first_and_leaves_the_features(kind: str) -> None:
    suspects, clean = points(600, 0, poisoned=30), points(200, 1)
    before, method = suspects.features.clone(), DATA_METHODS[kind]()
    found, held = method.scores(suspects, clean, seed=0)
    again, _ = method.scores(suspects, clean, seed=0)
    assert found.shape == (600,) and found.dtype == torch.float32
    assert held is not None and held.shape == (200,) and bool(held.isfinite().all())
    assert torch.equal(found, again) and torch.equal(suspects.features, before)
    assert set(found.topk(30).indices.tolist()) == set(range(570, 600))


@pytest.mark.parametrize("kind", [one for one in DATA_METHODS if DATA_METHODS[one].needs_clean])
def test_images_of_a_class_without_clean_ones_are_not_scored(kind: str) -> None:
    suspects, clean = points(300, 0), points(200, 1)
    found, _ = DATA_METHODS[kind]().scores(suspects, clean.at(clean.labels != 2), seed=0)
    assert torch.equal(found.isnan(), suspects.labels == 2)


def placed(suspects: Points, clean: Points, seed: int = 0) -> Placed:
    method = DATA_METHODS["mahalanobis"]()
    found, held = method.scores(suspects, clean, seed=seed)
    return Placed(found, suspects.labels, held, clean.labels, method.relative)


def test_poison_on_more_than_half_of_a_class_stands_out_all_the_same() -> None:
    where = placed(points(600, 0, poisoned=180), points(300, 1))
    threshold, _ = where.threshold(0.01)
    assert threshold is not None
    assert float((where.scores[420:] > threshold).float().mean()) > 0.99
    assert float((where.scores[:420] > threshold).float().mean()) < 0.05


def test_a_threshold_needs_enough_held_out_scores() -> None:
    def threshold(held: Tensor | None, max_fpr: float) -> tuple[float | None, Rate | None]:
        none = torch.zeros(0, dtype=torch.int64)
        return Placed(torch.zeros(0), none, held, none).threshold(max_fpr)

    scores = torch.arange(100.0)
    assert threshold(scores, 0.05) == (95.0, Rate(5, 101))
    assert threshold(scores[:98], 0.01) == (None, None)
    assert threshold(torch.full((200,), torch.nan), 0.01) == (None, None)
    assert threshold(None, 0.5) == (None, None)


def test_clean_sets_are_flagged_as_often_as_was_asked_for_and_their_share_may_be_0() -> None:
    rates, zero, sets = list[float](), 0, 6
    for seed in range(sets):
        where = placed(points(400, 100 + seed), points(300, 900 + seed), seed)
        threshold, expected = where.threshold(0.05)
        assert threshold is not None and expected is not None
        flagged = Rate(int((where.scores > threshold).sum()), 400)
        rates.append(flagged.value)
        zero += Share.of(flagged, expected, 0.9, where.interval(0.05, seed)).low == 0
    assert 0.02 < sum(rates) / sets < 0.07
    assert zero >= sets - 1


def test_a_share_is_what_is_flagged_beyond_clean_images() -> None:
    share = Share.of(Rate(600, 10_000), Rate(5, 501), 0.9)
    assert share.value == pytest.approx(0.06 - 5 / 501)
    assert 0.03 < share.low < share.value < 0.06 < share.high < 0.07
    assert str(share).startswith("5.00 % [")
    assert Share.of(Rate(1, 100), Rate(1, 100), 0.9).low == 0
    assert Share.of(Rate(99, 100), Rate(1, 100), 0.0).high == 1


class ByFirstFeature(DataMethod):
    """A method of one's own."""

    kind = "by-first-feature"

    def scorer(self, suspects: Points, clean: Points) -> Scorer:
        def scores(one: Points) -> Tensor:
            return one.features[:, 0]

        return scores


def test_a_method_of_ones_own_is_one_line() -> None:
    DATA_METHODS.add("by-first-feature", f"{__name__}:ByFirstFeature")
    try:
        found, held = DATA_METHODS["by-first-feature"]().scores(points(9, 0), None, seed=0)
        assert len(found) == 9 and held is None
    finally:
        DATA_METHODS.remove("by-first-feature")
    with pytest.raises(UnknownNameError, match="did you mean 'mahalanobis'"):
        DATA_METHODS["mahalanobi"]
