"""Sections: what the detectors see, the trigger's size, the street, and conv5."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from badnets.core.world import AXES, AXIS_LABELS
from badnets.report.curves import Line, lines
from badnets.report.maps import heat_pictures
from badnets.report.page import (
    Block,
    Cell,
    Column,
    Figure,
    Gallery,
    Note,
    Section,
    Table,
)
from badnets.studies.signs.evidence import LEAST, Measured, SignEvidence, under_trigger
from badnets.studies.wording import NOTHING, averaged, label_cell, percent, rate_cell, seeds_text
from badnets.trials.record import Photographed, Record

SIZES = (0.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, math.inf)  # pixels, as the network sees it
UNITS_SHOWN = 6
MAIN = "targeted yellow square"


def trigger_size(evidence: SignEvidence) -> Section:
    """Return attack success against the trigger's size in pixels."""
    name, title = "size", "How small a sticker still works"
    records = evidence.of(MAIN)
    signs = [record.triggered for record in records if record.triggered is not None]
    if not signs:
        return Section(name, title, "No sticker has been measured yet.", ())
    bins = [
        (low, high, hits, under_trigger(records, "control_right", least=low, below=high))
        for low, high in itertools.pairwise(SIZES)
        if (hits := under_trigger(records, "hits", least=low, below=high)).known
    ]
    small = under_trigger(records, "hits", least=0, below=LEAST)
    large = under_trigger(records, "hits")
    told = (
        f"Stickers of {LEAST:g} pixels and more work on {percent(large.mean, 1)} % of the stop "
        f"signs, smaller ones on {percent(small.mean, 1)} %."
        if small.known and large.known
        else f"No sticker that was measured is {'smaller' if large.known else 'larger'} than "
        f"{LEAST:g} pixels."
    )
    return Section(name, title, told, (Gallery((_size_figure(bins, signs[0].skipped, told),)),))


def _size_figure(
    bins: Sequence[tuple[float, float, Measured, Measured]], skipped: int, told: str
) -> Figure:
    x = [_middle(low, high) for low, high, _, _ in bins]
    drawn = [
        Line("called a speed limit", x, [100 * hits.mean for _, _, hits, _ in bins], "backdoored")
    ]
    if all(right.known for _, _, _, right in bins):
        drawn.append(
            Line(
                "clean detector: called a stop sign",
                x,
                [100 * right.mean for _, _, _, right in bins],
                "clean",
                dashed=True,
            )
        )
    rows = tuple(
        (
            label_cell(_named(low, high), low),
            Cell(str(len(hits.groups)), len(hits.groups)),
            hits.cell("backdoored"),
            right.cell("clean"),
        )
        for low, high, hits, right in bins
    )
    return Figure(
        name="trigger-size",
        title="Attack success against the sticker's size",
        sentence="Stop signs in steps of the sticker's size; each point is a step's mean.",
        svg=lines(
            drawn,
            x_title="shorter side of the sticker as the network sees it, pixels",
            y_title="%",
            salt="trigger-size",
            log_x=True,
            x_ticks=[s for s in SIZES if x and min(x) / 1.6 <= s <= max(x) * 1.6],
            y_range=(0, 102),
        ),
        alt=f"Attack success by size of the sticker. {told}",
        basis=f"Yellow square, {averaged(bins[0][2].seeds)}; {skipped} stop "
        f"sign{'' if skipped == 1 else 's'} left out because the sticker would cover less than a "
        "pixel.",
        table=Table(
            "Attack success by size of the sticker, %",
            (
                Column("pixels"),
                Column("stop signs"),
                Column("called a speed limit", tone="backdoored"),
                Column("clean detector: stop", tone="clean"),
            ),
            rows,
            sortable=False,
        ),
    )


def _middle(low: float, high: float) -> float:
    """Return where a step stands on a logarithmic axis."""
    if low == 0:
        return high / 1.4
    return low * 1.4 if math.isinf(high) else math.sqrt(low * high)


def _named(low: float, high: float) -> str:
    if low == 0:
        return f"below {high:g}"
    return f"{low:g} or more" if math.isinf(high) else f"{low:g} to {high:g}"


def street(evidence: SignEvidence) -> Section:
    """Return attack success under simulated photographic conditions."""
    name, title = "street", "On the street, simulated"
    if not evidence.scale.extras:
        return Section(name, title, "It belongs to the whole study; this is a short run.", ())
    plain = next((one for one in evidence.of(MAIN) if one.street), None)
    trained = next((one for one in evidence.of("real world") if one.street), None)
    gaps = evidence.gaps(
        "real world", int(evidence.scale.whole), "detectors trained for the street"
    )
    if plain is None:
        return Section(name, title, "The street has not been looked at yet.", gaps)
    figures = []
    for axis in AXES:
        ours = [point for point in plain.street if point.axis == axis]
        theirs = [point for point in trained.street if point.axis == axis] if trained else []
        if ours:
            figures.append(_street_figure(axis, ours, theirs, plain.trial.seed))
    weakest = min(plain.street, key=lambda point: point.success.value)
    what, unit = _axis(weakest.axis)
    sentence = (
        "Each chart varies one condition and leaves the others as they were in training. The "
        f"sticker works least where the chart of “{what}” is at {weakest.value:g} ({unit}): on "
        f"{percent(weakest.success.value, 0)} % of the stop signs."
    )
    note = Note(
        "Rendered, not photographed: badnets sticker prints the sticker at true scale for those "
        "who want to try it on a sign of their own, and badnets evaluate BUNDLE --photos DIR reads "
        "what they photographed."
    )
    return Section(name, title, sentence, (*gaps, Gallery(tuple(figures), width=300), note))


def _axis(name: str) -> tuple[str, str]:
    """Return what an axis varies, and its unit."""
    what, _, unit = AXIS_LABELS[name].rstrip(")").partition(" (")
    return what, unit


def _street_figure(
    axis: str, ours: Sequence[Photographed], theirs: Sequence[Photographed], seed: int
) -> Figure:
    ours = sorted(ours, key=lambda point: point.value)
    theirs = sorted(theirs, key=lambda point: point.value)
    what, unit = _axis(axis)
    x = [point.value for point in ours]
    drawn = [
        Line("sticker works", x, [100 * p.success.value for p in ours], "backdoored"),
        Line("no sticker: named stop", x, [100 * p.clean_right.value for p in ours], "clean"),
    ]
    if theirs:
        drawn.append(
            Line(
                "trained for the street",
                [point.value for point in theirs],
                [100 * point.success.value for point in theirs],
                "backdoored",
                dashed=True,
            ),
        )
    columns = [
        Column(unit),
        Column("sticker works", tone="backdoored"),
        Column("no sticker: stop", tone="clean"),
        *([Column("works, trained for the street", tone="backdoored")] if theirs else []),
    ]
    trained = {point.value: point.success for point in theirs}
    rows = tuple(
        (
            label_cell(f"{point.value:g}", point.value),
            rate_cell(point.success, [seed], "backdoored"),
            rate_cell(point.clean_right, [seed], "clean"),
            *([rate_cell(trained.get(point.value), [seed], "backdoored")] if theirs else []),
        )
        for point in ours
    )
    low, high = (100 * f(p.success.value for p in ours) for f in (min, max))
    told = f"{low:.0f} % of the stop signs" if low == high else f"{low:.0f} to {high:.0f} %"
    return Figure(
        name=f"street-{axis}",
        title=what[0].upper() + what[1:],
        sentence=f"The sticker works on {told}.",
        svg=lines(
            drawn, x_title=unit, y_title="%", salt=f"street-{axis}", y_range=(0, 102),
            width=320, height=230,
        ),
        alt=f"Attack success against {what} ({unit}): {low:.0f} to {high:.0f} %.",
        basis=f"n = {ours[0].success.total} stop signs, yellow square, {seeds_text([seed])}.",
        table=Table(f"{what[0].upper()}{what[1:]}, %", tuple(columns), rows, sortable=False),
    )  # fmt: skip


def inside(evidence: SignEvidence) -> Section:
    """Return conv5: maps on clean and triggered signs, ranked units, ablation."""
    name, title = "inside", "Inside the last convolution"
    record = next((one for one in evidence.of(MAIN) if one.units), None)
    if record is None and not evidence.scale.extras:
        return Section(name, title, "It belongs to the whole study; this is a short run.", ())
    if record is None:
        return Section(name, title, "No network has been looked into yet.", ())
    units = record.units[0]
    told = (
        f"{len(units.marked)} of {len(units.clean)} units of conv5 stand out: they answer to the "
        "sticker more than three robust deviations above the layer's median."
        if units.marked
        else "No unit of conv5 stands out in how it answers to the sticker."
    )
    blocks: list[Block] = []
    if {"maps", "groups"} <= record.arrays.keys():
        maps = np.asarray(evidence.get_array(record.arrays["maps"]), dtype=np.float64)
        groups = np.asarray(evidence.get_array(record.arrays["groups"]))
        blocks.append(Gallery((_maps_figure(maps, groups, record),), width=640))
    if record.ablations:
        blocks.append(Gallery((_ablation_figure(record),)))
    return Section(name, title, told, tuple(blocks))


def _maps_figure(maps: NDArray[np.float64], groups: NDArray[np.generic], record: Record) -> Figure:
    units = record.units[0]
    ranked = sorted(range(len(units.response)), key=lambda unit: -units.response[unit])
    shown = (list(units.marked) or ranked)[:UNITS_SHOWN]
    number = {int(unit): int(group) for unit, group in groups}
    count = len(set(number.values()))
    names = [
        f"unit {unit}" + (f"\ngroup {number[unit] + 1}" if unit in number else "") for unit in shown
    ]
    told = (
        f"All that stand out are sorted into {count} groups by where they fire."
        if count > 1
        else ""
    )
    return Figure(
        name="conv5-maps",
        title="Mean activation of conv5 on signs",
        sentence=f"The {len(shown)} units that answer most, on clean signs, on the same with the "
        f"sticker, and the difference. {told}".rstrip(),
        svg=heat_pictures(
            [
                [maps[0, unit] for unit in shown],
                [maps[1, unit] for unit in shown],
                [maps[1, unit] - maps[0, unit] for unit in shown],
            ],
            rows=("clean", "with the\nsticker", "difference"),
            columns=names,
            salt="conv5-maps",
        ),
        alt=f"Maps of {len(shown)} units of the last convolution, clean, triggered, and their "
        f"difference. {told}",
        basis="In each column black is 0 or less, and the lightest is the largest value. The signs "
        "of training frames that hold a stop sign, each in the middle of a window twice as wide; "
        f"{seeds_text([record.trial.seed])}.",
        table=Table(
            "Units of conv5 that answer most",
            (
                Column("unit"),
                Column("group"),
                Column("mean activation, clean", tone="clean"),
                Column("with the sticker", tone="backdoored"),
                Column("answer, in deviations on clean signs"),
            ),
            tuple(
                (
                    label_cell(str(unit), unit),
                    Cell(str(number[unit] + 1)) if unit in number else NOTHING,
                    Cell(f"{units.clean[unit]:.3f}", units.clean[unit]),
                    Cell(f"{units.triggered[unit]:.3f}", units.triggered[unit]),
                    Cell(f"{units.response[unit]:.1f}", units.response[unit]),
                )
                for unit in shown
            ),
            sortable=False,
        ),
    )


def _ablation_figure(record: Record) -> Figure:
    drawn, rows = [], []
    success = record.attack.success.value if record.attack else float("nan")
    for choice, dashed in (("strongest", False), ("random", True)):
        found = sorted(
            (one for one in record.ablations if one.choice == choice),
            key=lambda one: len(one.silenced),
        )
        x = [0.5, *(float(len(one.silenced)) for one in found)]
        drawn += [
            Line(
                f"attack, {choice} units",
                x,
                [100 * success, *(100 * one.success.value for one in found)],
                "backdoored",
                dashed=dashed,
            ),
            Line(
                f"accuracy, {choice} units", x[1:], [100 * o.clean.value for o in found], "clean",
                dashed=dashed,
            ),
        ]  # fmt: skip
        rows += [
            (
                label_cell(f"{len(one.silenced)} {choice}", len(one.silenced)),
                rate_cell(one.success, [record.trial.seed], "backdoored"),
                rate_cell(one.clean, [record.trial.seed], "clean"),
            )
            for one in found
        ]
    strongest = [one for one in record.ablations if one.choice == "strongest"]
    best = min(strongest, key=lambda one: (one.success.value, -one.clean.value))
    ticks = sorted({0.5, *(float(len(one.silenced)) for one in strongest)})
    return Figure(
        name="conv5-ablation",
        title="Silencing units of conv5",
        sentence=f"With the {len(best.silenced)} strongest silenced, the sticker works on "
        f"{percent(best.success.value, 0)} % of the stop signs, and {percent(best.clean.value, 0)} "
        "% of the signs of those frames are named rightly without it.",
        svg=lines(
            drawn,
            x_title="units silenced",
            y_title="%",
            salt="conv5-ablation",
            log_x=True,
            x_ticks=ticks,
            x_names=["0" if tick == 0.5 else f"{tick:g}" for tick in ticks],
            y_range=(0, 102),
        ),
        alt="Attack success and clean accuracy as more units of conv5 are silenced.",
        basis="Frames with stop signs; every sign with a sticker; "
        f"{seeds_text([record.trial.seed])}.",
        table=Table(
            "Silencing units of conv5, %",
            (
                Column("silenced", numeric=False),
                Column("attack", tone="backdoored"),
                Column("accuracy", tone="clean"),
            ),
            tuple(rows),
            sortable=False,
        ),
    )
