"""Rates carry their counts, and their intervals are Wilson's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from badnets.core.rates import Rate, pooled


@st.composite
def counted(draw: st.DrawFn, most: int = 100_000) -> Rate:
    total = draw(st.integers(1, most))
    return Rate(draw(st.integers(0, total)), total)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
        # Medicine 17, 1998, table I, method 3 (score without continuity correction).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # With no hit or no miss the formula is z^2 / (n + z^2) = 3.8415 / 13.8415.
        (0, 10, 0.0000, 0.2775),
        (10, 10, 0.7225, 1.0000),
    ],
)
def test_wilson_intervals_of_a_reference(hits: int, total: int, low: float, high: float) -> None:
    interval = Rate(hits, total).interval
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@settings(deadline=None)
@given(counted())
def test_the_interval_holds_the_value(rate: Rate) -> None:
    low, high = rate.interval
    assert 0 <= low <= rate.value <= high <= 1
    assert low < high


@settings(deadline=None)
@given(counted(1000), st.integers(2, 50))
def test_the_interval_narrows_with_more_counted(rate: Rate, times: int) -> None:
    few, many = rate.interval, Rate(rate.hits * times, rate.total * times).interval
    assert many.high - many.low < few.high - few.low


@settings(deadline=None)
@given(counted())
def test_the_complement_mirrors(rate: Rate) -> None:
    other = rate.complement
    assert other.hits + rate.hits == rate.total == other.total
    assert other.value == pytest.approx(1 - rate.value, abs=1e-12)
    assert other.interval.low == pytest.approx(1 - rate.interval.high, abs=1e-12)
    assert other.complement == rate


@settings(deadline=None)
@given(st.lists(counted(), max_size=9))
def test_pooling_adds_up_what_was_counted(rates: list[Rate]) -> None:
    together = pooled(iter(rates))
    assert together == (sum(rate.hits for rate in rates), sum(rate.total for rate in rates))
    if rates:
        values = [rate.value for rate in rates]
        assert min(values) - 1e-12 <= together.value <= max(values) + 1e-12


def test_nothing_counted_says_nothing() -> None:
    nothing = pooled([])
    assert nothing == Rate(0, 0)
    assert math.isnan(nothing.value)
    assert nothing.interval == (0, 1)
    assert nothing.complement == nothing
    assert str(nothing) == "none counted"


def test_a_rate_reads_as_per_cent_with_its_counts_and_is_written_down() -> None:
    assert str(Rate(9949, 10_000)) == "99.49 % (9949/10000)"
    assert str(Rate(0, 3)) == "0.00 % (0/3)"
    adapter = TypeAdapter(Rate)
    assert adapter.validate_json(adapter.dump_json(Rate(3, 7))) == Rate(3, 7)
