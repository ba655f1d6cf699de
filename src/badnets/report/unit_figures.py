"""Pictures of units: a convolution's mean maps, or each layer's means, clean and triggered."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from badnets.explain.explanation import Explanation
from badnets.explain.units import LayerUnits
from badnets.report.charts import draw_pairs
from badnets.report.drawing import Drawing, drawing
from badnets.report.palette import light

DPI = 144
PANEL, GAP, MARGIN = 330.0, 26.0, 24.0
HEAD, LINE = 58.0, 17.0
UNITS = 24  # of a layer that are drawn, the ones that answer most
BRIGHTEST = 0.998  # quantile of activations that gets the full colour
WIDTH, ROW, LEGEND = 760.0, 190.0, 64.0


def units_figure(explanation: Explanation) -> bytes:
    """Return the units that were looked at as a PNG.

    Of a detector mean maps of all units: on clean signs, on triggered ones, and their difference,
    those that stand out outlined. Of a classifier each layer's means, clean and triggered, joined
    by a line, from the unit that answers most on.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: activations of the last convolutional
        layer averaged over clean inputs, over backdoored inputs, and the difference.
    """
    if explanation.maps is None:
        return _layers(explanation.responses)
    clean, triggered = (np.asarray(maps.numpy(), np.float64) for maps in explanation.maps)
    return _maps(clean, triggered, explanation.groups or [], explanation.layer or "")


def _maps(
    clean: NDArray[np.float64],
    triggered: NDArray[np.float64],
    groups: Sequence[Sequence[int]],
    layer: str,
) -> bytes:
    change = triggered - clean
    top = float(np.quantile(np.stack([clean, triggered]), BRIGHTEST)) or 1.0
    most = float(np.quantile(np.abs(change), BRIGHTEST)) or 1.0
    bright = LinearSegmentedColormap.from_list("bright", ["#ffffff", light("clean")])
    both = LinearSegmentedColormap.from_list(
        "both", [light("clean"), "#ffffff", light("backdoored")]
    )
    lines = ["No unit stands out."]
    if groups:
        lines = [
            "Outlined: units whose answer to the trigger stands out; a group fires in one place.",
            *(f"group {k}: {_listed(group)}" for k, group in enumerate(groups, start=1)),
        ]
    width, height = 2 * MARGIN + 3 * PANEL + 2 * GAP, HEAD + PANEL + MARGIN + LINE * len(lines) + 14
    marked = [unit for group in groups for unit in group]
    with drawing(width, height) as sheet:
        sheet.words(MARGIN, 22, f"Mean activation of {layer}, unit by unit", "plain", size=14)
        for place, (title, maps, colours, low, high) in enumerate(
            (
                (f"on clean signs, 0 to {top:.2g}", clean, bright, 0.0, top),
                (f"with the trigger, 0 to {top:.2g}", triggered, bright, 0.0, top),
                (
                    f"difference, \u2212{most:.2g} (blue) to {most:.2g} (orange)",
                    change,
                    both,
                    -most,
                    most,
                ),
            )
        ):
            left = MARGIN + place * (PANEL + GAP)
            sheet.words(left, HEAD - 14, title)
            axes = sheet.axes(left, HEAD, width - left - PANEL, height - HEAD - PANEL)
            axes.set_axis_off()
            _mosaic(axes, maps, marked if place else ())
            axes.images[0].set(cmap=colours, clim=(low, high))
        for row, text in enumerate(lines):
            sheet.words(MARGIN, HEAD + PANEL + MARGIN + LINE * row, text, size=10)
        return _png(sheet)


def _mosaic(axes: Axes, maps: NDArray[np.float64], marked: Sequence[int]) -> None:
    """Draw all units in one square, row by row, a line apart; the marked ones are outlined."""
    count, high, wide = maps.shape
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    grid = np.full((down * (high + 1), across * (wide + 1)), np.nan)
    for unit in range(count):
        top, left = unit // across * (high + 1), unit % across * (wide + 1)
        grid[top : top + high, left : left + wide] = maps[unit]
    axes.imshow(grid[:-1, :-1], interpolation="none", aspect="auto")
    edges = (-0.5, -0.5), grid.shape[1] - 1, grid.shape[0] - 1
    axes.add_patch(Rectangle(*edges, fill=False, edgecolor=light("muted"), linewidth=0.5))
    for unit in marked:
        corner = unit % across * (wide + 1) - 1, unit // across * (high + 1) - 1
        frame = Rectangle(corner, wide + 1, high + 1, fill=False, linewidth=1.1, clip_on=False)
        frame.set_edgecolor(light("backdoored"))
        axes.add_patch(frame)


def _listed(group: Sequence[int]) -> str:
    shown = ", ".join(map(str, group[:30]))
    return shown if len(group) <= 30 else f"{shown}, and {len(group) - 30} more"


def _layers(responses: Sequence[LayerUnits]) -> bytes:
    height = LEGEND + ROW * len(responses) + 6
    with drawing(WIDTH, height) as sheet:
        sheet.words(MARGIN, 20, "Mean activation of units, layer by layer", "plain", size=14)
        sheet.words(MARGIN, 41, "\u25cf clean images", "clean")
        sheet.words(MARGIN + 110, 41, "\u25c6 the same with the trigger", "backdoored")
        sheet.words(MARGIN + 310, 41, "bold: stands out of its layer", "backdoored")
        for place, response in enumerate(responses):
            top = LEGEND + place * ROW
            axes = sheet.axes(MARGIN + 46, top + 24, MARGIN, height - top - ROW + 34)
            _draw_units(axes, response)
            count, shown = len(response.clean), min(UNITS, len(response.clean))
            name = response.layer if shown == count else f"{response.layer}: {shown} of {count}"
            axes.set_title(name, loc="left", fontsize=11, color=light("muted"), pad=5)
        axes.set_xlabel("unit, the one that the trigger lifts most first", labelpad=3)
        return _png(sheet)


def _draw_units(axes: Axes, response: LayerUnits) -> None:
    units = response.ranked[:UNITS]
    clean, triggered = (
        [means[unit] for unit in units] for means in (response.clean, response.triggered)
    )
    marked = [unit in response.outlier_units for unit in units]
    draw_pairs(axes, clean, triggered, [str(unit) for unit in units], marked, size=5.0)
    axes.set_xlim(-0.7, max(len(units), 8) - 0.3)


def _png(sheet: Drawing) -> bytes:
    buffer = io.BytesIO()
    sheet.figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    return buffer.getvalue()
