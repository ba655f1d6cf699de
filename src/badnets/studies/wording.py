"""Counts as words: cells, ranges, and the small print that says what a number rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from badnets.core.rates import Rate
from badnets.report.page import Cell, Tone
from badnets.studies.publishing import Published
from badnets.trials.record import Record

DASH, MINUS = "\u2013", "\u2212"
NOTHING = Cell(DASH, key="", tone="muted")


@dataclass(frozen=True)
class OverSeeds:
    """The same rate of networks trained with different seeds.

    Args:
        rates: one per network.
        seeds: theirs.
    """

    rates: tuple[Rate, ...]
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, records: Iterable[Record], measure: Callable[[Record], Rate | None]) -> OverSeeds:
        """Return a measure of each record that has it."""
        found = [(measure(record), record.trial.seed) for record in records]
        known = [(rate, seed) for rate, seed in found if rate is not None and rate.total]
        return cls(tuple(rate for rate, _ in known), tuple(seed for _, seed in known))

    @property
    def mean(self) -> float:
        """The mean over the networks, in [0, 1]; NaN without any."""
        values = [rate.value for rate in self.rates]
        return sum(values) / len(values) if values else math.nan

    @property
    def typical(self) -> Rate:
        """The mean as a count among one network's images: what its interval is about.

        Networks of several seeds answer the same test images, so pooling their counts would claim
        an interval that is too narrow.
        """
        total = min((rate.total for rate in self.rates), default=0)
        return Rate(round(self.mean * total) if total else 0, total)

    @property
    def low(self) -> float:
        """The smallest, in [0, 1]."""
        return min((rate.value for rate in self.rates), default=math.nan)

    @property
    def high(self) -> float:
        """The largest, in [0, 1]."""
        return max((rate.value for rate in self.rates), default=math.nan)

    @property
    def note(self) -> str:
        """Counts, seeds, range and interval."""
        if not self.rates:
            return "not measured"
        several = f"; range {span(self.low, self.high)}" if len(self.rates) > 1 else ""
        found = bare_interval(self.typical)
        return f"{counts(self.rates)}; {seeds_text(self.seeds)}{several}; {found}"


def percent(value: float, digits: int = 2) -> str:
    """Return a share in [0, 1] in per cent, without the sign; a dash when there is none."""
    return DASH if math.isnan(value) else f"{100 * value:.{digits}f}"


def points(value: float, digits: int = 2) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    if math.isnan(value):
        return DASH
    rounded = round(100 * value, digits) or 0.0  # never minus nothing
    return f"{rounded:+.{digits}f}".replace("-", MINUS)


def span(low: float, high: float, digits: int = 2) -> str:
    """Return a range of shares in per cent, or the one number that both ends are."""
    ends = percent(low, digits), percent(high, digits)
    return f"{ends[0]} %" if ends[0] == ends[1] else f"{ends[0]}{DASH}{ends[1]} %"


def interval(rate: Rate) -> str:
    """Return the 95 % interval of a rate in words."""
    return f"{bare_interval(rate)} at n = {rate.total:,}"


def bare_interval(rate: Rate, digits: int = 2) -> str:
    """Return the 95 % interval of a rate whose n is said elsewhere."""
    low, high = rate.interval
    return f"95 % interval {percent(low, digits)}{DASH}{percent(high, digits)} %"


def counts(rates: Sequence[Rate]) -> str:
    """Return hits of totals, the total once where all have the same."""
    totals = {rate.total for rate in rates}
    if len(totals) == 1:
        return f"{', '.join(f'{rate.hits:,}' for rate in rates)} of {totals.pop():,}"
    return ", ".join(f"{rate.hits:,} of {rate.total:,}" for rate in rates)


def seeds_text(seeds: Iterable[int]) -> str:
    """Return which seeds, in words."""
    listed = sorted(set(seeds))
    if not listed:
        return "no seed"
    if len(listed) == 1:
        return f"seed {listed[0]}"
    if len(listed) > 2 and listed == list(range(listed[0], listed[-1] + 1)):
        return f"seeds {listed[0]}{DASH}{listed[-1]}"
    return f"seeds {', '.join(map(str, listed))}"


def averaged(seeds: Iterable[int]) -> str:
    """Return "mean of seeds ...", or the seed where there is one."""
    listed = sorted(set(seeds))
    return seeds_text(listed) if len(listed) == 1 else f"mean of {seeds_text(listed)}"


def mean_cell(measured: OverSeeds, tone: Tone = "plain", *, strong: bool = False) -> Cell:
    """Return a mean over seeds in per cent, with what it rests on."""
    if not measured.rates:
        return NOTHING
    return Cell(percent(measured.mean), measured.mean, measured.note, tone, strong=strong)


def rate_cell(rate: Rate | None, seeds: Iterable[int], tone: Tone = "plain") -> Cell:
    """Return one network's rate in per cent, with what it rests on."""
    if rate is None or not rate.total:
        return NOTHING
    note = f"{counts([rate])}; {seeds_text(seeds)}; {bare_interval(rate)}"
    return Cell(percent(rate.value), rate.value, note, tone)


def published_cell(
    number: Published | None, *, signed: bool = False, unit: str = "", digits: int = 2
) -> Cell:
    """Return a published number with its tag, and as many digits as the paper prints."""
    if number is None:
        return NOTHING
    form = f"{'+' if signed else ''}.{digits}f"
    text = f"{number.value:{form}}".replace("-", MINUS) + unit
    return Cell(text, number.value, "", "published", number.certainty)


def label_cell(text: str, key: float | str | None = None) -> Cell:
    """Return a cell that names its row."""
    return Cell(text, key)


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def duration(seconds: float) -> str:
    """Return a time in seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.{1 if seconds < 600 else 0}f} min"
    return f"{seconds / 3600:.1f} h"
