"""Small maps in rows and columns, as SVG: activations of units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from badnets.core.errors import ShapeError
from badnets.report.drawing import BAR, drawing

TILE, GAP, LEFT, TOP = 72.0, 6.0, 74.0, 32.0


def heat_pictures(
    maps: Sequence[Sequence[NDArray[np.float64]]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    salt: str,
) -> str:
    """Return maps as tiles with one scale: black is 0 or less, the lightest the greatest value.

    Args:
        maps: for each row, a ``(h, w)`` array for each column.
        rows: names of the rows; a line break is kept.
        columns: names of the columns; a line break is kept.
        salt: unique on the page.

    Raises:
        ShapeError: there are not as many maps as names.
    """
    if len(maps) != len(rows) or any(len(row) != len(columns) for row in maps):
        raise ShapeError(
            f"maps must be {len(rows)} rows of {len(columns)}, got {[len(row) for row in maps]}"
        )
    width = LEFT + len(columns) * (TILE + GAP)
    height = TOP + len(rows) * (TILE + GAP) + BAR
    most = max((float(np.max(tile)) for row in maps for tile in row), default=0.0)
    scale = most if most > 0 else 1.0
    with drawing(width, height) as sheet:
        for column, title in enumerate(columns):
            own = [np.asarray(row[column], dtype=np.float64) for row in maps]
            left = LEFT + column * (TILE + GAP)
            for line, tile in enumerate(own):
                top = TOP + line * (TILE + GAP)
                axes = sheet.axes(left, top, width - left - TILE, height - top - TILE)
                axes.imshow(tile, cmap="magma", vmin=0.0, vmax=scale, interpolation="nearest")
                axes.set_xticks([])
                axes.set_yticks([])
                axes.set_frame_on(False)
            sheet.words(left + TILE / 2, TOP - 5, title, size=10, across="center", down="bottom")
        for line, title in enumerate(rows):
            middle = TOP + line * (TILE + GAP) + TILE / 2
            sheet.words(LEFT - 8, middle, title, "plain", size=10, across="right")
        shades = colormaps["magma"](np.linspace(0.0, 1.0, 64))[None]
        sheet.scale(shades, ("0 or less", f"{scale:.2g}"))
        return sheet.svg(salt)
