"""Drawings: small, clean, the same each time, in colours that can be read and told apart."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import matplotlib
import numpy as np
import pytest

from badnets.report.charts import FULLEST, Square, filters, heat_map
from badnets.report.curves import Line, lines
from badnets.report.drawing import SVG, on_ground, themed
from badnets.report.palette import COLOURS, contrast
from tests.report import samples

Draw = Callable[[str], str]
DRAWINGS = [samples.heat, samples.curve, samples.units, samples.left, samples.grid, samples.maps]


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(svg).iter(f"{{{SVG}}}text")]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_drawing_is_small_clean_and_the_same_each_time(draw: Draw) -> None:
    svg = draw("some")
    assert svg == draw("some")
    assert len(svg) < 15_000
    root = ET.fromstring(svg)
    assert root.get("viewBox")
    words = re.sub(r'href="data[^"]+"', "", svg)
    assert not re.search(r"metadata|<!DOCTYPE|xlink|font-family: |\d\.\d{3}", words)
    names = [one.get("id", "") for one in root.iter() if one.get("id")]
    assert all(name.startswith("some-") for name in names)
    assert all(f"#{name}" in svg for name in names)


@pytest.mark.parametrize("draw", DRAWINGS)
def test_two_drawings_share_no_identifier(draw: Draw) -> None:
    first, second = (set(re.findall(r'id="([^"]+)"', draw(salt))) for salt in ("a", "b"))
    assert not first & second


@pytest.mark.parametrize("draw", DRAWINGS)
def test_on_a_page_every_colour_follows_the_theme(draw: Draw) -> None:
    svg = themed(draw("some"), 'said <of> "it"')
    assert not [colour.light for colour in COLOURS.values() if colour.light in svg]
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'said <of> "it"'


def test_as_a_file_a_drawing_has_its_own_ground() -> None:
    first = ET.fromstring(on_ground(samples.heat()))[0]
    assert first.get("fill") == COLOURS["ground"].light


def test_drawing_leaves_the_settings_of_others_alone() -> None:
    before = dict(matplotlib.rcParams)
    samples.curve()
    assert dict(matplotlib.rcParams) == before


def test_drawings_made_at_the_same_time_are_the_same() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(samples.curve, ["x"] * 4))
    assert set(made) == {samples.curve("x")}


def test_names_are_text_whatever_is_in_them() -> None:
    name = "$<&"
    svg = heat_map(
        [[Square("1", 1.0, "<b>$x$")]], [name], [name], tone="clean", row_title="r",
        column_title="c", ends=("0", "1 %"), salt="s",
    )  # fmt: skip
    assert texts(svg).count(name) == 2
    assert "&lt;b&gt;$x$" in svg


def test_a_heat_map_says_each_number_and_leaves_places_out() -> None:
    svg = samples.heat()
    assert {"0.1", "0"} <= set(texts(svg))
    assert texts(svg)[-2:] == ["0 %", "1 %"], "what the ends of the scale stand for"
    assert svg.count("<title>1 of 1,000</title>") == svg.count("<title") == 1


def test_lines_through_one_point_and_without_dots_can_be_drawn() -> None:
    one = Line("alone", [1.0], [0.5], "clean")
    assert "alone" in texts(lines([one], x_title="x", y_title="y", salt="s"))


def test_filters_that_are_all_zero_can_be_drawn() -> None:
    svg = filters(np.zeros((2, 1, 3, 3)), salt="s")
    assert texts(svg) == ["0", "1"]


@pytest.mark.parametrize("ground", ["ground", "panel"])
@pytest.mark.parametrize("name", ["ink", "muted", "clean", "backdoored", "published"])
def test_text_can_be_read_on_light_and_dark(name: str, ground: str) -> None:
    assert contrast(COLOURS[name].light, COLOURS[ground].light) >= 4.5
    assert contrast(COLOURS[name].dark, COLOURS[ground].dark) >= 4.5


@pytest.mark.parametrize("tone", ["clean", "backdoored"])
@pytest.mark.parametrize("side", ["light", "dark"])
def test_a_heat_maps_number_can_be_read_in_its_fullest_cell(tone: str, side: str) -> None:
    fill, ground, ink = (getattr(COLOURS[name], side) for name in (tone, "ground", "ink"))
    parts = [
        round(FULLEST * int(fill[k : k + 2], 16) + (1 - FULLEST) * int(ground[k : k + 2], 16))
        for k in (1, 3, 5)
    ]
    assert contrast("#" + "".join(f"{part:02x}" for part in parts), ink) >= 4.5


# Viénot, Brettel, Mollon 1999: what people without red or without green cones see, linear RGB
BLIND = {
    "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


@pytest.mark.parametrize("kind", BLIND)
@pytest.mark.parametrize("side", ["light", "dark"])
def test_clean_and_backdoored_differ_for_the_colour_blind(kind: str, side: str) -> None:
    seen = []
    for tone in ("clean", "backdoored"):
        colour = getattr(COLOURS[tone], side)
        linear = np.array([(int(colour[k : k + 2], 16) / 255) ** 2.2 for k in (1, 3, 5)])
        seen.append(np.clip(np.array(BLIND[kind]) @ linear, 0, 1) ** (1 / 2.2))
    distances = [float(np.abs(a - b).max()) for a, b in pairwise(seen)]
    assert min(distances) > 0.35
