"""What is read off a page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest

from badnets.report import to_html
from badnets.report.page import Block, Figure, Note, Page, Section, Table, unfolded
from badnets.report.page import tables as tables_of
from badnets.studies.aggregate import Over
from badnets.studies.wording import percent

UNDRAWN = pytest.mark.usefixtures("undrawn")


def section(page: Page, name: str) -> Section:
    return next(one for one in page.sections if one.name == name)


def tables(page: Page, name: str) -> list[Table]:
    """Return the tables of a section, those of its figures among them."""
    return list(tables_of(replace(page, sections=(section(page, name),))))


def drawn(blocks: Iterable[Block]) -> list[Figure]:
    """Return the figures among some blocks, those of galleries and folds too."""
    return [one for one in unfolded(blocks) if isinstance(one, Figure)]


def notes(page: Page, kind: str, name: str = "") -> list[str]:
    """Return the notes of one kind, of a section or of the whole page."""
    parts = [one.blocks for one in page.sections if name in ("", one.name)]
    blocks = [*(page.notes if not name else ()), *(block for part in parts for block in part)]
    return [block.text for block in blocks if isinstance(block, Note) and block.kind == kind]


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in (*table.rows, *table.foot)]


def column(table: Table, place: int) -> list[str]:
    return [row[place] for row in texts(table)]


def shown(found: Over) -> str:
    return percent(found.mean, 1)


def sound(page: Page) -> str:
    """Return the page as HTML, without a number that is none."""
    text = to_html(page)
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    return text
