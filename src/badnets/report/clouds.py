"""Clouds of points in a plane, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from matplotlib.lines import Line2D

from badnets.report.drawing import WIDTH, drawing
from badnets.report.page import Tone
from badnets.report.palette import light


class Cloud(NamedTuple):
    """Points of one kind."""

    label: str
    points: Sequence[tuple[float, float]]
    tone: Tone
    marker: Literal["o", "D", "x"] = "o"


def clouds(drawn: Sequence[Cloud], *, salt: str, x_title: str, y_title: str) -> str:
    """Return clouds over common axes, the first one below the others, and a legend above.

    Args:
        drawn: what is drawn.
        salt: unique on the page.
        x_title: what x is.
        y_title: what y is.
    """
    with drawing(WIDTH, 330.0) as sheet:
        axes = sheet.axes(50, 24 + 17 * len(drawn), 10, 42)
        for cloud in drawn:
            axes.plot(
                [x for x, _ in cloud.points], [y for _, y in cloud.points], cloud.marker,
                color=light(cloud.tone), alpha=0.55, markersize=5,
                markeredgewidth=1.2 if cloud.marker == "x" else 0,
            )  # fmt: skip
        axes.grid()
        axes.set_xlabel(x_title, labelpad=5)
        axes.set_ylabel(y_title, labelpad=3)
        handles = [
            Line2D([], [], color=light(one.tone), marker=one.marker, linestyle="", label=one.label)
            for one in drawn
        ]
        sheet.legend(handles, 1, length=1.0)
        return sheet.svg(salt)
