"""Maps of units: one scale to a column, and names as text."""

from __future__ import annotations

import base64
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from badnets.core.errors import ShapeError
from badnets.report.drawing import SVG
from badnets.report.maps import heat_pictures

Map = NDArray[np.float64]
CLEAN, FIRED = np.zeros((4, 5)), np.zeros((4, 5))
FIRED[1, 2] = 8.0


def drawn(maps: list[list[Map]], rows: tuple[str, ...] = ("clean", "fired")) -> str:
    columns = tuple(f"unit {k}\ngroup {k}" for k in range(len(maps[0])))
    return heat_pictures(maps, rows=rows, columns=columns, salt="maps")


def tiles(svg: str) -> list[NDArray[np.uint8]]:
    """Return the drawn tiles as grey pictures, column by column."""
    found = []
    *pictures, _scale = ET.fromstring(svg).iter(f"{{{SVG}}}image")
    for one in pictures:
        data = base64.b64decode(one.get("href", "").partition("base64,")[2])
        tile = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
        upside_down = "scale(1 -1)" in one.get("transform", "")  # how matplotlib stores pictures
        found.append(tile[::-1] if upside_down else tile)
    return found


def test_there_is_a_tile_for_each_row_and_column_and_each_is_named() -> None:
    svg = drawn([[CLEAN, CLEAN, CLEAN], [FIRED, CLEAN, FIRED]])
    assert len(tiles(svg)) == 6
    told = [one.text or "" for one in ET.fromstring(svg).iter(f"{{{SVG}}}text")]
    words = " ".join(" ".join("".join(told).split("unit ")).split())
    assert {"clean", "fired"} <= set(told)
    for name in ("0", "1", "2"):
        assert name in words
    assert "group 1" in " ".join(told)


def test_where_a_unit_fires_is_light_and_all_else_black() -> None:
    _, fired = tiles(drawn([[CLEAN], [FIRED]]))
    light = np.argwhere(fired > 200)
    high, wide = fired.shape
    assert len(light)
    middle = light.mean(0) / (high, wide)
    assert middle == pytest.approx([1.5 / 4, 2.5 / 5], abs=0.03)
    assert (fired < 10).mean() == pytest.approx(19 / 20, abs=0.03)


def test_all_maps_share_one_scale_which_is_drawn_below_them() -> None:
    svg = drawn([[FIRED / 2, FIRED / 4], [FIRED, CLEAN]])
    half, whole, quarter, _ = (int(tile.max()) for tile in tiles(svg))
    assert quarter < half < whole
    told = [one.text for one in ET.fromstring(svg).iter(f"{{{SVG}}}text")]
    assert told[-2:] == ["0 or less", "8"]


def test_what_is_below_nothing_is_black() -> None:
    fallen, *_ = tiles(drawn([[-FIRED], [FIRED]]))
    assert int(fallen.max()) < 10


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_unit_that_never_fires_can_be_drawn(value: float) -> None:
    silent = np.full((4, 5), value)
    assert all(int(tile.max()) < 10 for tile in tiles(drawn([[silent], [silent]])))


def test_maps_that_do_not_fit_their_names_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"maps must be 2 rows of 1, got \[1\]"):
        drawn([[CLEAN]])
    with pytest.raises(ShapeError, match=r"2 rows of 2, got \[2, 1\]"):
        drawn([[CLEAN, CLEAN], [CLEAN]])
