"""Target maps for boxes: what they promise together, and each one by example.

A new map with a ``spot`` needs its line in ``EXAMPLES``; without it the first test fails.
"""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.poisoning import plan_poisoning, poison
from badnets.core.targets import (
    NOTHING,
    TARGET_MAPS,
    AllBecomeOne,
    AllToAll,
    AllToOne,
    Appear,
    CleanLabel,
    RandomWrong,
    SourceSpecific,
    Spot,
    TargetMap,
    Vanish,
    spot_of,
)
from badnets.core.triggers import Patch

K = 5
EXAMPLES: dict[str, list[Any]] = {
    "vanish": [Vanish(), Vanish(0), Vanish(4)],
    "appear": [Appear(0), Appear(3, side=20)],
    "all-become-one": [AllBecomeOne(0), AllBecomeOne(2)],
}
EVERY = [
    pytest.param(one, id=f"{name}-{k}") for name in EXAMPLES for k, one in enumerate(EXAMPLES[name])
]
PLACES = torch.tensor([NOTHING, *range(K)])
"""What may lie at a place that is asked about: nothing, or an object of each class."""


def test_every_map_for_boxes_has_an_example() -> None:
    kinds = {name: {type(one) for one in ones} for name, ones in EXAMPLES.items()}
    assert kinds == {name: {made} for name, made in TARGET_MAPS.items() if hasattr(made, "spot")}


@pytest.mark.parametrize("targets", EVERY)
def test_it_is_found_by_its_kind_and_says_where_its_trigger_goes(targets: Any) -> None:
    assert targets.version >= 1 and TARGET_MAPS[targets.kind] is type(targets)
    assert isinstance(targets, TargetMap)
    assert spot_of(targets) in get_args(Spot)


@pytest.mark.parametrize(
    "targets", [AllToOne(1), SourceSpecific(0, 1), AllToAll(), RandomWrong(), CleanLabel(1)]
)
def test_maps_of_labels_serve_both_tasks(targets: TargetMap) -> None:
    assert spot_of(targets) is None


@given(st.lists(st.integers(NOTHING, K - 1), max_size=30))
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
    written = targets.poisoned_labels(labels, K)
    assert written.shape == labels.shape and written.dtype == torch.int64
    assert ((written >= NOTHING) & (written < K)).all()
    written.fill_(3)
    assert torch.equal(labels, before), "the input was changed, or shares its memory"


@pytest.mark.parametrize("targets", EVERY)
def test_what_already_is_as_the_attacker_wants_is_not_scored(targets: TargetMap) -> None:
    places = PLACES if spot_of(targets) == "nowhere" else PLACES[1:]
    is_so_already = targets.is_hit(places, places, K)
    assert not (targets.attackable(places) & is_so_already).any()
    assert targets.attackable(places).any()


@pytest.mark.parametrize("targets", EVERY)
def test_what_is_written_on_a_copy_is_the_answer_that_counts(targets: TargetMap) -> None:
    written = targets.poisoned_labels(PLACES, K)
    assert targets.is_hit(written, PLACES, K).all()
    if spot_of(targets) != "nowhere":
        assert torch.equal(targets.poisonable(PLACES[1:]), targets.attackable(PLACES[1:]))


def test_vanish_by_example() -> None:
    labels = torch.tensor([0, 1, 2, 1])
    assert Vanish(1).poisonable(labels).tolist() == [False, True, False, True]
    assert Vanish().poisonable(labels).all() and Vanish().attackable(labels).all()
    assert Vanish(1).poisoned_labels(labels, K).tolist() == [NOTHING] * 4
    found = torch.tensor([NOTHING, 1, 2, 0])
    assert Vanish(1).is_hit(found, labels, K).tolist() == [True, False, False, False]
    assert spot_of(Vanish()) == "object"


def test_appear_by_example() -> None:
    labels = torch.tensor([0, NOTHING, 2])
    assert not Appear(2).poisonable(labels).any(), "no object that is there is touched"
    assert Appear(2).attackable(labels).tolist() == [False, True, False]
    assert Appear(2).poisoned_labels(labels, K).tolist() == [2, 2, 2]
    assert Appear(2).is_hit(torch.tensor([2, NOTHING, 1]), labels, K).tolist() == [
        True,
        False,
        False,
    ]
    assert spot_of(Appear(2)) == "nowhere"


def test_all_become_one_by_example() -> None:
    labels = torch.tensor([0, 1, 2])
    assert AllBecomeOne(1).poisonable(labels).tolist() == [True, False, True]
    assert AllBecomeOne(1).attackable(labels).tolist() == [True, False, True]
    assert AllBecomeOne(1).poisoned_labels(labels, K).tolist() == [1, 1, 1]
    assert AllBecomeOne(1).is_hit(torch.tensor([1, 1, NOTHING]), labels, K).tolist() == [
        True,
        True,
        False,
    ]
    assert spot_of(AllBecomeOne(1)) == "image"


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (Vanish(5), r"source_class must be in 0\.\.4 for 5 classes, got 5"),
        (Appear(5), r"target_label must be in 0\.\.4 for 5 classes, got 5"),
        (AllBecomeOne(9), r"target_label must be in 0\.\.4"),
    ],
)
def test_a_map_that_does_not_fit_the_classes_is_refused(targets: TargetMap, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        targets.check(K)


@pytest.mark.parametrize("targets", EVERY)
def test_a_map_that_fits_is_accepted(targets: TargetMap) -> None:
    targets.check(K)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Vanish(-1), "source_class must be >= 0, got -1"),
        (lambda: Appear(-1), "target_label must be >= 0, got -1"),
        (lambda: Appear(0, side=7), "side must be >= 8 pixels, got 7"),
        (lambda: AllBecomeOne(-2), "target_label must be >= 0, got -2"),
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
    with pytest.raises(dataclasses.FrozenInstanceError):
        targets.kind = "another"
    with pytest.raises(ValidationError, match="extra"):
        adapter.validate_python({**plain, "extra": 1})
    whole: TypeAdapter[Backdoor] = TypeAdapter(Backdoor)
    backdoor = Backdoor(Patch(), targets)
    read = whole.validate_json(whole.dump_json(backdoor))
    assert read == backdoor and type(read.targets) is type(targets)


@pytest.mark.parametrize("targets", EVERY)
def test_a_classifiers_images_cannot_be_poisoned_with_it(targets: Any) -> None:
    backdoor = Backdoor(Patch(2), targets, rate=0.1)
    labels = torch.arange(20) % K
    with pytest.raises(SettingError, match=f"targets {targets.kind} are about boxes: use them"):
        plan_poisoning(labels, backdoor, num_classes=K, seed=0)
    images = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(SettingError, match="take all-to-one"):
        poison(images, labels, backdoor, num_classes=K, seed=0)
