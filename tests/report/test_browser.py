"""The page in a browser: quiet, sortable by click and by key, accessible, and fit for a phone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from badnets.data import DataSet
from badnets.report import write_html
from badnets.report.audits import audit_page
from badnets.report.page import (
    Answer,
    Cell,
    Column,
    Picture,
    Section,
    Story,
    StoryRow,
    Table,
)
from tests.audit.small_models import audited
from tests.report import samples
from tests.studies.cases import whole

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]  # axe is slow on a busy machine
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("the browser test needs chromium, and CI=true allows no skipping")
        pytest.skip("chromium was not found")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox"], timeout=60_000
        ) as launched,
    ):
        yield launched


@pytest.fixture(scope="module", params=["sample", "mnist"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    if request.param == "sample":
        return write_html(samples.page(), folder / "sample.html")
    return write_html(whole("mnist"), folder / "mnist.html")


@dataclass
class Opened:
    """A page, and what it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


def opened(
    browser: Browser, path: Path, *, width: int = 1280, scheme: Literal["light", "dark"] = "light"
) -> Opened:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(60_000)
    seen = Opened(page)
    page.on("console", lambda message: seen.said.append(message.text))
    page.on("pageerror", lambda error: seen.said.append(str(error)))
    page.on("request", lambda request: seen.asked.append(request.url))
    page.goto(path.as_uri())
    return seen


def test_it_loads_without_errors_and_asks_for_nothing(browser: Browser, written: Path) -> None:
    seen = opened(browser, written)
    assert seen.page.locator("h1").is_visible()
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith("data:")] == [written.as_uri()]


@pytest.mark.parametrize("way", ["click", "keyboard"])
def test_a_table_is_sorted(browser: Browser, written: Path, way: str) -> None:
    page = opened(browser, written).page
    table = page.locator("table.sortable:visible", has=page.locator("tfoot tr")).first
    column = 1
    heading = table.locator("thead tr:last-child th").nth(column)

    def order() -> list[float]:
        cells = table.locator(f"tbody tr > :nth-child({column + 1})")
        return [float(one) for one in cells.evaluate_all("all => all.map(x => x.dataset.key)")]

    def press() -> None:
        if way == "click":
            heading.locator("button").click()
        else:
            heading.locator("button").focus()
            page.keyboard.press("Enter")

    before = order()
    press()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert order() == sorted(before)
    assert "smallest first" in page.locator("#announcement").inner_text()
    press()
    assert heading.get_attribute("aria-sort") == "descending"
    assert order() == sorted(before, reverse=True)
    assert table.locator("tfoot tr").count() >= 1


def test_what_is_not_known_stays_below(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, write_html(samples.page(), tmp_path / "page.html")).page
    table = page.locator("table.sortable").first
    button = table.locator("thead tr:last-child th button").nth(2)
    for _ in range(2):
        button.click()
        names = table.locator("tbody th").all_inner_texts()
        assert names[-1] == "two"


def test_counts_and_intervals_are_shown_when_asked_for(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, write_html(samples.page(), tmp_path / "page.html")).page
    note = page.locator("td small").first
    assert not note.is_visible()
    page.locator(".reveal input").first.check()
    assert note.is_visible()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_it_is_accessible(
    browser: Browser, written: Path, scheme: Literal["light", "dark"]
) -> None:
    page = opened(browser, written, scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.evaluate("document.querySelectorAll('.reveal input').forEach(one => one.click())")
    # rows of a table are alike, and axe is slow
    found = Axe().run(page, context={"exclude": [["tbody tr:nth-child(n+6)"]]})
    violations = found.response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in violations] == []


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, written: Path) -> None:
    page = opened(browser, written, width=375).page
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    wide = page.evaluate(
        """() => [...document.querySelectorAll('body *')]
            .filter(one => !one.closest('.scroll, .unseen, .skip, svg'))
            .filter(one => one.getBoundingClientRect().right > 376)
            .map(one => one.outerHTML.slice(0, 120))"""
    )
    assert wide == []


WIDE = ("signs", "transfer", "dogs", "retraining-signs")


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in WIDE),
        "demo",
    ],
)
def test_every_studys_page_is_accessible_and_fits_a_phone(
    browser: Browser, name: str, tmp_path: Path
) -> None:
    path = write_html(whole(name), tmp_path / "page.html")
    test_it_loads_without_errors_and_asks_for_nothing(browser, path)
    test_it_is_accessible(browser, path, "light")
    test_on_a_phone_nothing_is_wider_than_the_screen(browser, path)


def test_the_page_of_an_audit_is_accessible_and_fits_a_phone(
    browser: Browser, toys: DataSet, tmp_path: Path
) -> None:
    page = audit_page(audited(toys, "backdoor likely"), "net", "badnets audit model net")
    path = write_html(page, tmp_path / "page.html")
    test_it_loads_without_errors_and_asks_for_nothing(browser, path)
    test_it_is_accessible(browser, path, "light")
    test_on_a_phone_nothing_is_wider_than_the_screen(browser, path)


def test_in_the_dark_no_drawing_keeps_light_colours(browser: Browser, written: Path) -> None:
    page = opened(browser, written, scheme="dark").page
    ink = page.evaluate("getComputedStyle(document.querySelector('.drawing svg text')).fill")
    assert ink not in ("rgb(28, 33, 39)", "rgb(0, 0, 0)")


def test_badges_stay_inside_their_tiles(browser: Browser, tmp_path: Path) -> None:
    answers = (Answer("clean", "7", 0.99, "clean"), Answer("backdoored", "7", 1.0, "backdoored"))
    words = (Answer("backdoored", "speed-limit", 1.0, "backdoored"),)
    rows = tuple(
        StoryRow("Seen", "", (Picture(samples.png(), "seven", said),) * many)
        for said, many in ((answers, 10), (words, 6))
    )
    page = replace(samples.page(), story=Story(rows))
    path = write_html(page, tmp_path / "tiles.html")
    for width in (1200, 390):
        shown = opened(browser, path, width=width).page
        beyond = """() => [...document.querySelectorAll(".pictures li")].filter((tile) => {
            const edge = tile.getBoundingClientRect();
            return [...tile.querySelectorAll(".answer b")].some((badge) => {
                const own = badge.getBoundingClientRect();
                return own.right > edge.right + 0.5 || own.left < edge.left - 0.5;
            });
        }).length"""
        assert shown.evaluate(beyond) == 0, width


def test_a_table_that_does_not_fit_says_that_it_scrolls(browser: Browser, tmp_path: Path) -> None:
    wide = tuple(Column(f"a column of a wide table, {k}") for k in range(12))
    row = tuple(Cell(f"{k}") for k in range(12))
    table = Table("wide", wide, (row,))
    page = replace(samples.page(), sections=(Section("s", "S", "Said.", (table,)),))
    path = write_html(page, tmp_path / "wide.html")
    cue = "() => getComputedStyle(document.querySelector('.cue')).display"
    phone = opened(browser, path, width=390).page
    phone.wait_for_timeout(200)
    assert phone.evaluate(cue) == "block"
    narrow = write_html(samples.page(), tmp_path / "narrow.html")
    small = opened(browser, narrow).page
    small.wait_for_timeout(200)
    assert small.evaluate(cue) == "none"
