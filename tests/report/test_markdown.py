"""The page as Markdown: tables, numbers, and drawings as files beside it."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from badnets.core.errors import OutputError
from badnets.core.rates import Rate
from badnets.report import to_html, to_markdown, write_markdown
from badnets.report.drawing import SVG
from badnets.report.markdown import escaped
from badnets.report.numbers import numbers_csv
from badnets.report.page import (
    Answer,
    Cell,
    Column,
    Picture,
    Section,
    Story,
    StoryRow,
    Table,
    tables,
)
from badnets.report.story import story_drawing
from badnets.studies.aggregate import Over
from badnets.studies.tables import cell
from tests.report import samples


def test_the_same_page_gives_the_same_text_and_files() -> None:
    assert to_markdown(samples.page()) == to_markdown(samples.page())


def test_a_table_keeps_its_numbers_tags_and_what_they_rest_on() -> None:
    text = to_markdown(samples.page()).text
    assert "| class | measured: error, % | published: error, % |\n|---|---:|---:|" in text
    assert "| seven | 10.00 | 9.00<sup>r</sup> |" in text
    assert "| **mean** | **14.00** | **20.00** |" in text
    assert text.count("r: recalled (not checked)") == 1, "once, below the first table"
    assert "<sub>n = 100 per class; seed 0.</sub>" in text


def test_the_page_says_which_command_wrote_it_and_which_makes_the_numbers() -> None:
    text = to_markdown(samples.page(), written_by="badnets results --all").text
    assert "Written by `badnets results --all`, not by hand." in text
    assert (
        "`badnets study some --data digits` makes the numbers again. Drawn from 3 records." in text
    )


def test_every_linked_drawing_is_a_file_and_every_file_is_linked(tmp_path: Path) -> None:
    written = write_markdown(samples.page(), tmp_path / "out" / "some.md")
    text = written[0].read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^) ]+)", text))
    files = {str(path.relative_to(tmp_path / "out")) for path in written[1:]}
    assert linked == files == {"some.csv", *(f"some/{name}.svg" for name in DRAWN)}
    for path in written[1:]:
        assert path.suffix == ".csv" or ET.fromstring(path.read_text(encoding="utf-8")) is not None


DRAWN = ("story", "heat", "curve", "units", "grid")


@pytest.mark.parametrize("hostile", ["a|b", "<img src=x>", "[x](y)", "`c`", "*b*", "two\nlines"])
def test_hostile_names_stay_text(hostile: str) -> None:
    made = to_markdown(samples.page(name=hostile))
    assert hostile not in re.sub(r"!\[.*?\]\([^)]*\)", "", made.text) or hostile == "two\nlines"
    for line in made.text.splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            assert len(cells) in (4, 5), line  # the drawings of a gallery are two a line
    for name, svg in made.files.items():
        assert name.endswith(".csv") or ET.fromstring(svg) is not None


def test_control_characters_break_no_drawing_page_or_document() -> None:
    page = samples.page(name="a\x1b[31m\x00b\x07")
    made = to_markdown(page)
    for name, text in [("page.md", made.text), ("page.html", to_html(page)), *made.files.items()]:
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text), name
        assert not name.endswith(".svg") or ET.fromstring(text) is not None
    for name in ("story", "heat"):
        assert "a\ufffd" in made.files[f"figures/{name}.svg"]


def test_every_cell_of_a_page_is_in_the_csv_with_what_it_rests_on() -> None:
    page = samples.page()
    rows = list(csv.DictReader(io.StringIO(to_markdown(page).files["figures.csv"])))
    assert [row["table"] for row in rows[:2]] == ["in short", "in short"]
    (cell,) = (
        row
        for row in rows
        if (row["table"], row["row"], row["column"]) == ("Errors", "seven", "measured: error, %")
    )
    assert cell["value"] == "10.00" and cell["rests on"] == "10 of 100; seed 0"
    cells = [
        cell.text
        for table in tables(page)
        for row in (*table.rows, *table.foot)
        for cell in row[1:]
        if cell.text
    ]
    assert [row["value"] for row in rows[2:]] == cells


def test_a_number_that_knows_its_counts_has_them_in_columns_of_the_csv() -> None:
    rates = Over.pairs([(Rate(9, 10), 0), (Rate(8, 10), 1)])
    row = (Cell("=cmd()"), cell(rates), Cell("\u22121,234.5"), Cell("+x"))
    names = ("class", "right, %", "change", "word")
    table = Table("t", tuple(Column(name) for name in names), (row,))
    page = replace(samples.page(), sections=(Section("s", "S", "Said.", (table,)),))
    *_, right, change, word = csv.DictReader(io.StringIO(numbers_csv(page)))
    assert (right["hits"], right["n"], right["seeds"]) == ("9 8", "10", "0 1")
    low, high = (100 * end for end in rates.interval)
    assert (float(right["low"]), float(right["high"])) == pytest.approx((low, high), abs=1e-4)
    assert change["value"] == "-1234.5" and right["value"] == "85.00"
    assert right["row"] == "'=cmd()" and word["value"] == "'+x", "no formula for a spreadsheet"


def test_a_long_table_is_cut_to_the_rows_that_stand_out() -> None:
    rows = tuple((Cell(f"row {k}"), Cell(f"{k}", strong=k == 7)) for k in range(30))
    table = Table("long", (Column("name"), Column("n")), rows, ((Cell("sum"), Cell("435")),))
    made = to_markdown(replace(samples.page(), sections=(Section("s", "S", "X.", (table,)),)))
    assert "row 7" in made.text and "435" in made.text and "row 8" not in made.text
    assert "30 rows: figures.csv." in made.text
    assert "row 8" in made.files["figures.csv"]


def test_escaping_leaves_plain_numbers_alone() -> None:
    assert escaped("0.31 %, 3 of 980; seeds 0, 1") == "0.31 %, 3 of 980; seeds 0, 1"
    assert escaped("a < b & c") == "a \\< b &amp; c"


def test_an_unwritable_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_markdown(samples.page(), tmp_path / "file" / "some.md")


def test_two_stories_of_a_page_are_two_drawings() -> None:
    page = samples.page()
    assert page.story is not None
    both = replace(page, sections=(Section("again", "Again", "The same.", (page.story,)),))
    made = to_markdown(both)
    assert [name for name in made.files if "story" in name] == [
        "figures/story.svg",
        "figures/story-2.svg",
    ]
    assert all(f"({name})" in made.text for name in made.files)


def test_pictures_keep_their_shape_and_words_stand_below_them() -> None:
    wide = samples.png(size=(480, 360))
    row = StoryRow("Frames", "", (Picture(wide, "a frame", (Answer("net", "speed-limit", 0.5),)),))
    svg = story_drawing(Story((row,)))
    (image,) = ET.fromstring(svg).iter(f"{{{SVG}}}image")
    assert (image.get("width"), image.get("height")) == ("300", "225")
    assert "pixelated" not in svg, "only tiny pictures show their pixels"
    assert "speed-limit" in svg and "50.0 %" in svg
    assert "a frame" in to_markdown(replace(samples.page(), story=Story((row,)))).text


def test_nothing_found_is_not_sure_of_anything() -> None:
    row = StoryRow("Frames", "", (Picture(samples.png(), "", (Answer("net", "nothing", 0.0),)),))
    assert "0.0 %" not in story_drawing(Story((row,)))
    shown = to_html(replace(samples.page(), story=Story((row,)), sections=()))
    assert '<span class="sure"></span>' in shown
