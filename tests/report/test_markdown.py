"""The page as Markdown: tables, numbers, and drawings as files beside it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from badnets.core.errors import OutputError
from badnets.report import to_html, to_markdown, write_markdown
from badnets.report.drawing import SVG
from badnets.report.markdown import escaped
from badnets.report.page import Answer, Picture, Section, Story, StoryRow
from badnets.report.story import story_drawing
from tests.report import samples


def test_the_same_page_gives_the_same_text_and_files() -> None:
    assert to_markdown(samples.page()) == to_markdown(samples.page())


def test_a_table_keeps_its_numbers_tags_and_what_they_rest_on() -> None:
    text = to_markdown(samples.page()).text
    assert "| class | measured: error, % | published: error, % |\n|---|---:|---:|" in text
    assert "| seven | 10.00 | 9.00<sup>r</sup> |" in text
    assert "| **mean** | **14.00** | **20.00** |" in text
    assert "- seven, measured: error, %: 10 of 100; seed 0" in text
    assert "- <sup>r</sup> recalled: not checked" in text
    assert "<sub>n = 100 per class; seed 0.</sub>" in text


def test_the_page_says_which_command_wrote_it_and_which_makes_the_numbers() -> None:
    text = to_markdown(samples.page(), written_by="badnets results --all").text
    assert "Written by `badnets results --all`, not by hand." in text
    assert "made again by `badnets study some --data digits`. Drawn from 3 records." in text


def test_every_linked_drawing_is_a_file_and_every_file_is_linked(tmp_path: Path) -> None:
    written = write_markdown(samples.page(), tmp_path / "out" / "some.md")
    text = written[0].read_text(encoding="utf-8")
    linked = set(re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text))
    drawings = {str(path.relative_to(tmp_path / "out")) for path in written[1:]}
    assert linked == drawings == {f"some/{name}.svg" for name in DRAWN}
    for path in written[1:]:
        ET.fromstring(path.read_text(encoding="utf-8"))


DRAWN = ("story", "heat", "curve", "units", "grid")


@pytest.mark.parametrize("hostile", ["a|b", "<img src=x>", "[x](y)", "`c`", "*b*", "two\nlines"])
def test_hostile_names_stay_text(hostile: str) -> None:
    made = to_markdown(samples.page(name=hostile))
    assert hostile not in re.sub(r"!\[.*?\]\([^)]*\)", "", made.text) or hostile == "two\nlines"
    for line in made.text.splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            assert len(cells) in (5, 5), line
    for svg in made.files.values():
        ET.fromstring(svg)


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
