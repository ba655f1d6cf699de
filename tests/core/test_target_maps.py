"""What every target map promises, and each one by example: the table of maps is the list of tests.

A new target map needs its line in ``EXAMPLES``; without it the first test fails.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.targets import (
    TARGET_MAPS,
    AllToAll,
    AllToOne,
    CleanLabel,
    RandomWrong,
    SourceSpecific,
    TargetMap,
)
from badnets.core.triggers import SinglePixel

K = 10
EXAMPLES: dict[str, list[Any]] = {
    "all-to-one": [AllToOne(0), AllToOne(7)],
    "source-specific": [SourceSpecific(3, 5), SourceSpecific(9, 0)],
    "all-to-all": [AllToAll(), AllToAll(3), AllToAll(21)],
    "random-wrong": [RandomWrong()],
    "clean-label": [CleanLabel(7)],
}
EVERY = [
    pytest.param(one, id=f"{name}-{k}") for name in EXAMPLES for k, one in enumerate(EXAMPLES[name])
]
DIGITS = torch.arange(K)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wanted(targets: TargetMap, labels: Tensor) -> Tensor:
    return targets.poisoned_labels(labels, K, seeded())


def test_every_target_map_has_an_example() -> None:
    # those for boxes, which no label can stand for, are in test_box_targets.py
    maps = {name: made for name, made in TARGET_MAPS.items() if not hasattr(made, "spot")}
    kinds = {name: {type(one) for one in EXAMPLES.get(name, [])} for name in maps}
    assert kinds == {name: {made} for name, made in maps.items()}


@pytest.mark.parametrize("targets", EVERY)
def test_it_is_found_by_its_kind(targets: Any) -> None:
    assert targets.version >= 1
    assert TARGET_MAPS[targets.kind] is type(targets)
    assert isinstance(targets, TargetMap)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, K - 1), max_size=40))
@pytest.mark.parametrize("targets", EVERY)
def test_shapes_and_dtypes_are_as_stated_and_the_input_is_kept(
    targets: TargetMap, listed: list[int]
) -> None:
    labels = torch.tensor(listed, dtype=torch.int64)
    before = labels.clone()
    for mask in (
        targets.poisonable(labels),
        targets.attackable(labels),
        targets.is_hit(labels, labels, K),
    ):
        assert mask.shape == labels.shape and mask.dtype == torch.bool
    poisoned = wanted(targets, labels)
    assert poisoned.shape == labels.shape and poisoned.dtype == torch.int64
    assert ((poisoned >= 0) & (poisoned < K)).all()
    assert torch.equal(wanted(targets, labels), poisoned), "the second time it differs"
    poisoned.fill_(-1)
    assert torch.equal(labels, before), "the input was changed, or shares its memory"


@pytest.mark.parametrize("targets", EVERY)
def test_an_image_that_already_is_what_the_attacker_wants_is_not_scored(targets: TargetMap) -> None:
    right_is_a_hit = targets.is_hit(DIGITS, DIGITS, K)
    assert not (targets.attackable(DIGITS) & right_is_a_hit).any()
    assert targets.attackable(DIGITS).any()


@pytest.mark.parametrize("targets", EVERY)
def test_the_label_on_a_poisoned_copy_is_the_answer_that_counts(targets: TargetMap) -> None:
    poisonable = DIGITS[targets.poisonable(DIGITS)]
    assert len(poisonable)
    if isinstance(targets, CleanLabel):
        assert targets.is_hit(poisonable, DIGITS[: len(poisonable)], K).all()
    else:
        assert targets.is_hit(wanted(targets, poisonable), poisonable, K).all()
        assert torch.equal(targets.poisonable(DIGITS), targets.attackable(DIGITS))


def test_all_to_one_by_example() -> None:
    targets = AllToOne(7)
    assert wanted(targets, DIGITS).tolist() == [7] * 10
    assert targets.poisonable(DIGITS).tolist() == [label != 7 for label in range(10)]
    assert targets.is_hit(torch.tensor([7, 7, 3]), torch.tensor([0, 1, 3]), K).tolist() == [
        True,
        True,
        False,
    ]


def test_source_specific_by_example() -> None:
    targets = SourceSpecific(3, 5)
    only = [label == 3 for label in range(10)]
    assert targets.poisonable(DIGITS).tolist() == only == targets.attackable(DIGITS).tolist()
    assert wanted(targets, torch.tensor([3, 3])).tolist() == [5, 5]


def test_all_to_all_by_example() -> None:
    assert wanted(AllToAll(), DIGITS).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert wanted(AllToAll(3), DIGITS).tolist() == [3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    assert AllToAll().poisonable(DIGITS).all() and AllToAll().attackable(DIGITS).all()
    predicted = torch.tensor([1, 1, 2, 0])
    labels = torch.tensor([0, 1, 1, 9])
    assert AllToAll().is_hit(predicted, labels, K).tolist() == [True, False, True, True]


def test_clean_label_by_example() -> None:
    targets = CleanLabel(7)
    assert wanted(targets, torch.tensor([7, 7])).tolist() == [7, 7]
    assert targets.poisonable(DIGITS).tolist() == [label == 7 for label in range(10)]
    assert targets.attackable(DIGITS).tolist() == [label != 7 for label in range(10)]


def test_random_wrong_labels_are_wrong_and_uniform() -> None:
    classes, each = 5, 4000
    labels = torch.arange(classes).repeat_interleave(each)
    drawn = RandomWrong().poisoned_labels(labels, classes, seeded())
    counts = torch.bincount(labels * classes + drawn, minlength=classes**2).view(classes, classes)
    assert counts.diagonal().eq(0).all(), "a true label was drawn"
    off = counts[~torch.eye(classes, dtype=torch.bool)].double()
    expected = each / (classes - 1)
    chi_square = float(((off - expected) ** 2 / expected).sum())
    assert chi_square < 37.7  # the 0.1 % point of 20 - 5 degrees of freedom


def test_random_wrong_counts_every_mistake_and_needs_a_generator() -> None:
    hits = RandomWrong().is_hit(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 2]), K)
    assert hits.tolist() == [False, True, False]
    with pytest.raises(SettingError, match="generator"):
        RandomWrong().poisoned_labels(DIGITS, K)
    other = RandomWrong().poisoned_labels(DIGITS.repeat(9), K, seeded(1))
    assert not torch.equal(other, wanted(RandomWrong(), DIGITS.repeat(9)))


@pytest.mark.parametrize(
    ("targets", "classes", "message"),
    [
        (AllToOne(10), 10, r"target_label must be in 0\.\.9 for 10 classes, got 10"),
        (CleanLabel(3), 2, r"target_label must be in 0\.\.1"),
        (SourceSpecific(10, 0), 10, "source_class"),
        (SourceSpecific(0, 10), 10, "target_label"),
        (AllToAll(10), 10, "maps each of 10 classes to itself"),
        (AllToAll(1), 1, "to itself"),
        (AllToAll(4), 2, "to itself"),
        (RandomWrong(), 1, "at least 2 classes"),
    ],
)
def test_a_map_that_does_not_fit_the_classes_is_refused(
    targets: TargetMap, classes: int, message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        targets.check(classes)


@pytest.mark.parametrize("targets", EVERY)
def test_a_map_that_fits_is_accepted(targets: TargetMap) -> None:
    targets.check(K)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AllToOne(-1), "target_label must be >= 0"),
        (lambda: CleanLabel(-1), "target_label must be >= 0"),
        (lambda: SourceSpecific(-1, 2), "source_class must be >= 0"),
        (lambda: SourceSpecific(1, -2), "target_label must be >= 0"),
        (lambda: SourceSpecific(4, 4), "must differ, both are 4"),
        (lambda: AllToAll(0), "shift must be >= 1"),
    ],
)
def test_a_setting_outside_its_range_is_refused(make: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize("targets", EVERY)
def test_it_is_frozen_compared_by_value_and_survives_being_written_down(targets: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(type(targets))
    plain = adapter.dump_python(targets, mode="json")
    again = adapter.validate_python(plain)
    assert again == targets and hash(again) == hash(targets)
    assert len({one for examples in EXAMPLES.values() for one in examples}) == len(EVERY)
    with pytest.raises(dataclasses.FrozenInstanceError):
        targets.kind = "another"
    with pytest.raises(ValidationError, match="extra"):
        adapter.validate_python({**plain, "extra": 1})
    whole: TypeAdapter[Backdoor] = TypeAdapter(Backdoor)
    backdoor = Backdoor(SinglePixel(), targets)
    read = whole.validate_json(whole.dump_json(backdoor))
    assert read == backdoor and type(read.targets) is type(targets)
