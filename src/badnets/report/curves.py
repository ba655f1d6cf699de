"""Lines through means, with bands, single values, and levels to compare with, as SVG.

Rates are drawn in per cent: callers multiply.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from badnets.report.drawing import WIDTH, drawing
from badnets.report.page import Tone
from badnets.report.palette import light


@dataclass(frozen=True)
class Line:
    """A line through means, with a band and the single values that they come from.

    Args:
        label: in the legend.
        x: positions.
        y: means.
        tone: colour.
        low: lower ends of the band; empty: no band.
        high: upper ends.
        dots: single values as (x, y).
        dashed: for comparison lines.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    tone: Tone
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dots: Sequence[tuple[float, float]] = ()
    dashed: bool = False


@dataclass(frozen=True)
class Level:
    """A horizontal line to compare with."""

    label: str
    y: float
    tone: Tone = "published"


@dataclass(frozen=True)
class Span:
    """A stretch of the x axis, shaded and named."""

    label: str
    low: float
    high: float


def lines(
    drawn: Sequence[Line],
    *,
    x_title: str,
    y_title: str,
    salt: str,
    levels: Sequence[Level] = (),
    log_x: bool = False,
    x_ticks: Sequence[float] = (),
    x_names: Sequence[str] = (),
    y_range: tuple[float, float] | None = None,
    span: Span | None = None,
    width: float = WIDTH,
    height: float = 270.0,
) -> str:
    """Return lines with bands and dots over a common axis, and a legend above.

    Args:
        drawn: the lines.
        x_title: what x is.
        y_title: what y is; printed above the axis.
        salt: unique on the page.
        levels: horizontal lines to compare with.
        log_x: logarithmic x.
        x_ticks: where x is named; empty: matplotlib decides.
        x_names: the names there.
        y_range: lower and upper end of y.
        span: a stretch of x that is shaded and named.
        width: in pixels.
        height: in pixels.
    """
    entries = len(drawn) + len(levels)
    legend_rows = math.ceil(entries / 2)
    with drawing(width, height) as sheet:
        axes = sheet.axes(46, 22 + 17 * legend_rows, 10, 42)
        if log_x:
            axes.set_xscale("log")
        if span is not None:
            _draw_span(axes, span)
        for line in drawn:
            _draw_line(axes, line)
        for level in levels:
            axes.axhline(level.y, color=light(level.tone), linewidth=1.3, linestyle=(0, (2, 2)))
        if x_ticks:
            axes.xaxis.set_major_locator(FixedLocator(list(x_ticks)))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xticklabels(x_names or [f"{tick:g}" for tick in x_ticks])
        if y_range is not None:
            axes.set_ylim(*y_range)
        axes.grid(axis="y")
        axes.set_xlabel(x_title, labelpad=5)
        sheet.words(6, 17 * legend_rows + 12, y_title)
        handles = [_handle(one.label, one.tone, (4, 2) if one.dashed else None) for one in drawn]
        handles += [_handle(one.label, one.tone, (2, 2), 1.3) for one in levels]
        sheet.legend(handles, min(2, len(handles)))
        return sheet.svg(salt)


def _draw_span(axes: Axes, span: Span) -> None:
    axes.axvspan(span.low, span.high, color=light("muted"), alpha=0.09, linewidth=0)
    axes.text(
        span.high, 1.0, span.label, transform=axes.get_xaxis_transform(), ha="right", va="bottom",
        fontsize=9, color=light("muted"),
    )  # fmt: skip


def _draw_line(axes: Axes, line: Line) -> None:
    colour = light(line.tone)
    if len(line.low):
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.16, linewidth=0)
    style = (0, (4, 2)) if line.dashed else "-"
    marker = None if line.dashed else "o"
    axes.plot(
        line.x, line.y, color=colour, linestyle=style, marker=marker,
        linewidth=1.6 if line.dashed else 2.0, markersize=4.5,
    )  # fmt: skip
    for x, y in line.dots:
        axes.plot([x], [y], "o", color=colour, markersize=5.5, fillstyle="none", markeredgewidth=1)


def _handle(label: str, tone: Tone, dashes: tuple[int, int] | None, width: float = 2) -> Line2D:
    style: Literal["-"] | tuple[float, tuple[int, int]] = "-" if dashes is None else (0, dashes)
    return Line2D([], [], color=light(tone), linestyle=style, linewidth=width, label=label)
