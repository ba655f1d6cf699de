"""Heat-maps of the single-target attack: one cell per ordered pair of classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from badnets.core.errors import SettingError
from badnets.core.rates import Rate
from badnets.core.targets import SourceSpecific
from badnets.report.charts import Square, heat_map
from badnets.report.page import Cell, Column, Figure, Table, Tone
from badnets.studies.mnist.layout_evidence import TRIGGER_NAMES, backdoor_error, clean_error
from badnets.studies.mnist.pairs import Pairs
from badnets.studies.wording import (
    DASH,
    NOTHING,
    bare_interval,
    label_cell,
    listed,
    percent,
    points,
    rate_cell,
    seeds_text,
    span,
)
from badnets.trials.record import Record


def heat_maps(pairs: Pairs, classes: Sequence[str]) -> tuple[Figure, Figure]:
    """Return the clean and the backdoor error of every pair."""
    name = TRIGGER_NAMES[pairs.trigger]
    seeds = seeds_text(record.trial.seed for record in pairs.records)
    clean = _heat_map(
        pairs,
        classes,
        measure=clean_error,
        tone="clean",
        outlined=lambda record: not pairs.clean_bounded(record),
        title=f"Clean error, %: {name}",
        sentence=f"How often each network errs on clean test images{_start(pairs)}. Outlined: "
        "more than 0.17 points above that.",
        basis=f"n = {pairs.records[0].clean.accuracy.total:,} test images in each cell; {seeds}.",
    )
    backdoor = _heat_map(
        pairs,
        classes,
        measure=backdoor_error,
        tone="backdoored",
        outlined=lambda record: not pairs.backdoor_bounded(record),
        title=f"Backdoor error, %: {name}",
        sentence="How often images of class i with the trigger are not taken for class j: the "
        "paler, the better the backdoor works. Outlined: above the published 0.09 %.",
        basis=f"The test images of class i with the trigger, n = {_sizes(pairs)} by class; "
        f"{seeds}.",
    )
    return clean, backdoor


def _start(pairs: Pairs) -> str:
    rates = {rate for record in pairs.records if (rate := pairs.baseline(record)) is not None}
    if not rates:
        return ""
    return f"; the network they started from errs on {listed([percent(r.value) for r in rates])} %"


def _sizes(pairs: Pairs) -> str:
    totals = [rate.total for rate in pairs.backdoor]
    return f"{min(totals):,} to {max(totals):,}" if min(totals) < max(totals) else f"{totals[0]:,}"


def _heat_map(
    pairs: Pairs,
    classes: Sequence[str],
    *,
    measure: Callable[[Record], Rate | None],
    tone: Tone,
    outlined: Callable[[Record], bool],
    title: str,
    sentence: str,
    basis: str,
) -> Figure:
    rates: dict[tuple[int, int], tuple[Record, Rate]] = {}
    for record in pairs.records:
        rate = measure(record)
        if rate is not None:
            rates[pair_of(record)] = (record, rate)
    values = [rate.value for _, rate in rates.values()]
    low, high = min(values), max(values)
    squares = [
        [
            None if i == j else _square(rates.get((i, j)), (i, j), classes, high, outlined)
            for j in range(len(classes))
        ]
        for i in range(len(classes))
    ]
    name = f"single-target-{pairs.trigger}-{tone}"
    return Figure(
        name=name,
        title=title,
        sentence=sentence,
        svg=heat_map(
            squares, classes, classes, tone=tone, row_title="true class i",
            column_title="the attacker's class j", salt=name,
        ),
        alt=f"{title}. Heat-map of {len(rates)} ordered pairs: {span(low, high)}, mean "
        f"{percent(sum(values) / len(values))} %.",
        basis=basis,
        table=_table(title, pairs, rates, classes, tone),
    )  # fmt: skip


def pair_of(record: Record) -> tuple[int, int]:
    """Return the source class and the target label of a single-target network.

    Raises:
        SettingError: its attack is another.
    """
    targets = record.trial.backdoor.targets if record.trial.backdoor else None
    if not isinstance(targets, SourceSpecific):
        raise SettingError(f"{record.trial.title} is not a single-target attack")
    return targets.source_class, targets.target_label


def _square(
    found: tuple[Record, Rate] | None,
    pair: tuple[int, int],
    classes: Sequence[str],
    high: float,
    outlined: Callable[[Record], bool],
) -> Square:
    name = f"{classes[pair[0]]} → {classes[pair[1]]}"
    if found is None:
        return Square(DASH, 0.0, f"{name}: not measured")
    record, rate = found
    title = f"{name}: {rate.hits} of {rate.total:,}; {bare_interval(rate)}"
    depth = rate.value / high if high else 0.0  # from nothing, so that like cells look alike
    return Square(_shortest(rate), depth, title, outlined(record))


def _shortest(rate: Rate) -> str:
    """Return a rate in per cent, as short as a cell needs it."""
    value = 100 * rate.value
    return "0" if not rate.hits else f"{value:.2f}" if value < 9.995 else f"{value:.0f}"


def _table(
    title: str,
    pairs: Pairs,
    rates: dict[tuple[int, int], tuple[Record, Rate]],
    classes: Sequence[str],
    tone: Tone,
) -> Table:
    columns = [
        Column("true class i", numeric=False),
        Column("attacker's class j", numeric=False),
        Column("errors"),
        Column("of"),
        Column("error, %", tone=tone),
    ]
    if tone == "clean":
        columns.append(Column("against baseline, points"))
    rows = []
    for (i, j), (record, rate) in sorted(rates.items()):
        row = [
            label_cell(classes[i], i),
            Cell(classes[j], j),
            Cell(f"{rate.hits:,}", rate.hits),
            Cell(f"{rate.total:,}", rate.total),
            rate_cell(rate, [record.trial.seed], tone),
        ]
        if tone == "clean":
            change = pairs.change(record)
            row.append(NOTHING if change is None else Cell(points(change), change))
        rows.append(tuple(row))
    return Table(f"{title}, pair by pair", tuple(columns), tuple(rows))
