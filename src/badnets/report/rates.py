"""A measured rate on a page: in per cent, and what it rests on."""

from __future__ import annotations

from badnets.core.results import Measured
from badnets.report.page import Cell, Number, Tone


def percent(rate: Measured) -> str:
    """Return a rate in per cent."""
    return f"{100 * rate.value:.1f} %" if rate.total else "-"


def basis(rate: Measured) -> str:
    """Return its counts and its interval in words."""
    low, high = 100 * rate.low, 100 * rate.high
    return f"{rate.hits} of {rate.total}; 95 % interval {low:.1f} to {high:.1f} %"


def rate_number(label: str, rate: Measured, tone: Tone) -> Number:
    """Return it as one of the few numbers that matter most."""
    return Number(label, percent(rate), basis(rate), tone)


def rate_cell(rate: Measured, tone: Tone) -> Cell:
    """Return it as a place in a table."""
    return Cell(percent(rate), rate.value, basis(rate), tone)
