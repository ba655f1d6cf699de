"""Records as a table that people read: what tells them apart, and means over seeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from badnets.core.rates import Rate, typical
from badnets.ledger.columns import Value
from badnets.trials.differences import (
    USUAL,
    flattened,
    headings_of,
    setting_text,
    settings_that_differ,
    stored_that_differ,
)

_RATES = {"clean": "clean accuracy", "success": "attack success", "control": "clean network"}
_values = itemgetter(
    *("name", "title", "outcome", "family", "summary"),
    *(f"{name}_{part}" for name in (*_RATES, "poisoned") for part in ("hits", "total")),
)
MEANS = "mean over seeds (smallest to largest) [95 % interval on one network's examples]"
HEADINGS = ("name", "trial", "outcome", *_RATES.values(), "poisoned")


class Listing(NamedTuple):
    """Headings with lines of cells, one for each record, and one for each set of seeds."""

    records: tuple[list[str], list[list[Any]]]
    means: tuple[list[str], list[list[Any]]]


class _Line(NamedTuple):
    """What is kept of a row."""

    name: str
    title: str
    outcome: str
    rates: tuple[Rate | None, ...]
    poisoned: Rate | None
    family: str
    summary: str


def listing(
    rows: Iterable[Mapping[Any, Value]], trials: Mapping[str, Mapping[str, Any]] | None = None
) -> Listing:
    """Return records as lines, in their order, with the settings in which they differ as columns.

    Args:
        rows: what the ledger's columns say of each.
        trials: all settings of each by name, where the records belong to one sweep: what differs
            within it is shown. None: what differs between those with the same title.
    """
    lines = [_line(row) for row in rows]
    if trials is None:
        differing = _between_namesakes(lines)
    else:
        swept = settings_that_differ([trials[line.name] for line in lines])
        differing = {path: dict(enumerate(values)) for path, values in swept.items()}
    cells = [
        [
            *(line.name, line.title, line.outcome),
            *(setting_text(values.get(place)) for values in differing.values()),
            *_told(line),
            f"{100 * line.poisoned.value:.2f} %" if line.poisoned else None,
        ]
        for place, line in enumerate(lines)
    ]
    headings = [*HEADINGS[:3], *headings_of(differing), *HEADINGS[3:]]
    return Listing((headings, cells), _means(lines, differing))


def _between_namesakes(lines: Sequence[_Line]) -> dict[str, dict[int, Any]]:
    places: dict[str, list[int]] = {}
    for place, line in enumerate(lines):
        places.setdefault(line.title, []).append(place)
    namesakes = [same for same in places.values() if len(same) > 1]
    if not namesakes:
        return {}
    trials = [json.loads(line.summary).get("trial", {}) for line in lines]
    differing: dict[str, None] = {}
    for same in namesakes:
        differing |= dict.fromkeys(stored_that_differ([trials[place] for place in same]))
    flat = [dict(flattened(trial)) for trial in trials]
    return {
        path: {place: each.get(path, USUAL) for place, each in enumerate(flat)}
        for path in differing
    }


def _line(row: Mapping[Any, Value]) -> _Line:
    name, title, outcome, family, summary, *counts = _values(row)
    pairs = zip(counts[::2], counts[1::2], strict=True)
    *rates, poisoned = [Rate(hits, total) if total else None for hits, total in pairs]
    return _Line(name, title, outcome, tuple(rates), poisoned, family, summary)


def _told(line: _Line) -> tuple[Rate | None, ...]:
    """Return the rates that are said of a network: one that has learned nothing attacks nothing."""
    if line.outcome == "collapsed":
        return (line.rates[0], *[None] * (len(line.rates) - 1))
    return line.rates


def _means(
    lines: Sequence[_Line], differing: Mapping[str, Mapping[int, Any]]
) -> tuple[list[str], list[list[Any]]]:
    families: dict[str, list[int]] = {}
    for place, line in enumerate(lines):
        families.setdefault(line.family, []).append(place)
    cells = []
    for places in families.values():
        group = [lines[place] for place in places]
        learned = [line.rates for line in group if line.outcome != "collapsed"]
        if len(group) < 2 or not group[0].family:
            continue
        fallen = len(group) - len(learned)
        seeds = f"{len(group)}, {fallen} collapsed and left out" if fallen else str(len(group))
        columns = zip(*learned, strict=True) if learned else [()] * len(_RATES)
        boxes = '"frames":' in group[0].summary
        means = [_mean([rate for rate in one if rate], clustered=boxes) for one in columns]
        swept = [setting_text(values.get(places[0])) for values in differing.values()]
        cells.append([group[0].title.rpartition(", seed ")[0], seeds, *swept, *means])
    headings = [MEANS, "seeds", *headings_of(differing)]
    return [*headings, *_RATES.values()], cells


def _mean(rates: Sequence[Rate], *, clustered: bool) -> str | None:
    """Return a mean, its seeds and interval; objects come in scenes, unknown to columns."""
    if not rates:
        return None
    shares = [100 * rate.value for rate in rates]
    mean = f"{sum(shares) / len(shares):.2f} % ({min(shares):.2f} to {max(shares):.2f})"
    low, high = typical(rates).interval
    return mean if clustered else f"{mean} [{100 * low:.2f}, {100 * high:.2f}]"
