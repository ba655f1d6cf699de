"""Drawings of an audit: where a model stands among clean ones, and its tables by class."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from badnets.core.nulls import Table
from badnets.report.charts import Square, heat_map
from badnets.report.drawing import BAR, WIDTH, drawing
from badnets.report.page import Tone
from badnets.report.palette import COLOURS, light

NUMBERED = 12  # classes up to which a map has its numbers printed
FEWEST = 4  # classes that a map is drawn for
LISTED = 24  # classes that bars are drawn for, the highest
FARTHEST = 10.0  # deviations that get the deepest colour at least: less is no alarm


class Strip(NamedTuple):
    """Scores of clean models, and of the suspect."""

    name: str
    clean: Sequence[float]
    suspect: float


def strips(drawn: Sequence[Strip], *, tone: Tone, x_title: str, salt: str) -> str:
    """Return a line of dots for each strip: clean models, and the suspect as a diamond.

    Args:
        drawn: from top to bottom.
        tone: of the suspect.
        x_title: what the scores are.
        salt: unique on the page.
    """
    row, top, left, width = 27.0, 30.0, 136.0, 520.0
    height = top + row * len(drawn) + 44
    with drawing(width, height) as sheet:
        axes = sheet.axes(left, top, 16, 44)
        for place, strip in enumerate(drawn):
            y = len(drawn) - 1 - place
            clean = np.asarray(strip.clean)
            axes.axhline(y, color=COLOURS["line"].light, linewidth=0.8, zorder=0)
            axes.plot(
                clean, np.full(len(clean), y), "o", color=light("clean"), alpha=0.45, markersize=6,
                markeredgewidth=0,
            )  # fmt: skip
            axes.plot([strip.suspect], [y], "D", color=light(tone), markersize=8)
        axes.set_yticks(range(len(drawn)), [strip.name for strip in reversed(drawn)])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-0.6, len(drawn) - 0.4)
        axes.grid(axis="x")
        axes.set_xlabel(x_title, labelpad=5)
        sheet.words(left, 14, "\u25cf clean models", "clean")
        sheet.words(left + 120, 14, "\u25c6 this model", tone)
        return sheet.svg(salt)


def class_table(
    table: Table,
    classes: Sequence[str],
    *,
    pointed_at: Collection[int],
    calibrated: bool,
    salt: str,
) -> str:
    """Return a table as a map of pairs, or as bars where it has one row.

    Args:
        table: of the suspect; in deviations of the clean models where calibrated, else raw.
        classes: their names.
        pointed_at: the targets that stand out.
        calibrated: whether the numbers are comparable: only then are they in the accent's colour.
        salt: unique on the page.
    """
    if len(table) == 1 or len(classes) < FEWEST:
        bars = [
            Bar(classes[target] if len(table) == 1 else f"{classes[source]} to {classes[target]}",
                cell, target in pointed_at)
            for source, row in enumerate(table)
            for target, cell in enumerate(row)
            if cell is not None
        ]  # fmt: skip
        return _bars(bars, calibrated, salt)
    z = np.array([[np.nan if cell is None else cell for cell in row] for row in table])
    low = 0.0 if calibrated else float(np.nanmin(z))
    high = max(FARTHEST, float(np.nanmax(z))) if calibrated else float(np.nanmax(z))
    depths = (z - low) / max(high - low, 1e-9)
    ends = ("0 or less" if calibrated else f"{low:.1f}", f"{high:.1f}")
    tone: Tone = "backdoored" if calibrated else "published"
    if len(classes) > NUMBERED:
        return _map(depths, classes, tone, ends, pointed_at, salt)
    squares = [
        [
            None
            if np.isnan(z[source, target])
            else Square(
                f"{z[source, target].round(1) + 0.0:.1f}",
                float(np.clip(depths[source, target], 0, 1)),
                f"{classes[source]} to {classes[target]}: {z[source, target]:.2f}",
            )
            for target in range(len(classes))
        ]
        for source in range(len(classes))
    ]
    return heat_map(
        squares, classes, classes, tone=tone, row_title="source", column_title="target",
        ends=ends, salt=salt,
    )  # fmt: skip


def _map(
    depths: NDArray[np.float64],
    classes: Sequence[str],
    tone: Tone,
    ends: tuple[str, str],
    pointed_at: Collection[int],
    salt: str,
) -> str:
    left, top = 62.0, 26.0
    side = WIDTH - left - 6
    shades = LinearSegmentedColormap.from_list(tone, [COLOURS["panel"].light, light(tone)])
    with drawing(WIDTH, top + side + 58 + BAR) as sheet:
        axes = sheet.axes(left, top, 6, 58 + BAR)
        axes.imshow(depths, cmap=shades, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        shown = range(0, len(classes), -(-len(classes) // 16))
        axes.set_yticks(shown, [_short(classes[k], 8) for k in shown], fontsize=9)
        named = sorted(pointed_at) or shown
        axes.set_xticks(named, [_short(classes[k], 8) for k in named], rotation=90, fontsize=9)
        sheet.words(left + side / 2, 12, "rows: source; columns: target", across="center")
        sheet.scale(shades(np.linspace(0, 1, 64))[None], ends)
        return sheet.svg(salt)


class Bar(NamedTuple):
    """A number of a class, or of a pair; whether it is pointed at."""

    name: str
    value: float
    marked: bool


def _bars(bars: Sequence[Bar], calibrated: bool, salt: str) -> str:
    shown = bars if len(bars) <= LISTED else sorted(bars, key=lambda bar: -bar.value)[:LISTED]
    height = 12 + 22.0 * len(shown) + 40
    with drawing(WIDTH, height) as sheet:
        axes = sheet.axes(min(150.0, 24 + 7.0 * max(len(bar.name) for bar in shown)), 12, 14, 40)
        places, values = range(len(shown)), [bar.value for bar in shown]
        tones = [light("backdoored" if calibrated and bar.marked else "muted") for bar in shown]
        axes.barh(places, values, color=tones, height=0.66)
        axes.set_yticks(places, [_short(bar.name) for bar in shown])
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color=light("muted"), linewidth=0.8)
        if calibrated:
            axes.set_xlim(min(-3.0, *values), max(FARTHEST, *values))
        axes.grid(axis="x")
        axes.set_xlabel("deviations of clean models" if calibrated else "margin, raw", labelpad=4)
        return sheet.svg(salt)


def _short(name: str, most: int = 18) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
