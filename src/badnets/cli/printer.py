"""The one printer: a result as text for people, or as JSON for machines."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeAlias

from badnets.core.printing import printable

Table: TypeAlias = tuple[Sequence[str], Sequence[Sequence[Any]]]
"""Headings, and lines of cells."""
_WORDS = (str, bool, type(None))  # what is in columns that are flush left
MOST_ROWS = 1000  # of a table that is fitted to the terminal's width, which takes its time
INTERVALS = "[low, high] in per cent, at 95 % (Wilson)"

if TYPE_CHECKING:
    from rich.console import Console

    from badnets.core.results import Result


def show(result: Result, *, json: bool = False) -> None:
    """Print a result: its facts one under the other, then its tables; or all of it as JSON."""
    if json:
        return show_json(result.model_dump(mode="json", exclude_unset=True, by_alias=True))
    from badnets.core.results import Result

    facts: dict[str, Any] = {}
    tables: list[Table] = []
    columns: dict[str, tuple[Any, ...]] = {}
    for title, value in _titled(result):
        match value:
            case dict() if not title:
                facts |= value
            case (Result(), *_):
                tables.append(_table(value))
            case tuple():
                columns |= {title: value} if value else {}
            case _:
                facts[title] = value
    if columns:
        tables.append((list(columns), [list(row) for row in zip(*columns.values(), strict=True)]))
    if any(getattr(value, "with_interval", "-") != "-" for value in facts.values()):
        facts.setdefault("intervals", INTERVALS)
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        say(f"{name:{width}}  {_text(value)}")
    for place, table in enumerate(tables):
        if facts or place:
            print()
        show_table(table)


def show_all(
    results: Iterable[Result], columns: Mapping[str, str] | None = None, *, json: bool = False
) -> None:
    """Print results: a line for each, or a JSON list.

    Args:
        results: of one kind.
        columns: field -> heading of what a line holds; None: every field that has a title.
        json: whether as JSON.
    """
    if json:
        before = "["
        for one in results:  # one at a time: there may be many
            plain = one.model_dump(mode="json", exclude_unset=True, by_alias=True)
            print(
                before,
                indent(json_format.dumps(plain, indent=2, allow_nan=False), "  "),
                sep="\n",
                end="",
            )
            before = ","
        print("[]" if before == "[" else "\n]")
    else:
        show_table(_table(list(results), columns))


def show_listing(tables: Iterable[Table]) -> None:
    """Print tables that have lines, one under the other."""
    for place, table in enumerate(tables):
        if table[1] or not place:
            print(end="\n" if place else "")
            show_table(table)


def show_json(value: Any) -> None:
    """Print plain values as JSON."""
    print(json_format.dumps(value, indent=2, allow_nan=False))


def show_files(paths: Sequence[object], *, json: bool = False) -> None:
    """Print the paths of files that were written, a line each."""
    if json:
        show_json({"files": [str(path) for path in paths]})
    else:
        print("\n".join(map(str, paths)))


def stdout() -> Console:
    """Return the console for results; plain and as wide as needed where it is no terminal."""
    from rich.console import Console

    wraps = sys.stdout.isatty()
    return Console(file=sys.stdout, highlight=False, emoji=False, soft_wrap=not wraps)


def say(text: str, *, error: bool = False) -> None:
    """Print one line of text, whatever is in it."""
    print(printable(text), file=sys.stderr if error else sys.stdout)


def _titled(result: Result) -> Iterator[tuple[str, Any]]:
    """Yield what text says of a result: title and value, in the order of its fields."""
    for name, field in type(result).model_fields.items():
        value = getattr(result, name)
        told = name in result.model_fields_set and name not in result.withheld
        if field.title is not None and told and value is not None:
            yield field.title, value


def _table(results: Sequence[Result], columns: Mapping[str, str] | None = None) -> Table:
    """Return headings and cells; without ``columns``, those with anything in them."""
    fields = {} if columns is not None or not results else type(results[0]).model_fields
    titles = columns or {
        name: field.title for name, field in fields.items() if field.title is not None
    }
    cells = [
        [None if name in each.withheld else getattr(each, name) for name in titles]
        for each in results
    ]
    told = [
        place
        for place in range(len(titles))
        if columns or any(line[place] is not None for line in cells)
    ]
    headings = list(titles.values())
    return [headings[k].strip() for k in told], [[line[k] for k in told] for line in cells]


def show_table(table: Table) -> None:
    """Print headings and cells: within the width of a terminal, else as wide as needed."""
    titles, rows = [printable(title) for title in table[0]], table[1]
    right = [
        bool(rows) and any(type(row[column]) not in _WORDS for row in rows)
        for column in range(len(titles))
    ]
    lines = [[_cell(value) for value in row] for row in rows]
    for place, line in enumerate(lines):
        if not "".join(line).isprintable():
            lines[place] = list(map(printable, line))
    columns = list(zip(titles, *lines, strict=True))
    widths = [max(map(len, column)) for column in columns]
    if sys.stdout.isatty() and len(lines) <= MOST_ROWS:
        from rich import box
        from rich.table import Table as Grid
        from rich.text import Text

        console, grid = stdout(), Grid(box=box.SIMPLE_HEAD, pad_edge=False)
        shown = [
            width if flush else max(len(word) for text in texts for word in text.split() or [""])
            for width, flush, texts in zip(widths, right, columns, strict=True)
        ]
        room = console.width - sum(shown) - 3 * len(shown) + 1
        if room >= 0:  # else names and numbers would be taken apart
            for place, (title, flush) in enumerate(zip(titles, right, strict=True)):
                more = min(room, widths[place] - shown[place])
                room -= more
                width = shown[place] + more
                grid.add_column(title, justify="right" if flush else "left", width=width)
            for line in lines:
                grid.add_row(*map(Text, line))
            return console.print(grid)
    pattern = "  ".join(
        f"{{:{'>' if flush else '<'}{n}}}" for n, flush in zip(widths, right, strict=True)
    )
    print("\n".join(pattern.format(*line).rstrip() for line in (titles, *lines)))


def _cell(value: Any) -> str:
    """Return a value as a cell of a table holds it: rates without their intervals."""
    match value:
        case str():
            return value
        case None:
            return "-"
        case bool():
            return "yes" if value else ""
        case float():
            return f"{value:.3f}"
        case int():
            return f"{value:,}" if value >= 10_000 else str(value)
    return str(value)


def _text(value: Any) -> str:
    """Return a value as a fact says it: rates with their intervals."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            return " x ".join(map(_text, value))
        case dict():
            return ", ".join(f"{key}: {_text(part)}" for key, part in value.items())
    return str(getattr(value, "with_interval", value))
