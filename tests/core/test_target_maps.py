"""What every target map promises, and each one by example: the registry is the list of tests.

A new target map needs its line in ``examples.py``.
"""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.poisoning import plan_poisoning, poison
from badnets.core.targets import (
    NOTHING,
    AllBecomeOne,
    AllToAll,
    AllToOne,
    Anchor,
    Appear,
    CleanLabel,
    RandomWrong,
    SourceSpecific,
    TargetMap,
    Vanish,
    anchor_of,
    remap_targets,
)
from badnets.core.triggers import Patch

from .examples import TARGET_EXAMPLES

K = 10
EVERY = pytest.mark.parametrize("targets", TARGET_EXAMPLES, ids=str)
FOR_BOXES = [one for one in TARGET_EXAMPLES if anchor_of(one) is not None]
CLASSES = torch.arange(K)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def written(targets: TargetMap, labels: Tensor) -> Tensor:
    return targets.poisoned_labels(labels, K, seeded())


def places(targets: TargetMap) -> Tensor:
    """What may lie where a trigger goes: an object of each class, or nothing."""
    return torch.tensor([NOTHING, *range(K)]) if anchor_of(targets) == "nowhere" else CLASSES


@settings(deadline=None, max_examples=30)
@given(listed=st.lists(st.integers(0, K - 1), max_size=40))
@EVERY
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
    poisoned = written(targets, labels)
    assert poisoned.shape == labels.shape and poisoned.dtype == torch.int64
    least = 0 if anchor_of(targets) is None else NOTHING
    assert ((poisoned >= least) & (poisoned < K)).all()
    assert torch.equal(written(targets, labels), poisoned), "the second time it differs"
    poisoned.fill_(3)
    assert torch.equal(labels, before), "the input was changed, or shares its memory"


@EVERY
def test_what_already_is_as_the_attacker_wants_is_not_scored(targets: TargetMap) -> None:
    targets.check(K)
    assert anchor_of(targets) in (None, *get_args(Anchor))
    there = places(targets)
    assert not (targets.attackable(there) & targets.is_hit(there, there, K)).any()
    assert targets.attackable(there).any()


@EVERY
def test_the_label_on_a_poisoned_copy_is_the_answer_that_counts(targets: TargetMap) -> None:
    poisonable = CLASSES[targets.poisonable(CLASSES)]
    if isinstance(targets, CleanLabel):
        assert targets.is_hit(poisonable, CLASSES[: len(poisonable)], K).all()
    elif anchor_of(targets) == "nowhere":
        assert not len(poisonable), "no object that is there is touched"
        assert targets.is_hit(written(targets, CLASSES), CLASSES, K).all()
    else:
        assert len(poisonable)
        assert targets.is_hit(written(targets, poisonable), poisonable, K).all()
        assert torch.equal(targets.poisonable(CLASSES), targets.attackable(CLASSES))


NOT_1 = [label != 1 for label in range(K)]
ONLY_1 = [label == 1 for label in range(K)]
ALL = [True] * K


@pytest.mark.parametrize(
    ("targets", "poisonable", "labels", "anchor"),
    [
        (AllToOne(1), NOT_1, [1] * K, None),
        (SourceSpecific(1, 5), ONLY_1, [5] * K, None),
        (AllToAll(), ALL, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0], None),
        (AllToAll(3), ALL, [3, 4, 5, 6, 7, 8, 9, 0, 1, 2], None),
        (CleanLabel(1), ONLY_1, list(range(K)), None),
        (Vanish(1), ONLY_1, [NOTHING] * K, "object"),
        (Vanish(), ALL, [NOTHING] * K, "object"),
        (Appear(2), [False] * K, [2] * K, "nowhere"),
        (AllBecomeOne(1), NOT_1, [1] * K, "image"),
    ],
    ids=str,
)
def test_by_example(
    targets: TargetMap, poisonable: list[bool], labels: list[int], anchor: str | None
) -> None:
    assert targets.poisonable(CLASSES).tolist() == poisonable
    assert written(targets, CLASSES).tolist() == labels
    assert anchor_of(targets) == anchor


@pytest.mark.parametrize(
    ("targets", "predicted", "labels", "hits"),
    [
        (AllToOne(7), [7, 7, 3], [0, 1, 3], [True, True, False]),
        (AllToAll(), [1, 1, 2, 0], [0, 1, 1, 9], [True, False, True, True]),
        (RandomWrong(), [0, 1, 2], [0, 0, 2], [False, True, False]),
        (Vanish(1), [NOTHING, 1, 2, 0], [0, 1, 2, 1], [True, False, False, False]),
        (Appear(2), [2, NOTHING, 1], [0, NOTHING, 2], [True, False, False]),
        (AllBecomeOne(1), [1, 1, NOTHING], [0, 1, 2], [True, True, False]),
    ],
    ids=str,
)
def test_hits_by_example(
    targets: TargetMap, predicted: list[int], labels: list[int], hits: list[bool]
) -> None:
    assert targets.is_hit(torch.tensor(predicted), torch.tensor(labels), K).tolist() == hits


def test_random_wrong_labels_are_wrong_and_uniform_and_need_a_generator() -> None:
    classes, each = 5, 4000
    labels = torch.arange(classes).repeat_interleave(each)
    drawn = RandomWrong().poisoned_labels(labels, classes, seeded())
    counts = torch.bincount(labels * classes + drawn, minlength=classes**2).view(classes, classes)
    assert counts.diagonal().eq(0).all(), "a true label was drawn"
    off = counts[~torch.eye(classes, dtype=torch.bool)].double()
    expected = each / (classes - 1)
    chi_square = float(((off - expected) ** 2 / expected).sum())
    assert chi_square < 37.7  # the 0.1 % point of 20 - 5 degrees of freedom
    assert not torch.equal(RandomWrong().poisoned_labels(labels, classes, seeded(1)), drawn)
    with pytest.raises(SettingError, match="generator"):
        RandomWrong().poisoned_labels(CLASSES, K)


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
        (Vanish(5), 5, r"source_class must be in 0\.\.4 for 5 classes, got 5"),
        (Appear(5), 5, r"target_label must be in 0\.\.4 for 5 classes, got 5"),
        (AllBecomeOne(9), 5, r"target_label must be in 0\.\.4"),
    ],
)
def test_a_map_that_does_not_fit_the_classes_is_refused(
    targets: TargetMap, classes: int, message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        targets.check(classes)


@pytest.mark.parametrize("targets", FOR_BOXES, ids=str)
def test_a_classifiers_images_cannot_be_poisoned_with_a_map_for_boxes(targets: Any) -> None:
    backdoor = Backdoor(Patch(2), targets, poisoning_rate=0.1)
    labels = torch.arange(20) % K
    with pytest.raises(SettingError, match=f"targets {targets.kind} are about boxes: use them"):
        plan_poisoning(labels, backdoor, num_classes=K, seed=0)
    images = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(SettingError, match="take all-to-one"):
        poison(images, labels, backdoor, num_classes=K, seed=0)


OLD = ("cat", "dog", "hen")


@pytest.mark.parametrize(
    ("targets", "new", "expected"),
    [
        (AllToOne(1), ("dog", "fish"), AllToOne(0)),
        (AllToOne(0), ("dog", "fish"), None),
        (CleanLabel(2), ("hen", "fish"), CleanLabel(0)),
        (SourceSpecific(0, 2), ("fish", "hen", "cat"), SourceSpecific(2, 1)),
        (SourceSpecific(0, 2), ("fish", "hen"), None),
        (SourceSpecific(0, 2), ("fish", "cat"), None),
        (AllToAll(2), OLD, AllToAll(2)),
        (AllToAll(), ("dog", "cat", "hen"), None),
        (RandomWrong(), ("fish", "cow"), RandomWrong()),
    ],
    ids=str,
)
def test_a_map_follows_its_classes(targets: object, new: tuple[str, ...], expected: object) -> None:
    assert remap_targets(targets, OLD, new) == expected


def test_a_label_outside_the_old_classes_is_refused_and_a_map_without_labels_stays() -> None:
    with pytest.raises(SettingError, match=r"target_label must be in 0\.\.2, got 3"):
        remap_targets(AllToOne(3), OLD, OLD)
    own = object()
    assert remap_targets(own, OLD, ("x", "y")) is own
