"""A page as one HTML file that needs nothing else: no request leaves it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from badnets.bundles.atomic import write_text
from badnets.report.page import Block, Board, Column, Figure, Page, Table, boards, unfolded
from badnets.report.palette import COLOURS, MAGMA
from badnets.report.text import printable

FIRST = 300  # rows of a board that are there without scripts; the others wait in a template
FEWEST_SORTED = 3  # a table of two rows is not worth a button in each heading


def to_html(page: Page) -> str:
    """Return the page as HTML: styles, script, pictures and drawings inside, nothing fetched.

    All text is escaped; drawings are taken as they are, so they must come from
    `badnets.report.charts`. The same page gives the same text.
    """
    found = boards(page)
    holding = (one.name for one in page.sections if any(b in found for b in unfolded(one.blocks)))
    script = _asset("page.js") + (_asset("board.js") if found else "")
    style = _asset("page.css") + (_asset("board.css") if found else "")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            # both are files of this package, not text from a record
            style=Markup(_variables() + style),
            script=Markup(script),
            script_digest=digest,
            boards=found,
            filtered=next(holding, None),
        )
    )


def write_html(page: Page, path: Path | str) -> Path:
    """Write the page and return its path.

    Raises:
        OutputError: read-only folder, full disk, or another reason the disk gave.
    """
    path = Path(path)
    write_text(path, to_html(page))
    return path


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return what the templates of this room are filled in with; all text is escaped."""
    made = Environment(
        loader=PackageLoader("badnets.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=unbroken,
    )
    made.filters["kind"] = kind
    made.filters["data_uri"] = data_uri
    made.filters["drawn"] = _drawn
    made.filters["grouped"] = grouped
    made.filters["evidence"] = _evidence
    made.filters["marks"] = _marks
    made.globals |= {"FEWEST_SORTED": FEWEST_SORTED, "FIRST": FIRST}
    return made


def kind(block: Block) -> str:
    """Return a block's kind: the name of its class in lower case."""
    return type(block).__name__.lower()


def unbroken(value: object) -> object:
    """Return text that can be shown, numbers on one line with their unit; others as they are."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return printable(value).replace(" %", "\u00a0%").replace("n = ", "n\u00a0=\u00a0")


class Group(NamedTuple):
    """Neighbouring columns under one heading."""

    title: str
    span: int


def grouped(columns: Sequence[Column]) -> list[Group]:
    """Return the headings above the columns' own, with how many columns each spans."""
    runs = groupby(columns, key=lambda column: column.group)
    return [Group(title, len(list(run))) for title, run in runs]


def data_uri(png: bytes) -> str:
    """Return a PNG file as a ``data:`` address."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _drawn(figure: Figure) -> Markup:
    from badnets.report.drawing import themed  # matplotlib, for pages that have drawings

    return Markup(themed(figure.svg, figure.alt))


def _marks(table: Table, place: int) -> Markup:
    """Return the attributes of a row: its place on the page, and what it is filtered by."""
    if not isinstance(table, Board):
        return Markup()
    line = table.lines[place]
    facets = zip(table.facets, line.facets, strict=True)
    values = "".join(f' data-{name}="{escape(value)}"' for name, value in facets)
    return Markup(f' id="row-{escape(line.name)}"{values}')


def _evidence(boards: Sequence[Board]) -> Markup:
    """Return what rows rest on, by their names, as JSON that no text can break out of."""
    found = {line.name: line.rests_on for board in boards for line in board.lines}
    text = json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(printable(text).replace("<", "\\u003c"))


def _variables() -> str:
    """Return the palette as CSS variables; paper is light."""
    light = "".join(f"--{name}:{colour.light};" for name, colour in COLOURS.items())
    dark = "".join(f"--{name}:{colour.dark};" for name, colour in COLOURS.items())
    return (
        f":root{{color-scheme:light dark;--magma:{','.join(MAGMA)};{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    )


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    return (files("badnets.report") / "templates" / name).read_text(encoding="utf-8")
