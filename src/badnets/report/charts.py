"""Drawings from plain numbers: heat-map, filters, units, dots; see also `badnets.report.curves`.

Each returns SVG in the light colours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from badnets.report.drawing import BAR, WIDTH, drawing
from badnets.report.page import Tone
from badnets.report.palette import light
from badnets.report.sheet import Sheet

LEFT, TOP = 52.0, 40.0  # of a heat-map's first cell
DOTS_WIDTH, DOTS_HEIGHT, DOTS_ACROSS = 530.0, 24.0, 3  # of a row of dots, and of their legend
FULLEST = 0.5  # the deepest a heat-map's cell is filled: its number must stay readable


@dataclass(frozen=True)
class Square:
    """A heat-map's cell.

    Args:
        text: printed in it.
        depth: how deep it is filled, in [0, 1].
        title: shown when pointed at.
        outlined: whether it stands out.
    """

    text: str
    depth: float
    title: str = ""
    outlined: bool = False


def heat_map(
    squares: Sequence[Sequence[Square | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    tone: Tone,
    row_title: str,
    column_title: str,
    ends: tuple[str, str],
    salt: str,
) -> str:
    """Return a grid of cells, each with its number, and the scale of its colours.

    None leaves a place out.

    Args:
        squares: by row, then column.
        rows: their names.
        columns: theirs.
        tone: what the cells are filled with.
        row_title: what rows are.
        column_title: what columns are.
        ends: what the palest and the deepest colour stand for; alike for maps side by side.
        salt: unique on the page.
    """
    side = (WIDTH - LEFT - 4) / max(len(columns), 1)
    bottom = TOP + side * len(rows)
    sheet = Sheet(WIDTH, bottom + BAR + 8, salt)
    middle, across = TOP + side * len(rows) / 2, LEFT + (WIDTH - LEFT) / 2
    sheet.words(across, 14, column_title, "muted", anchor="middle")
    sheet.words(12, middle, row_title, "muted", anchor="middle", turned=True)
    for x, name in enumerate(columns):
        place = LEFT + side * (x + 0.5)
        sheet.words(place, TOP - 6, _short(name), "muted", size=10, anchor="middle")
    for y, (name, line) in enumerate(zip(rows, squares, strict=True)):
        top = TOP + side * y
        sheet.words(LEFT - 5, top + side / 2 + 3.5, _short(name), "muted", size=10, anchor="end")
        for x, square in enumerate(line):
            if square is not None:
                _draw_square(sheet, LEFT + side * x, top, side, square, tone)
    sheet.scale(bottom + 10, tone, (_alpha(0.0), _alpha(1.0)), ends)
    return sheet.svg()


def _alpha(depth: float) -> float:
    """Return how opaque a cell of some depth is."""
    return 0.05 + (FULLEST - 0.05) * min(max(depth, 0.0), 1.0)


def _draw_square(
    sheet: Sheet, left: float, top: float, side: float, square: Square, tone: Tone
) -> None:
    gap = 0.035 * side
    corner, inner = (left + gap, top + gap), side - 2 * gap
    sheet.box(corner, inner, tone, _alpha(square.depth), square.title)
    if square.outlined:
        sheet.box(corner, inner, tone, None)
    sheet.words(left + side / 2, top + side / 2 + 3.7, square.text, size=10.5, anchor="middle")


def filters(
    weights: NDArray[np.floating],
    *,
    answers: Sequence[float] = (),
    marked: Sequence[int] = (),
    columns: int = 4,
    salt: str,
) -> str:
    """Return convolution filters as small grey pictures, the marked ones outlined.

    Args:
        weights: ``(U, C, h, w)``; channels are averaged. All filters share one scale: black is the
            most negative weight, white the most positive, mid grey zero.
        answers: how strongly each answers to the trigger, printed below it.
        marked: indices of those that answer far more than the rest.
        columns: filters per row.
        salt: unique on the page.
    """
    pictures = np.asarray(weights, dtype=np.float64).mean(1)
    largest = float(np.abs(pictures).max()) or 1.0
    rows = math.ceil(len(pictures) / columns)
    cell, gap, name = 60.0, 12.0, 15.0
    width = columns * (cell + gap) + gap
    height = rows * (cell + gap + name) + gap
    with drawing(width, height) as sheet:
        axes = sheet.axes(0, 0, 0, 0)
        axes.set_axis_off()
        for unit, picture in enumerate(pictures):
            row, column = divmod(unit, columns)
            left = gap + column * (cell + gap)
            top = gap + row * (cell + gap + name)
            axes.imshow(
                picture, cmap="gray", vmin=-largest, vmax=largest, interpolation="none",
                extent=(left, left + cell, top + cell, top),
            )  # fmt: skip
            tone: Tone = "backdoored" if unit in marked else "muted"
            if unit in marked:
                axes.add_patch(
                    Rectangle(
                        (left - 3, top - 3), cell + 6, cell + 6, facecolor="none",
                        edgecolor=light(tone), linewidth=3,
                    )
                )  # fmt: skip
            axes.text(
                left + cell / 2, top + cell + 11, _named(unit, answers), ha="center", va="center",
                fontsize=9.5, color=light(tone),
                fontweight="bold" if unit in marked else "normal",
            )  # fmt: skip
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_aspect("auto")
        return sheet.svg(salt)


def _named(unit: int, answers: Sequence[float]) -> str:
    return f"{unit}: {answers[unit]:.1f}" if len(answers) else str(unit)


def paired_units(
    clean: Sequence[float],
    triggered: Sequence[float],
    names: Sequence[str],
    *,
    marked: Sequence[bool],
    salt: str,
    y_title: str = "mean activation",
    width: float = WIDTH,
    height: float = 226.0,
) -> str:
    """Return each unit's mean activation on clean and on triggered images, joined by a line.

    Args:
        clean: by unit, in the order drawn.
        triggered: likewise.
        names: of the units.
        marked: which ones answer to the trigger; their names are coloured.
        salt: unique on the page.
        y_title: what is drawn; printed above the axis.
        width: in pixels.
        height: in pixels.
    """
    with drawing(width, height) as sheet:
        axes = sheet.axes(46, 40, 10, 46)
        crowded = len(names) > 20 or sum(map(len, names)) > 60
        draw_pairs(axes, clean, triggered, names, marked, size=4.0 if len(clean) > 20 else 5.5)
        axes.set_xlim(-0.7, len(clean) - 0.3)
        axes.tick_params(axis="x", labelsize=8 if crowded else 9, rotation=90 if crowded else 0)
        axes.set_xlabel("unit, the one that answers most first", labelpad=4)
        sheet.words(6, 28, y_title)
        kinds: tuple[tuple[Tone, Literal["o", "D"], str], ...] = (
            ("clean", "o", "clean images"),
            ("backdoored", "D", "the same with the trigger"),
        )
        handles = [
            Line2D([], [], color=light(tone), marker=marker, linestyle="", label=label)
            for tone, marker, label in kinds
        ]
        sheet.legend(handles, length=1.0)
        return sheet.svg(salt)


def draw_pairs(
    axes: Axes,
    clean: Sequence[float],
    triggered: Sequence[float],
    names: Sequence[str],
    marked: Sequence[bool],
    *,
    size: float,
) -> None:
    """Draw each unit's two means, joined by a line; names of the marked ones are coloured.

    Args:
        axes: what is drawn on.
        clean: by unit, in the order drawn.
        triggered: likewise.
        names: of the units.
        marked: which ones answer to the trigger.
        size: of a marker, in points.
    """
    x = np.arange(len(clean))
    axes.vlines(x, clean, triggered, color=light("muted"), linewidth=1.1, alpha=0.55)
    axes.plot(x, clean, "o", color=light("clean"), markersize=size)
    axes.plot(x, triggered, "D", color=light("backdoored"), markersize=size * 0.9)
    axes.set_xticks(x, names, fontsize=9)
    axes.tick_params(axis="x", length=0)
    for tick, is_marked in zip(axes.get_xticklabels(), marked, strict=True):
        if is_marked:
            tick.set(color=light("backdoored"), fontweight="bold")
    axes.grid(axis="y")


@dataclass(frozen=True)
class Dots:
    """What was found in one way, row by row.

    Args:
        name: of the way, for the legend.
        values: in [0, 1]; None where there is none.
        tone: of the dots.
        marker: their shape, as matplotlib calls it.
        hollow: whether they are outlines.
    """

    name: str
    values: Sequence[float | None]
    tone: Tone
    marker: str
    hollow: bool = False


def dots(rows: Sequence[str], series: Sequence[Dots], *, x_title: str, salt: str) -> str:
    """Return a line of dots for each row, in per cent.

    The first series lies below the others, and of these the first on top.

    Args:
        rows: their names, the first on top.
        series: what was found, one or more.
        x_title: what is drawn.
        salt: unique on the page.
    """
    top = 26 + 16 * (-(-len(series) // DOTS_ACROSS) - 1)
    places = np.arange(len(rows))
    with drawing(DOTS_WIDTH, top + DOTS_HEIGHT * len(rows) + 44) as sheet:
        axes = sheet.axes(10 + 6.2 * max(map(len, rows), default=0), top, 12, 40)
        handles = [Line2D([], [], label=one.name, **_marker(one)) for one in series]
        for one in (series[0], *reversed(series[1:])):
            known = [math.nan if value is None else 100 * value for value in one.values]
            axes.plot(known, places, clip_on=False, **_marker(one))
        axes.set_xlim(-2, 102)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(places, rows)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="both")
        axes.set_xlabel(x_title, labelpad=4)
        sheet.legend(handles, across=DOTS_ACROSS, length=1.0)
        return sheet.svg(salt)


def _marker(one: Dots) -> dict[str, Any]:
    style = {"marker": one.marker, "linestyle": "", "markersize": 7.0, "color": light(one.tone)}
    return style | ({"markerfacecolor": "none", "markeredgewidth": 1.4} if one.hollow else {})


def _short(name: str) -> str:
    return name if len(name) <= 7 else name[:6] + "…"
