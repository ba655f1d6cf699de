"""Every number of a page as CSV, one cell of a table a line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from badnets.core.printing import no_formula
from badnets.report.page import Evidence, Numbers, Page, Table, blocks, tables
from badnets.report.text import printable

COLUMNS = (
    "table", "line", "row", "column", "value", "certainty", "hits", "n", "low", "high", "seeds",
    "rests on",
)  # fmt: skip
_NUMBER = re.compile(r"[+\u2212]?\d[\d,]*(\.\d+)?")


def numbers_csv(page: Page) -> str:
    """Return the cells of every table of the page, those behind drawings too.

    A line is a cell: its table, the place and the name of its row, its column, its value as it is
    printed; then what it rests on: counts (one for each network), the ends of the 95 % interval in
    the value's unit, seeds, and the same in words.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in _lines(page):
        writer.writerow(map(_plain, line))
    return buffer.getvalue()


def _lines(page: Page) -> Iterator[tuple[str, ...]]:
    for block in (Numbers(page.numbers), *blocks(page)):
        for place, one in enumerate(block.numbers if isinstance(block, Numbers) else (), 1):
            yield ("in short", str(place), one.label, "", one.value, *[""] * 6, one.detail)
    for table in tables(page):
        yield from _cells(table)


def _cells(table: Table) -> Iterator[tuple[str, ...]]:
    for place, row in enumerate((*table.rows, *table.foot), 1):
        for column, cell in zip(table.columns[1:], row[1:], strict=True):
            if cell.text:
                certainty = cell.tag.word if cell.tag else ""
                yield (
                    table.title, str(place), row[0].text, column.whole, cell.text, certainty,
                    *_evidence(cell.evidence), cell.note,
                )  # fmt: skip


def _evidence(given: Evidence | None) -> tuple[str, ...]:
    found = given or Evidence()
    n = found.n[:1] if len(set(found.n)) == 1 else found.n
    many = (" ".join(map(str, counts)) for counts in (found.hits, n))
    ends = ("" if end is None else f"{end:.4f}" for end in (found.low, found.high))
    return (*many, *ends, " ".join(map(str, found.seeds)))


def _plain(text: str) -> str:
    """Return a number as one, and text that no program takes for a formula."""
    if _NUMBER.fullmatch(text):
        return text.replace(",", "").replace("\u2212", "-").removeprefix("+")
    text = " ".join(printable(text).split())
    return no_formula(text)
