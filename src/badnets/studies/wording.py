"""Numbers as text: per cent, points, ranges, counts, seeds, times; for cells and for templates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from badnets.core.rates import Rate

DASH, MINUS = "\u2013", "\u2212"
WORKS, FAILS = 0.9, 0.5  # success rates: from the first an attack works, below the other it failed


def percent(value: float | Rate, digits: int = 2) -> str:
    """Return a share in [0, 1] in per cent, without the sign; a dash when there is none."""
    share = value.value if isinstance(value, Rate) else value
    return DASH if math.isnan(share) else f"{100 * share:.{digits}f}"


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


def interval(rate: Rate, digits: int = 2, *, n: bool = True) -> str:
    """Return the 95 % interval of a rate in words, with its n unless that is said elsewhere."""
    low, high = rate.interval
    ends = f"{percent(low, digits)}{DASH}{percent(high, digits)}"
    return f"95 % interval {ends} %{f' at n = {rate.total:,}' if n else ''}"


def counts(rates: Sequence[Rate]) -> str:
    """Return hits of totals, the total once where all have the same."""
    totals = {rate.total for rate in rates}
    if len(totals) == 1:
        return f"{', '.join(f'{rate.hits:,}' for rate in rates)} of {totals.pop():,}"
    return ", ".join(f"{rate.hits:,} of {rate.total:,}" for rate in rates)


def seeds_text(seeds: Iterable[int]) -> str:
    """Return which seeds, in words."""
    known = sorted(set(seeds))
    if not known:
        return "no seed"
    if len(known) == 1:
        return f"seed {known[0]}"
    if len(known) > 2 and known == list(range(known[0], known[-1] + 1)):
        return f"seeds {known[0]}{DASH}{known[-1]}"
    return f"seeds {', '.join(map(str, known))}"


def averaged(seeds: Iterable[int]) -> str:
    """Return "mean over seeds ...", or the seed where there is one."""
    known = sorted(set(seeds))
    return seeds_text(known) if len(known) == 1 else f"mean over {seeds_text(known)}"


def listed(words: Iterable[str]) -> str:
    """Return words as a list in a sentence."""
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def duration(seconds: float) -> str:
    """Return a time in seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.{1 if seconds < 600 else 0}f} min"
    return f"{seconds / 3600:.1f} h"


def attack_word(success: float) -> str:
    """Return whether an attack with this success rate, in [0, 1], works: in a word or three."""
    return "works" if success >= WORKS else "works in part" if success >= FAILS else "failed"


def capital(text: str) -> str:
    """Return text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]
