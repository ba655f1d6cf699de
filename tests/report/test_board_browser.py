"""A board in a browser: sorted, filtered, opened, and brought back by its address."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from badnets.report import write_html
from badnets.report.page import Section
from badnets.studies.leaderboard.page import Leaderboard
from badnets.studies.leaderboard.writing import to_csv
from tests.report import samples, test_browser
from tests.report.test_browser import Opened, opened
from tests.studies.test_leaderboard import defended, read

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
browser = test_browser.browser
LAST = 0x18D  # a row that is not shown at first, of which something is known


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page with a board of 400 rows."""
    section = Section("rows", "Rows", "Said.", (samples.board(),))
    page = replace(samples.page(), sections=(section,))
    return write_html(page, tmp_path_factory.mktemp("board") / "board.html")


@pytest.fixture(scope="module")
def seen(browser: Browser, path: Path) -> Iterator[Opened]:
    """Return that page, once for all tests: each begins with an address."""
    yield opened(browser, path)


def at(seen: Opened, address: str = "") -> Page:
    """Return the page as somebody finds it who opens an address."""
    seen.page.goto("about:blank")
    seen.page.goto(seen.asked[0] + address)
    return seen.page


def shown(page: Page) -> list[str]:
    rows = page.locator("table.board > tbody > tr[id^=row-]")
    return list(rows.evaluate_all("all => all.map(one => one.id.slice(4))"))


def said(page: Page) -> str:
    return page.locator(".shown").inner_text()


def test_a_board_shows_a_part_and_more_when_asked(seen: Opened) -> None:
    page = at(seen)
    assert len(shown(page)) == 300 and said(page) == "300 of 400 rows."
    page.get_by_role("button", name="show more").click()
    assert len(shown(page)) == 400 and not page.locator(".more button").is_visible()


def test_all_rows_are_sorted_not_only_those_that_are_shown(seen: Opened) -> None:
    page = at(seen)
    heading = page.locator("table.board thead th").nth(2)
    heading.locator("button").click()
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert shown(page)[:2] == [f"{k:08x}" for k in (399, 397)]
    assert page.url.endswith("#sort=2-")
    assert shown(at(seen, "#sort=2-"))[:2] == [f"{k:08x}" for k in (399, 397)]
    assert page.locator("thead th[aria-sort=descending]").count() == 1


def test_rows_are_filtered_and_the_address_brings_it_back(seen: Opened) -> None:
    page = at(seen)
    page.get_by_label("data").select_option("gtsrb")
    assert said(page) == "133 of 133 rows, of 400 in all."
    page.get_by_label("search").fill("warp")
    assert len(shown(page)) == 133 and "#data=gtsrb&q=warp" in page.url
    page = at(seen, "#data=mnist&attack=patch&sort=2-")
    assert page.get_by_label("attack").input_value() == "patch"
    assert said(page) == "134 of 134 rows, of 400 in all." and shown(page)[0] == f"{399:08x}"
    page.get_by_role("button", name="all rows").click()
    page.get_by_text("300 of 400 rows.").wait_for()
    page = at(seen, "#data=nowhere")
    assert said(page) == "0 of 0 rows, of 400 in all."


@pytest.mark.parametrize("address", [f"row-{LAST:08x}", f"record-{LAST:016x}"])
def test_a_row_and_a_record_have_an_address(seen: Opened, address: str) -> None:
    page = at(seen, f"#{address}")
    line = page.locator(f"#{address}")
    line.wait_for()
    assert line.is_visible() and f"{LAST:08x}" in shown(page)
    panel = page.locator("tr.opened")
    assert panel.count() == 1 and "badnets study mnist" in panel.inner_text()
    top = line.evaluate("one => one.getBoundingClientRect().top")
    assert 0 <= top <= 900


def test_a_row_is_opened_and_closed_and_its_text_is_no_markup(seen: Opened) -> None:
    page = at(seen, "#data=mnist")
    link = page.locator("#row-00000002 a")
    link.click()
    assert link.get_attribute("aria-expanded") == "true"
    assert '{"data": "</script>"}' in page.locator("tr.opened").inner_text()
    assert "row=00000002" in page.url and "data=mnist" in page.url
    page.locator("#row-00000002 a").click()
    assert page.locator("tr.opened").count() == 0 and "row=" not in page.url
    assert page.locator("table.board b").count() == 0


def test_a_link_to_a_row_that_is_filtered_away_shows_it_all_the_same(seen: Opened) -> None:
    page = at(seen, "#data=gtsrb")
    page.evaluate("location.hash = 'row-00000000'")
    page.locator("tr.opened").wait_for()
    assert "00000000" in shown(page) and page.get_by_label("data").input_value() == ""
    page.evaluate("location.hash = 'rows'")
    page.wait_for_timeout(100)
    assert page.locator("tr.opened").count() == 1, "a section's address changes nothing"


def test_without_scripts_the_table_is_there(browser: Browser, path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("table.board tbody tr").count() == 300
    assert "300 of 400 rows" in page.locator(".more").inner_text()
    assert not page.locator(".controls").is_visible()
    context.close()


def test_nothing_was_asked_for_and_nothing_complained(seen: Opened) -> None:
    at(seen, "#row-00000001")
    assert seen.said == []
    assert {re.sub("#.*", "", url) for url in seen.asked if not url.startswith("data:")} <= {
        seen.asked[0], "about:blank",
    }  # fmt: skip


def test_the_leaderboard_is_accessible_and_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    board = Leaderboard(read(list(defended().records.values())), "badnets leaderboard", "b.csv")
    path = write_html(board.page, tmp_path / "page.html")
    test_browser.test_it_loads_without_errors_and_asks_for_nothing(browser, path)
    test_browser.test_it_is_accessible(browser, path, "light")
    test_browser.test_on_a_phone_nothing_is_wider_than_the_screen(browser, path)
    page = opened(browser, path).page
    link = page.locator("td.shared a").first
    text = link.inner_text()
    link.click()
    row = page.locator("tr.marked")
    assert text in row.inner_text() and page.locator("tr.opened code").first.is_visible()
    names = {one["row"] for one in csv.DictReader(to_csv(board).splitlines())}
    assert {*shown(page)} <= names
