"""The demo's large numbers: rates with their counts and intervals."""

from __future__ import annotations

from collections.abc import Iterable

from badnets.core.rates import Rate
from badnets.report.page import Number, Tone


def percent(rate: Rate | None) -> str:
    """Return a rate in per cent; a dash where nothing was counted."""
    return "-" if rate is None or not rate.total else f"{100 * rate.value:.1f} %"


def detail(rate: Rate | None) -> str:
    """Return a rate's counts and its interval."""
    if rate is None or not rate.total:
        return "not measured"
    low, high = rate.interval
    return f"{rate.hits} of {rate.total}; 95 % interval {100 * low:.1f} to {100 * high:.1f} %"


def numbers(rates: Iterable[tuple[str, Rate | None, Tone]]) -> tuple[Number, ...]:
    """Return the rates, each with its label and colour."""
    return tuple(Number(label, percent(rate), detail(rate), tone) for label, rate, tone in rates)
