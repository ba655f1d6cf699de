"""Held back rows: of every class alike, and never a part of a group."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from badnets.core.errors import SettingError, ShapeError
from badnets.data import ImageSet
from badnets.data.splitting import held_back_rows

GROUPS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), min_size=4, max_size=30)


@given(groups=GROUPS, share=st.floats(0.05, 0.9), seed=st.integers(0, 99))
def test_groups_go_whole_and_of_each_class_some_stay_and_some_go(
    groups: list[tuple[int, int]], share: float, seed: int
) -> None:
    label = torch.tensor([own for own, size in groups for _ in range(size)])
    group = torch.tensor([place for place, (_, size) in enumerate(groups) for _ in range(size)])
    count = max(1, min(len(label) - 1, round(share * len(label))))
    several = {k for k in range(4) if sum(own == k for own, _ in groups) > 1}
    if not several:
        with pytest.raises(SettingError, match="no class of two groups"):
            held_back_rows(label, count, seed, group)
        return
    try:
        held = held_back_rows(label, count, seed, group)
    except SettingError:
        assert count < 4, "only so few that no class with two groups has a share"
        return
    assert torch.equal(held, held_back_rows(label, count, seed, group))
    assert not set(group[held].tolist()) & set(group[~held].tolist())
    for k in {own for own, _ in groups}:
        assert bool((~held[label == k]).any()), "something of each class remains"
        if k not in several:
            assert not bool(held[label == k].any())


def test_the_count_is_met_as_nearly_as_groups_allow() -> None:
    label = torch.arange(2).repeat_interleave(50)
    held = held_back_rows(label, 20, 0, torch.arange(100) // 5)
    assert held.reshape(2, 50).sum(1).tolist() == [10, 10]


def test_a_set_carries_its_groups_along() -> None:
    images = torch.arange(8, dtype=torch.uint8).reshape(8, 1, 1, 1)
    labels, groups = torch.arange(8) % 2, torch.arange(8) // 4 * 2 + torch.arange(8) % 2
    made = ImageSet(images, labels, ("a", "b"), groups)
    taken = made.take([5, 0]).groups
    assert taken is not None and taken.tolist() == [3, 0]
    rest, held = made.split(4, seed=0)
    assert rest.groups is not None and held.groups is not None
    assert sorted(set(rest.groups.tolist()) | set(held.groups.tolist())) == [0, 1, 2, 3]
    assert len(rest) == len(held) == 4
    with pytest.raises(ShapeError, match="8 images but 7 groups"):
        ImageSet(images, labels, ("a", "b"), groups[:7])
