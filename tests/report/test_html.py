"""The page as one HTML file: escaped, complete, the same each time, and asking for nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from badnets.core.errors import OutputError, SettingError
from badnets.report import Cell, Column, Table, to_html, write_html
from tests.report import samples

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Elements(HTMLParser):
    """Every element with its attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.fixture(scope="module")
def text() -> str:
    return to_html(samples.page())


def test_the_same_page_gives_the_same_bytes(text: str) -> None:
    assert to_html(samples.page()) == text


def test_hostile_names_stay_text() -> None:
    made = to_html(samples.page(name=HOSTILE, command=f"badnets {HOSTILE}"))
    elements = Elements(made)
    assert len(elements.all("script")) == 1
    assert "&lt;script&gt;alert(1)" in made
    assert not [one for one in elements.all("img") if "onerror" in one]
    assert not [key for _, one in elements.found for key in one if key.startswith("on")]


def test_nothing_is_fetched(text: str) -> None:
    for tag, attributes in Elements(text).found:
        for name in ("src", "href", "xlink:href", "action", "poster", "srcset", "data"):
            address = attributes.get(name) or ""
            assert address.startswith(("#", "data:")) or not address, (tag, name, address)
    outside = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//\w+\.\w+|@import|url\((?!#)", outside)


def test_the_policy_allows_the_script_and_nothing_from_outside(text: str) -> None:
    policy = next(
        one["content"]
        for one in Elements(text).all("meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    )
    script = re.search(r"<script>(.*?)</script>", text, re.S)
    assert script is not None
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_the_page_has_landmarks_a_language_and_headings_in_order(text: str) -> None:
    elements = Elements(text)
    assert elements.all("html")[0]["lang"] == "en"
    assert all(len(elements.all(tag)) == 1 for tag in ("main", "header", "footer", "h1", "nav"))
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_identifiers_are_unique_and_links_lead_somewhere(text: str) -> None:
    elements = Elements(text)
    names = [one["id"] for _, one in elements.found if "id" in one]
    assert len(names) == len(set(names))
    links = [str(one["href"])[1:] for one in elements.all("a", "use")]
    assert links
    assert set(links) <= set(names)


def test_pictures_and_drawings_are_told_in_words(text: str) -> None:
    elements = Elements(text)
    assert all(one.get("alt") for one in elements.all("img"))
    assert all(one.get("role") == "img" and one.get("aria-label") for one in elements.all("svg"))


def test_tables_scroll_in_regions_that_a_keyboard_reaches(text: str) -> None:
    regions = [one for one in Elements(text).all("div") if one.get("role") == "region"]
    assert len(regions) == len(Elements(text).all("table"))
    assert all(one["tabindex"] == "0" and one["aria-label"] for one in regions)


def test_numbers_keep_their_unit_and_show_what_they_rest_on(text: str) -> None:
    assert "99.00\u00a0%" in text
    assert "<small>10 of 100\nseed 0</small>" in text
    assert 'class="tags"' in text
    assert "recalled: not checked" in text
    assert text.count("badnets study some --data digits") == 1, "said once"


def test_a_table_with_few_rows_or_no_order_is_not_sorted() -> None:
    few = Table("Few", (Column("a"),), ((Cell("1"),), (Cell("2"),)))
    fixed = Table("Fixed", (Column("a"),), ((Cell("1"),),) * 5, sortable=False)
    page = samples.page()
    section = page.sections[0]
    made = to_html(replace(page, sections=(replace(section, blocks=(few, fixed)),)))
    assert 'class="sortable"' not in made


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(SettingError, match="'Few' has 2 columns, a row has 1"):
        Table("Few", (Column("a"), Column("b")), ((Cell("1"),),))


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write_html(samples.page(), tmp_path / "new" / "page.html")
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    with pytest.raises(OutputError, match="cannot write"):
        write_html(samples.page(), path / "below.html")
    assert [one.name for one in path.parent.iterdir()] == ["page.html"]
