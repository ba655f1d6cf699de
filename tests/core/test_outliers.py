"""Robust deviations, and standardising each against the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from badnets.core.errors import ShapeError
from badnets.core.outliers import anomaly_index, each_against_others

NUMBERS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12)


def test_the_anomaly_index_of_a_worked_example() -> None:
    norms = [10.0, 90, 100, 110, 120]  # median 100, MAD 10; small is suspicious
    assert anomaly_index([-norm for norm in norms]) == pytest.approx(
        (90 / 14.826, 10 / 14.826, 0, 0, 0)
    )


def test_without_spread_what_lies_above_is_infinitely_far() -> None:
    assert anomaly_index([1, 1, 1, 1]) == (0, 0, 0, 0)
    assert anomaly_index([1, 1, 1, 2]) == (0, 0, 0, math.inf)
    assert anomaly_index([1, 1, 1, 0]) == (0, 0, 0, 0)
    assert anomaly_index([5]) == (0,)


@given(values=NUMBERS, shift=st.floats(-100, 100), data=st.data())
def test_it_is_one_sided_and_follows_order_and_units(
    values: list[float], shift: float, data: st.DataObject
) -> None:
    values = [round(value, 3) for value in values]
    index = anomaly_index(values)
    assert all(value >= 0 for value in index)
    assert [index[k] > 0 for k in range(len(values))] == [
        value > float(np.median(values)) for value in values
    ]
    order = data.draw(st.permutations(range(len(values))))
    assert anomaly_index([values[k] for k in order]) == pytest.approx([index[k] for k in order])
    assert anomaly_index([2 * value for value in values]) == pytest.approx(index)
    ranked = sorted(range(len(values)), key=lambda k: values[k])
    assert [index[k] for k in ranked] == sorted(index)


def test_a_row_takes_no_part_in_its_own_yardstick() -> None:
    # 9 lies (9 - 2) / 1 from 1, 2, 3; within all four it could not lie further than 1.5
    assert each_against_others([[1.0], [2.0], [3.0], [9.0]])[3].tolist() == [7.0]


def test_with_three_cells_or_more_the_rows_own_level_is_taken_out() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 5))
    shifted = rows.copy()
    shifted[2] += 30
    np.testing.assert_allclose(each_against_others(shifted), each_against_others(rows), atol=1e-9)
    two = each_against_others(rows[:, :2] + np.arange(6)[:, None])
    assert two[5].min() > two[0].max(), "two cells have no level of their own"


def test_a_cell_is_divided_by_its_own_spread_and_that_of_all() -> None:
    others = np.array([[-1.0, -3.0], [1.0, 3.0], [0.0, 0.0]])  # variances 1 and 9
    z = each_against_others(np.vstack([others, [4.0, 4.0]]))[3]
    assert z.tolist() == pytest.approx([4 / math.sqrt(3), 4 / math.sqrt(7)])


def test_each_cell_may_be_a_table_of_its_own() -> None:
    rows = np.random.default_rng(1).normal(size=(7, 12))
    alone = [each_against_others(column[:, None])[:, 0] for column in rows.T]
    np.testing.assert_allclose(each_against_others(rows, apart=True).T, alone, rtol=1e-12)


def test_cells_that_do_not_vary() -> None:
    z = each_against_others([[1.0], [1.0], [1.0], [2.0]])
    assert z[3].tolist() == [math.inf] and z[0, 0] < 0
    assert not each_against_others([[1.0, 2.0]] * 4).any()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0], [2.0]], "3 or more, got 2"),
        ([[1.0], [math.nan], [2.0]], "finite"),
        ([[1.0], [1.0, 2.0], [2.0]], "same cells"),
        ([], "finite numbers"),
        ([[], [], []], "finite numbers"),
    ],
)
def test_what_cannot_be_standardised_is_refused(rows: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        each_against_others(rows)
    with pytest.raises(ShapeError):
        anomaly_index([])
