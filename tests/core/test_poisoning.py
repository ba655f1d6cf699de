"""Poisoned sets: which rows, with which labels, and that they tell the truth about themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from badnets.core.backdoor import Backdoor, Cover
from badnets.core.errors import SettingError, ShapeError
from badnets.core.placements import RandomCentre
from badnets.core.poisoning import PoisonedSet, plan_poisoning, poison
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import AllToAll, AllToOne, CleanLabel, RandomWrong, SourceSpecific
from badnets.core.triggers import Patch, PixelPattern, SinglePixel, Sinusoid

K = 10


def labels_of(count: int) -> Tensor:
    return torch.randint(K, (count,), generator=torch.Generator().manual_seed(0))


def images_of(count: int) -> Tensor:
    """Images that differ from one another, and whose corner is dark."""
    images = torch.randint(0, 256, (count, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    images[:, :, 5:, 5:] = 0
    return images.to(torch.uint8)


def poisoned(backdoor: Backdoor, count: int = 400, seed: int = 0) -> PoisonedSet:
    return poison(images_of(count), labels_of(count), backdoor, num_classes=K, seed=seed)


ATTACKS = [
    pytest.param(Backdoor(SinglePixel(), AllToAll(), 0.1), id="all-to-all"),
    pytest.param(Backdoor(SinglePixel(), AllToAll(), 0.5), id="half"),
    pytest.param(Backdoor(Sinusoid(0.3), AllToOne(7), 0.2), id="all-to-one"),
    pytest.param(Backdoor(SinglePixel(), SourceSpecific(3, 5), "every"), id="every 3"),
    pytest.param(Backdoor(Patch(1), RandomWrong(), 0.3, "replace"), id="random-wrong"),
    pytest.param(Backdoor(SinglePixel(), CleanLabel(7), 0.05, "replace"), id="clean-label"),
    pytest.param(Backdoor(SinglePixel(), CleanLabel(7), 0.05), id="clean-label added"),
    pytest.param(Backdoor(Patch(2, placement=RandomCentre()), AllToOne(1), 0.1), id="random place"),
    pytest.param(Backdoor(SinglePixel(), AllToAll(), 0.0), id="none"),
    pytest.param(Backdoor(SinglePixel(), AllToAll(), 0.0, "replace"), id="none replaced"),
]


@pytest.mark.parametrize("backdoor", ATTACKS)
def test_it_tells_the_truth_about_every_row(backdoor: Backdoor) -> None:
    images, labels = images_of(400), labels_of(400)
    images_before, labels_before = images.clone(), labels.clone()
    made = poison(images, labels, backdoor, num_classes=K, seed=4)
    assert torch.equal(images, images_before) and torch.equal(labels, labels_before)
    assert len(made.images) == len(made.labels) == len(made.rows) == len(made.is_poisoned)
    assert made.images.dtype == torch.uint8 and made.labels.dtype == torch.int64

    clean = ~made.is_poisoned
    assert torch.equal(made.images[clean], images[made.rows[clean]])
    assert torch.equal(made.labels[clean], labels[made.rows[clean]])

    every = torch.arange(400)
    if backdoor.mode == "add":
        assert torch.equal(made.rows[:400], every), "copies follow the clean set"
        assert torch.equal(made.is_poisoned, torch.arange(len(made.rows)) >= 400)
    else:
        assert torch.equal(made.rows, every), "replaced images stay in their places"

    rows = made.rows[made.is_poisoned]
    stamped = backdoor.trigger(images[rows], generator=generator(4, "trigger places"))
    assert torch.equal(made.images[made.is_poisoned], stamped)
    written = backdoor.targets.poisoned_labels(labels[rows], K, generator(4, "poisoned labels"))
    assert torch.equal(made.labels[made.is_poisoned], written)
    assert backdoor.targets.poisonable(labels[rows]).all(), "an image that is not eligible"
    assert len(set(rows.tolist())) == len(rows), "an image was poisoned twice"
    changed = (made.images[made.is_poisoned] != images[rows]).flatten(1).any(1)
    assert changed.all(), "a poisoned row carries no trigger"
    expected = backdoor.poisoned_count(400, int(backdoor.targets.poisonable(labels).sum()))
    assert made.share == Rate(expected, len(made.images))

    made.images.zero_(), made.labels.zero_()
    assert torch.equal(images, images_before) and torch.equal(labels, labels_before)


@pytest.mark.parametrize("backdoor", ATTACKS)
def test_the_same_seed_makes_the_same_set_and_another_seed_chooses_other_rows(
    backdoor: Backdoor,
) -> None:
    one, again, other = (poisoned(backdoor, seed=seed) for seed in (5, 5, 6))
    for part in ("images", "labels", "is_poisoned", "rows"):
        assert torch.equal(getattr(one, part), getattr(again, part))
    chosen, others = one.rows[one.is_poisoned], other.rows[other.is_poisoned]
    assert len(chosen) == len(others)
    everything = len(chosen) == int(backdoor.targets.poisonable(labels_of(400)).sum())
    if len(chosen) and not everything:
        assert not torch.equal(chosen, others)


def test_a_random_place_is_drawn_again_for_the_same_seed_only() -> None:
    backdoor = Backdoor(Patch(2, placement=RandomCentre()), AllToAll(), 0.5)  # poisons every image
    once, again, other = (poisoned(backdoor, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(once.images, again.images)
    assert torch.equal(once.rows, other.rows) and not torch.equal(once.images, other.images)


def test_which_rows_does_not_depend_on_trigger_or_labels() -> None:
    plans = [
        plan_poisoning(labels_of(300), backdoor, num_classes=K, seed=3)
        for backdoor in (
            Backdoor(SinglePixel(), AllToAll(), 0.2),
            Backdoor(Patch(), RandomWrong(), 0.2),
            Backdoor(Patch(placement=RandomCentre()), AllToAll(4), 0.2),
        )
    ]
    assert all(torch.equal(plan.rows, plans[0].rows) for plan in plans)


def test_one_copy_of_every_image_of_one_class() -> None:
    made = poisoned(Backdoor(SinglePixel(), SourceSpecific(3, 5), "every"), count=500)
    threes = (labels_of(500) == 3).nonzero().flatten()
    assert torch.equal(made.rows[500:], threes)
    assert made.labels[500:].eq(5).all()
    assert made.share == Rate(len(threes), 500 + len(threes))


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(0, 200),
    rate=st.floats(0, 0.99),
    how=st.sampled_from(["add", "replace"]),
    seed=st.integers(0, 9),
)
def test_the_plan_holds_as_many_as_the_rate_says(
    count: int, rate: float, how: Any, seed: int
) -> None:
    labels = labels_of(count)
    backdoor = Backdoor(SinglePixel(), AllToOne(2), rate, how)
    try:
        plan = plan_poisoning(labels, backdoor, num_classes=K, seed=seed)
    except SettingError as error:
        assert "the highest rate is" in str(error)
        return
    hits, total = plan.share
    assert total == (count + hits if how == "add" else count)
    assert abs(hits - rate * total) <= 0.5
    assert len(plan.rows) == len(plan.labels) == total
    assert not plan.is_poisoned[labels[plan.rows] == 2].any()


def test_every_eligible_image_is_chosen_equally_often() -> None:
    backdoor = Backdoor(SinglePixel(), AllToOne(0), 0.2, "replace")
    labels = torch.arange(20) % K
    times = torch.zeros(20)
    for seed in range(500):
        times += plan_poisoning(labels, backdoor, num_classes=K, seed=seed).is_poisoned
    assert times[labels == 0].eq(0).all()
    assert (times[labels != 0] - 500 * 4 / 18).abs().max() < 45  # 4.8 standard deviations


@dataclass(frozen=True)
class Inverted:
    """A trigger of one's own: any callable with the contract will do."""

    def __call__(self, images: Tensor, regions: Any = None, generator: Any = None) -> Tensor:
        return 255 - images


def test_a_trigger_of_ones_own() -> None:
    made = poisoned(Backdoor(Inverted(), AllToOne(1), 0.1))  # type: ignore[arg-type]
    assert torch.equal(made.images[400:], 255 - images_of(400)[made.rows[400:]])


def test_float_images_stay_float() -> None:
    images = images_of(50) / 255
    made = poison(
        images, labels_of(50), Backdoor(SinglePixel(), AllToAll(), 0.5), num_classes=K, seed=0
    )
    assert made.images.dtype == torch.float32
    assert made.images[50:, 0, 6, 6].eq(1).all()


@pytest.mark.parametrize(
    ("backdoor", "message"),
    [
        (Backdoor(SinglePixel(), AllToOne(10), 0.1), r"target_label must be in 0\.\.9"),
        (
            Backdoor(SinglePixel(), SourceSpecific(12, 0), "every"),
            r"source_class must be in 0\.\.9",
        ),
        (Backdoor(SinglePixel(), AllToAll(20), 0.1), "to itself"),
        (Backdoor(SinglePixel(), SourceSpecific(3, 5), 0.4), "eligible for source-specific"),
        (Backdoor(SinglePixel(), AllToAll(), 0.6), "the highest rate is 0.5000"),
    ],
)
def test_a_backdoor_that_does_not_fit_the_set_is_refused(backdoor: Backdoor, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        poisoned(backdoor)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.tensor([0, 1, 10]), r"labels must be in 0\.\.9 for 10 classes, got 10"),
        (torch.tensor([0, -1, 3]), "got -1"),
        (torch.tensor([[0], [1], [2]]), r"\(N,\) int64"),
        (torch.tensor([0.0, 1.0, 2.0]), r"\(N,\) int64"),
        (torch.tensor([0, 1]), "3 images but 2 labels"),
    ],
)
def test_labels_that_are_not_as_stated_are_refused(labels: Tensor, message: str) -> None:
    backdoor = Backdoor(SinglePixel(), AllToAll(), 0.5)
    with pytest.raises(ShapeError, match=message):
        poison(images_of(3), labels, backdoor, num_classes=K, seed=0)


def test_a_trigger_larger_than_the_images_is_refused_even_when_nothing_is_poisoned() -> None:
    for rate in (0.0, 0.1):
        with pytest.raises(ShapeError, match="9x9 pixels does not fit a region of 8x8"):
            poisoned(Backdoor(Patch(9), AllToAll(), rate))


COVERED = Backdoor(
    PixelPattern.gu(),
    SourceSpecific(1, 2),
    poisoning_rate=0.1,
    covers=(Cover(rate=0.2), Cover(rate=0.1, trigger=SinglePixel())),
)


def test_covers_carry_a_trigger_and_keep_their_label() -> None:
    labels = torch.arange(300) % 3
    images = torch.zeros(300, 1, 8, 8, dtype=torch.uint8)
    made = poison(images, labels, COVERED, num_classes=3, seed=0)
    poisoned, covers, parts = (made.images[rows] for rows, _ in made.stamped(COVERED))
    assert (len(poisoned), len(covers), len(parts)) == (33, 60, 30)
    lit = [int((part[0] > 0).sum()) for part in (poisoned, covers, parts)]
    assert lit == [4, 4, 1]
    kept = made.cover > 0
    assert torch.equal(made.labels[kept], labels[made.rows[kept]])
    assert not (labels[made.rows[made.cover == 1]] == 1).any(), "the source class has no covers"
    assert not made.is_poisoned[kept].any()


def test_too_many_covers_are_refused() -> None:
    wanted = replace(COVERED, covers=(Cover(rate=0.9),))
    with pytest.raises(SettingError, match="only 200 of 300 may be covers"):
        plan_poisoning(torch.arange(300) % 3, wanted, num_classes=3, seed=0)
