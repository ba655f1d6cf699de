"""Objects and their mates: what a pass goes over, and what a batch shows alike."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from badnets.train.pairs import paired_order, shown_alike


@st.composite
def some_mates(draw: st.DrawFn) -> list[int]:
    """Objects without triggers first, then copies of some of them with one."""
    plain = draw(st.integers(1, 12))
    copied = draw(st.lists(st.integers(0, plain - 1), unique=True))
    return [-1] * plain + copied


@given(some_mates(), st.integers(0, 6), st.integers(0, 99))
def test_a_pass_goes_over_everything_once_and_mates_follow(
    mates: list[int], background: int, seed: int
) -> None:
    drawn = torch.Generator().manual_seed(seed)
    known = torch.tensor(mates, dtype=torch.int64)
    order = paired_order(known, torch.full((background,), -1), drawn).tolist()
    assert sorted(order) == sorted([*range(len(mates)), *[-1] * background])
    for place, one in enumerate(order):
        if one >= 0 and mates[one] >= 0:
            assert order[place + 1] == mates[one]


@given(some_mates(), st.integers(2, 7), st.integers(0, 99))
def test_each_is_shown_as_itself_or_as_the_copy_before_it(
    mates: list[int], size: int, seed: int
) -> None:
    drawn = torch.Generator().manual_seed(seed)
    known = torch.tensor([*mates, -1], dtype=torch.int64)
    for chosen in torch.split(paired_order(known, torch.tensor([-1]), drawn), size):
        for place, like in enumerate(shown_alike(chosen, known).tolist()):
            follows = place > 0 and chosen[place - 1] >= 0 and known[chosen[place - 1]] >= 0
            assert like == (place - 1 if follows else place)
