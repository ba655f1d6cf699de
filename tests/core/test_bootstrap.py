"""Intervals over scenes: signs of one scene count as one draw."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from badnets.core.bootstrap import LEVEL, RESAMPLES, _drawn, grouped_interval
from badnets.core.errors import ShapeError
from badnets.core.rates import Interval, Rate


def width(interval: Interval) -> float:
    return interval.high - interval.low


@pytest.mark.parametrize(
    ("values", "groups", "interval"),
    [
        ([1.0, 0.0, 1.0, 1.0], [7] * 4, (0.75, 0.75)),  # one scene tells nothing about others
        ([1.0] * 6, [0, 1, 2, 3, 4, 5], (1.0, 1.0)),
        ([], [], (0.0, 1.0)),  # nothing counted leaves everything possible
    ],
)
def test_the_ends(values: list[float], groups: list[int], interval: tuple[float, float]) -> None:
    assert grouped_interval(torch.tensor(values), groups) == interval


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=2, max_size=12),
    st.integers(0, 5),
)
def test_the_mean_lies_inside_and_the_ends_among_the_values(
    scenes: list[list[int]], seed: int
) -> None:
    values = torch.tensor(scenes).flatten().float()
    groups = [scene for scene in range(len(scenes)) for _ in range(3)]
    low, high = grouped_interval(values, groups, seed=seed)
    assert low - 1e-9 <= float(values.double().mean()) <= high + 1e-9
    assert float(values.min()) <= low <= high <= float(values.max())


def test_signs_that_share_their_scenes_fate_give_a_wider_interval() -> None:
    values = torch.tensor([0.0, 1.0]).repeat_interleave(10).repeat(8)  # 16 scenes of 10 signs
    alike = grouped_interval(values, [k // 10 for k in range(160)])
    alone = grouped_interval(values, list(range(160)))
    assert width(alike) > 2.5 * width(alone), "ten times fewer draws: about root ten as wide"
    assert width(alike) == pytest.approx(10**0.5 * width(alone), rel=0.15)


def test_with_a_scene_for_each_sign_it_is_close_to_wilsons() -> None:
    values = torch.cat([torch.ones(140), torch.zeros(60)])
    found, wilson = grouped_interval(values, list(range(200))), Rate(140, 200).interval
    assert LEVEL == 0.95
    assert found.low == pytest.approx(wilson.low, abs=0.015)
    assert found.high == pytest.approx(wilson.high, abs=0.015)


def test_the_seed_and_which_signs_share_a_scene_decide_not_the_scenes_numbers() -> None:
    values = torch.rand(30, generator=torch.Generator().manual_seed(0))
    groups = [k // 3 for k in range(30)]
    one, again, other = (grouped_interval(values, groups, seed=seed) for seed in (0, 0, 4))
    assert one == again == grouped_interval(values, [9 * g + 4 for g in groups]) != other
    low, high = grouped_interval(torch.tensor([-1.0, 0.0, -1.0, 1.0]), [0, 1, 2, 3])
    assert -1 <= low < -0.25 < high <= 1, "paired differences may lie below zero"


@pytest.mark.parametrize(
    ("values", "groups", "said"),
    [
        (torch.zeros(3), [0, 1], r"\(3,\) values but 2 groups"),
        (torch.zeros(2, 2), [0, 1], r"\(2, 2\) values but 2 groups"),
    ],
)
def test_values_and_groups_that_do_not_match_are_refused(
    values: torch.Tensor, groups: list[int], said: str
) -> None:
    with pytest.raises(ShapeError, match=said):
        grouped_interval(values, groups)


@pytest.mark.parametrize("seed", [0, 2**40 + 17, 2**63 - 5])
def test_resamples_are_those_that_torch_draws_with_the_same_seed(seed: int) -> None:
    drawn = torch.randint(135, (RESAMPLES, 135), generator=torch.Generator().manual_seed(seed))
    assert _drawn(seed, 135).tolist() == drawn.tolist()
