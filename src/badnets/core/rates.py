"""Proportions that carry their counts, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic_core import core_schema

Z_95 = 1.959963984540054  # the normal quantile that leaves 2.5 % above it


class Interval(NamedTuple):
    """A range in [0, 1] or in percentage points, lower end first."""

    low: float
    high: float


class Rate(NamedTuple):
    """A proportion with its sample size; a bare float hides how little it rests on.

    Args:
        hits: how many of the counted ones, ``0 <= hits <= total``.
        total: how many were counted.
    """

    hits: int
    total: int

    @property
    def value(self) -> float:
        """The proportion in [0, 1]; NaN when nothing was counted."""
        return self.hits / self.total if self.total else math.nan

    @property
    def complement(self) -> Rate:
        """The rate of the others: an error rate from an accuracy."""
        return Rate(self.total - self.hits, self.total)

    @property
    def interval(self) -> Interval:
        """The 95 % Wilson score interval; the whole of [0, 1] when nothing was counted.

        References:
            Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
        """
        if not self.total:
            return Interval(0.0, 1.0)
        share, n, z2 = self.hits / self.total, self.total, Z_95**2
        centre = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        # The formula gives exactly 0 without hits and 1 without misses, but for rounding.
        low = max(0.0, centre - half) if self.hits else 0.0
        return Interval(low, min(1.0, centre + half) if self.hits < self.total else 1.0)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Return what holds of a rate that is read: a part cannot be more than all."""
        return core_schema.no_info_after_validator_function(_counted, handler(source))

    def __str__(self) -> str:
        hits, total = self
        return f"{100 * (hits / total):.2f} % ({hits}/{total})" if total else "none counted"


def _counted(rate: Rate) -> Rate:
    if not 0 <= rate.hits <= rate.total:
        raise ValueError(f"cannot count {rate.hits} of {rate.total}")
    return rate


def typical(rates: Iterable[Rate]) -> Rate:
    """Return the mean over networks as a count among one network's examples.

    Networks of several seeds answer the same examples: an interval of the mean is about those of
    one network, and pooled counts would claim one that is too narrow.
    """
    counted = [(hits / total, total) for hits, total in rates if total]
    if not counted:
        return Rate(0, 0)
    least = min(total for _, total in counted)
    return Rate(round(sum(share for share, _ in counted) / len(counted) * least), least)


def pooled(rates: Iterable[Rate]) -> Rate:
    """Return the rate over all counted ones together."""
    kept = list(rates)
    return Rate(sum(rate.hits for rate in kept), sum(rate.total for rate in kept))
