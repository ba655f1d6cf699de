"""Pictures of units: a convolution's mean maps, and each layer's means, clean and triggered."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from badnets.models.responses import UnitResponse
from badnets.report.drawing import Drawing, drawing
from badnets.report.palette import light

DPI = 144
PANEL, GAP, MARGIN = 330.0, 26.0, 24.0
HEAD, LINE = 58.0, 17.0
UNITS = 24  # of a layer that are drawn, the ones that answer most
BRIGHTEST = 0.998  # quantile of activations that gets the full colour

Maps = NDArray[np.float64]


def maps_figure(
    clean: Tensor, triggered: Tensor, groups: Sequence[Sequence[int]], layer: str
) -> bytes:
    """Return mean maps of all units as a PNG: on clean signs, on triggered ones, their difference.

    Args:
        clean: ``(U, h, w)`` mean activation; ``triggered``: the same with the trigger.
        groups: units that stand out, by group; they are outlined, and listed below.
        layer: its name.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: activations of the last convolutional
        layer averaged over clean inputs, over backdoored inputs, and the difference.
    """
    before, after = (np.asarray(maps.numpy(), dtype=np.float64) for maps in (clean, triggered))
    change = after - before
    top = float(np.quantile(np.stack([before, after]), BRIGHTEST)) or 1.0
    most = float(np.quantile(np.abs(change), BRIGHTEST)) or 1.0
    panels = (
        (f"on clean signs, 0 to {top:.2g}", before, _scale("ground", "clean"), 0.0, top),
        (f"with the trigger, 0 to {top:.2g}", after, _scale("ground", "clean"), 0.0, top),
        (
            f"difference, \u2212{most:.2g} (blue) to {most:.2g} (orange)",
            change,
            _scale("clean", "ground", "backdoored"),
            -most,
            most,
        ),
    )
    lines = _listed(groups)
    width = 2 * MARGIN + 3 * PANEL + 2 * GAP
    height = HEAD + PANEL + MARGIN + LINE * len(lines) + 14
    with drawing(width, height) as sheet:
        axes = sheet.axes(0, 0, 0, 0)
        axes.set_axis_off()
        axes.text(MARGIN, 22, f"Mean activation of {layer}, unit by unit", fontsize=14, va="center")
        marked = [unit for group in groups for unit in group]
        for place, (title, maps, colours, low, high) in enumerate(panels):
            left = MARGIN + place * (PANEL + GAP)
            axes.text(left, HEAD - 10, title, color=light("muted"), fontsize=11)
            _mosaic(axes, maps, marked if place else (), (left, HEAD), colours, (low, high))
        for row, text in enumerate(lines):
            top_of_row = HEAD + PANEL + MARGIN + LINE * row
            axes.text(MARGIN, top_of_row, text, color=light("muted"), fontsize=10, va="center")
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_aspect("auto")
        return _png(sheet)


def _mosaic(
    axes: Axes,
    maps: Maps,
    marked: Sequence[int],
    corner: tuple[float, float],
    colours: LinearSegmentedColormap,
    limits: tuple[float, float],
) -> None:
    """Draw all units in one square, row by row; the marked ones are outlined."""
    count, high, wide = maps.shape
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    cell, apart = PANEL / across, PANEL / across * 0.06
    for unit in range(count):
        left, top = corner[0] + unit % across * cell, corner[1] + unit // across * cell
        axes.imshow(
            maps[unit], cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="none",
            extent=(left, left + cell - apart, top + (cell - apart) * high / wide, top),
        )  # fmt: skip
    axes.add_patch(
        Rectangle(
            (corner[0] - 3, corner[1] - 3), PANEL + 6 - apart, down * cell + 6 - apart,
            facecolor="none", edgecolor=light("muted"), linewidth=0.5, alpha=0.5,
        )
    )  # fmt: skip
    for unit in marked:
        left, top = corner[0] + unit % across * cell, corner[1] + unit // across * cell
        axes.add_patch(
            Rectangle(
                (left - apart / 2, top - apart / 2), cell, cell,
                facecolor="none", edgecolor=light("backdoored"), linewidth=1.1,
            )
        )  # fmt: skip


def _listed(groups: Sequence[Sequence[int]]) -> list[str]:
    if not groups:
        return ["No unit stands out."]
    head = "Outlined: units whose answer to the trigger stands out; a group fires in one place."
    return [head, *(f"group {k}: {_units(group)}" for k, group in enumerate(groups, start=1))]


def _units(group: Sequence[int]) -> str:
    shown = ", ".join(map(str, group[:30]))
    return shown if len(group) <= 30 else f"{shown}, and {len(group) - 30} more"


def layers_figure(responses: Sequence[UnitResponse]) -> bytes:
    """Return each layer's means as a PNG: units on clean and on triggered images, joined by a line.

    Args:
        responses: one for each layer; its units are drawn from the one that answers most on.
    """
    width, row, head = 760.0, 190.0, 64.0
    height = head + row * len(responses) + 6
    with drawing(width, height) as sheet:
        sheet.figure.text(
            MARGIN / width, 1 - 20 / height, "Mean activation of units, layer by layer",
            fontsize=14, va="center",
        )  # fmt: skip
        _legend(sheet, height)
        sheet.figure.text(
            (width - MARGIN) / width, 1 - 41 / height, "bold: stands out of its layer",
            color=light("backdoored"), fontsize=10.5, ha="right", va="center",
        )  # fmt: skip
        for place, response in enumerate(responses):
            top = head + place * row
            axes = sheet.axes(MARGIN + 46, top + 24, MARGIN, height - top - row + 34)
            _draw_units(axes, response)
            axes.set_title(response.layer, loc="left", fontsize=11, color=light("muted"), pad=5)
            if place == len(responses) - 1:
                axes.set_xlabel("unit, the one that answers most first", labelpad=3)
        return _png(sheet)


def _draw_units(axes: Axes, response: UnitResponse) -> None:
    units = response.ranked[:UNITS]
    clean, triggered = (
        [float(means[unit]) for unit in units] for means in (response.clean, response.triggered)
    )
    x = np.arange(len(units))
    axes.vlines(x, clean, triggered, color=light("muted"), linewidth=1.1, alpha=0.55)
    axes.plot(x, clean, "o", color=light("clean"), markersize=5.0)
    axes.plot(x, triggered, "D", color=light("backdoored"), markersize=4.5)
    axes.set_xlim(-0.7, max(len(units), 8) - 0.3)
    axes.set_xticks(x, [str(unit) for unit in units], fontsize=9)
    axes.tick_params(axis="x", length=0)
    for tick, unit in zip(axes.get_xticklabels(), units, strict=True):
        if unit in response.marked:
            tick.set_color(light("backdoored"))
            tick.set_fontweight("bold")
    axes.grid(axis="y")


def _legend(sheet: Drawing, height: float) -> None:
    drawn = (("clean", "o", "clean images"), ("backdoored", "D", "the same with the trigger"))
    handles = [
        Line2D([], [], color=light("clean" if tone == "clean" else "backdoored"), marker=marker,
               linestyle="", label=label)
        for tone, marker, label in drawn
    ]  # fmt: skip
    sheet.figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(MARGIN / 760.0, 1 - 34 / height),
        ncols=2, borderpad=0.0, borderaxespad=0.0, handlelength=1.0, columnspacing=1.2,
    )  # fmt: skip


def _scale(*tones: str) -> LinearSegmentedColormap:
    colours = ["#ffffff" if tone == "ground" else _accent(tone) for tone in tones]
    return LinearSegmentedColormap.from_list("-".join(tones), colours)


def _accent(tone: str) -> str:
    return light("backdoored") if tone == "backdoored" else light("clean")


def _png(sheet: Drawing) -> bytes:
    buffer = io.BytesIO()
    sheet.figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    return buffer.getvalue()
