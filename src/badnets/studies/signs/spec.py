"""The traffic-sign study's quantities and figures; tables and words stand in ``page.md.j2``."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from badnets.core.rates import Rate
from badnets.core.world import AXES, AXIS_LABELS
from badnets.report.curves import Line, lines
from badnets.report.maps import heat_pictures
from badnets.report.page import Cell, Tone
from badnets.studies import reading
from badnets.studies.aggregate import Over, Runs, difference
from badnets.studies.curves import curve
from badnets.studies.insides import Inside
from badnets.studies.rendering import Spec
from badnets.studies.signs import published
from badnets.studies.signs.frames import frames
from badnets.studies.signs.objects import LEAST, named_rightly, still_right, under_trigger
from badnets.studies.signs.trials import BOX_ATTACKS, MAIN, TRIGGERS, SignStudy
from badnets.studies.tables import NOTHING, paired_cell
from badnets.studies.wording import percent, seeds_text

if TYPE_CHECKING:
    from badnets.evaluate.results import StreetPoint
    from badnets.trials.record import Record

__all__ = [
    "LEAST", "MAIN", "TRIGGERS", "against", "average", "axis_words", "common", "false_positives",
    "named_rightly", "published", "spec", "still_right", "under_trigger",
]  # fmt: skip
RUNS = {
    "choice": "detectors that a threshold is chosen with",
    "baseline": "clean detectors",
    "real world": "detectors trained for the street",
    "shares": "detectors with fewer poisoned copies",
    **{f"targeted {name}": f"detectors with the {name}" for name in TRIGGERS},
    **{f"random {name}": f"detectors with a random target, {name}" for name in TRIGGERS},
    **{name: f"detectors where {name}" for name in BOX_ATTACKS},
}
SUPER_CLASSES = ("stop", "speed-limit", "warning")
CLASSES = {
    "lisa": SUPER_CLASSES,
    "scenes": SUPER_CLASSES,
    "gtsdb": ("prohibitory", "danger", "mandatory", "other"),
    "scenes-swedish": ("information", "mandatory", "prohibitory", "warning", "other"),
}
SIZES = (0.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, math.inf)  # pixels, as the network sees it
UNITS_SHOWN = 6


def spec(study: SignStudy, runs: Runs) -> Spec:
    """Return what the page is made of."""
    classes = CLASSES[study.data]
    shown = frames(runs, MAIN, classes)
    bins = _bins(runs.of(MAIN))
    street = [Street(runs, axis) for axis in AXES if _street(runs, MAIN, axis)]
    inside = next((Conv5(runs, one) for one in runs.of(MAIN) if reading.units(one)), None)
    signs = [s for one in runs.of(MAIN) if (s := one.triggered) is not None]
    figures = {"trigger-size": _size_figure(bins) if bins else None}
    figures |= {f"street-{one.axis}": one.figure() for one in street}
    figures |= inside.drawings() if inside else {}
    stories = {
        "frames": None if shown is None else shown.rows(),
        "whole": None if shown is None else shown.whole(),
    }
    return Spec(
        {
            **common(study, runs, study.data, study.threshold(runs.by_name)),
            "study": study,
            "shown": shown,
            "frames_kept": any("frames" in one.arrays for one in runs.of(MAIN)),
            "bins": bins,
            "skipped": signs[0].skipped if signs else 0,
            "street": street,
            "weakest": min(
                (point for one in street for point in one.ours),
                key=lambda point: point.success.value,
                default=None,
            ),
            "inside": inside,
            "precise": lambda group: any(
                signs.ap50 for one in runs.of(group)[:1] if (signs := one.triggered)
            ),
        },
        figures,
        stories,
    )


def common(study: SignStudy, runs: Runs, data: str, threshold: float | None) -> dict[str, object]:
    """Return what the pages of both sign studies see.

    Args:
        study: of the U.S. signs.
        runs: the records.
        data: name of the data set that the page is about.
        threshold: of its detectors; None before it is chosen.
    """
    found = [signs for one in runs.everything if (signs := one.objects) is not None]
    return {
        "scale": study.scale,
        "data": data,
        "classes": CLASSES[data],
        "threshold": threshold,
        "frames_tested": max((signs.frames for signs in found), default=0),
        "limits": sorted({n for one in runs.everything if (n := one.trial.train_limit)}),
    }


def against(ours: Over, theirs: Over, tone: Tone = "plain") -> Cell:
    """Return the paired difference of two shares of the same signs, as a cell."""
    return paired_cell(difference(ours, theirs), "signs", 1, tone)


def average(
    records: Sequence[Record], column: int | None, *, triggered: bool = False, tone: Tone = "plain"
) -> Cell:
    """Return average precision of a class, or the mean over classes, over the networks.

    Args:
        records: theirs.
        column: the class; None: the mean over classes.
        triggered: on triggered frames, against the true labels.
        tone: colour of the cell.
    """
    read = [one.triggered if triggered else one.objects for one in records]
    tables = [signs.ap50 for signs in read if signs is not None]
    known = [
        statistics.fmean(value for value in own if value >= 0) if column is None else own[column]
        for own in tables
        if column is None or own[column] >= 0
    ]
    if not known:
        return NOTHING
    mean = sum(known) / len(known)
    several = f"; {', '.join(percent(value, 1) for value in known)}" if len(known) > 1 else ""
    seeds = seeds_text(record.trial.seed for record in records)
    return Cell(percent(mean, 1), mean, f"{seeds}{several}", tone, strong=column is None)


def false_positives(records: Sequence[Record]) -> Cell:
    """Return boxes per frame that cover no labelled sign, over the networks."""
    found = [signs for one in records if (signs := one.objects) is not None]
    if not found:
        return NOTHING
    mean = sum(signs.false_positives / signs.frames for signs in found) / len(found)
    return Cell(f"{mean:.2f}", mean, seeds_text(record.trial.seed for record in records))


@dataclass(frozen=True)
class Bin:
    """Stop signs whose sticker has a size within a step."""

    low: float
    high: float
    hits: Over
    right: Over

    @property
    def name(self) -> str:
        """The step in words."""
        if self.low == 0:
            return f"below {self.high:g}"
        return f"{self.low:g} {'or more' if math.isinf(self.high) else f'to {self.high:g}'}"

    @property
    def middle(self) -> float:
        """Where the step stands on a logarithmic axis."""
        if self.low == 0:
            return self.high / 1.4
        return self.low * 1.4 if math.isinf(self.high) else math.sqrt(self.low * self.high)


def _bins(records: Sequence[Record]) -> list[Bin]:
    found = [
        Bin(
            low,
            high,
            under_trigger(records, "hits", least=low, below=high),
            under_trigger(records, "control_right", least=low, below=high),
        )
        for low, high in itertools.pairwise(SIZES)
    ]
    return [one for one in found if one.hits]


def _size_figure(bins: Sequence[Bin]) -> str:
    x = [one.middle for one in bins]
    hits, right = [one.hits for one in bins], [one.right for one in bins]
    drawn = [curve("called a speed limit", x, hits, "backdoored", band=False, dots=False)]
    if all(right):
        name = "clean detector: called a stop sign"
        drawn.append(curve(name, x, right, "clean", band=False, dots=False, dashed=True))
    return lines(
        drawn,
        x_title="shorter side of the sticker as the network sees it, pixels",
        y_title="%",
        salt="trigger-size",
        log_x=True,
        x_ticks=[size for size in SIZES if min(x) / 1.6 <= size <= max(x) * 1.6],
        y_range=(0, 102),
    )


def axis_words(name: str) -> tuple[str, str]:
    """Return what an axis of the simulated street varies, and its unit."""
    what, _, unit = AXIS_LABELS[name].rstrip(")").partition(" (")
    return what, unit


def _street(runs: Runs, group: str, axis: str) -> list[StreetPoint]:
    record = next((one for one in runs.of(group) if reading.street(one)), None)
    own = [] if record is None else [one for one in reading.street(record) if one.axis == axis]
    return sorted(own, key=lambda point: point.value)


class Street:
    """Attack success under one simulated condition.

    Args:
        runs: the study's records.
        axis: the condition.
    """

    def __init__(self, runs: Runs, axis: str) -> None:
        self.axis = axis
        self.what, self.unit = axis_words(axis)
        self.ours, self.theirs = (_street(runs, group, axis) for group in (MAIN, "real world"))
        self.seed = next(one.trial.seed for one in runs.of(MAIN) if reading.street(one))
        self.trained = {point.value: point.success for point in self.theirs}

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest attack success, in per cent."""
        values = [100 * point.success.value for point in self.ours]
        return min(values), max(values)

    def figure(self) -> str:
        """Return the drawing."""

        def line(label: str, points: list[StreetPoint], tone: Tone, rates: list[Rate]) -> Line:
            y = [100 * rate.value for rate in rates]
            return Line(label, [one.value for one in points], y, tone, dashed=points is self.theirs)

        ours, theirs = self.ours, self.theirs
        drawn = [
            line("sticker works", ours, "backdoored", [one.success for one in ours]),
            line("no sticker: named stop", ours, "clean", [one.clean_right for one in ours]),
        ]
        if theirs:
            works = [one.success for one in theirs]
            drawn.append(line("trained for the street", theirs, "backdoored", works))
        return lines(
            drawn, x_title=self.unit, y_title="%", salt=f"street-{self.axis}", y_range=(0, 102),
            width=320, height=230,
        )  # fmt: skip


class Conv5(Inside):
    """A detector's last convolution: its maps, its units ranked, and silenced."""

    def __init__(self, runs: Runs, record: Record) -> None:
        super().__init__(runs, record, "conv5")
        self.units = self.layers[0]
        self.maps, groups = runs.array(record, "maps"), runs.array(record, "groups")
        self.has_maps = self.maps is not None and groups is not None
        pairs: list[list[int]] = [] if groups is None else groups.tolist()
        self.groups = {int(unit): int(group) for unit, group in pairs}
        ranked = sorted(range(len(self.units.response)), key=lambda u: -self.units.response[u])
        self.most = (list(self.outliers(self.units)) or ranked)[:UNITS_SHOWN]

    def drawings(self) -> Mapping[str, str | None]:
        """Return the drawings by name."""
        drawn: dict[str, str | None] = {"conv5-maps": None, "conv5-ablation": None}
        if self.maps is not None and self.has_maps:
            maps = np.asarray(self.maps, dtype=np.float64)
            shown = [[row[unit] for unit in self.most] for row in (*maps[:2], maps[1] - maps[0])]
            groups = {unit: f"\ngroup {group + 1}" for unit, group in self.groups.items()}
            drawn["conv5-maps"] = heat_pictures(
                shown,
                rows=("clean", "with the\nsticker", "difference"),
                columns=[f"unit {unit}{groups.get(unit, '')}" for unit in self.most],
                salt="conv5-maps",
            )
        if self.silenced:
            drawn["conv5-ablation"] = self._ablation()
        return drawn

    def _ablation(self) -> str:
        whole, layer = reading.rate(self.record, "success"), self.silenced[0]
        start = math.nan if whole is None else 100 * whole.value
        drawn = []
        for choice in ("strongest", "random"):
            own, dashed = self.steps(layer, choice), choice == "random"
            x = [float(len(one.silenced)) for one in own]
            hits, clean = (
                [100 * r.value for r in each]
                for each in ([one.success for one in own], [one.clean for one in own])
            )
            name = f"{choice} units"
            drawn += [
                Line(f"attack, {name}", [0.5, *x], [start, *hits], "backdoored", dashed=dashed),
                Line(f"accuracy, {name}", x, clean, "clean", dashed=dashed),
            ]
        ticks = sorted({0.5, *drawn[1].x})
        names = ["0", *(f"{place:g}" for place in ticks[1:])]
        return lines(
            drawn, x_title="units silenced", y_title="%", salt="conv5-ablation", log_x=True,
            x_ticks=ticks, x_names=names, y_range=(0, 102),
        )  # fmt: skip
