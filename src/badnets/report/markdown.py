"""A page as Markdown, with its drawings as SVG files beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from badnets.bundles.atomic import write_text
from badnets.report.drawing import on_ground
from badnets.report.page import (
    Block,
    Cell,
    Column,
    Figure,
    Folded,
    Gallery,
    Note,
    Numbers,
    Page,
    Row,
    Story,
    Table,
)
from badnets.report.story import story_drawing

_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#$~"})
LONGEST = 50  # rows whose counts and intervals are spelled out below a table


@dataclass(frozen=True)
class Markdown:
    """A page as Markdown.

    Attributes:
        text: the page.
        files: its drawings: path relative to the page -> SVG.
    """

    text: str
    files: dict[str, str]


def to_markdown(page: Page, folder: str = "figures", *, written_by: str = "") -> Markdown:
    """Return the page as Markdown; its text links to drawings in ``folder``.

    Args:
        page: the page.
        folder: where the drawings are to lie, relative to the page.
        written_by: the command that writes the file, where that is not the page's own.
    """
    header = f"Written by {code(written_by)}, not by hand. " if written_by else ""
    writer = _Writer(folder)
    return Markdown("\n\n".join(writer.page(page, header)) + "\n", writer.files)


def write_markdown(page: Page, path: Path | str, *, written_by: str = "") -> list[Path]:
    """Write the page, and its drawings to a folder that has the page's name; return the files.

    Args:
        page: the page.
        path: the Markdown file.
        written_by: see `to_markdown`.

    Raises:
        OutputError: read-only folder, full disk, or another reason the disk gave.
    """
    path = Path(path)
    made = to_markdown(page, path.stem, written_by=written_by)
    files = {path.parent / name: svg for name, svg in made.files.items()}
    # the page last: it never links to what is not there yet
    for target, text in (*files.items(), (path, made.text)):
        write_text(target, text)
    return [path, *files]


@dataclass
class _Writer:
    """Collects the drawings of one page while its paragraphs are given."""

    folder: str
    files: dict[str, str] = field(default_factory=dict)
    stories: count[int] = field(default_factory=lambda: count(1))

    def page(self, page: Page, header: str) -> Iterator[str]:
        yield f"# {escaped(page.title)}"
        if page.kicker:
            yield escaped(page.kicker)
        again = f"The numbers are made again by {code(page.command)}. {escaped(page.source)}"
        yield (header + again).strip()
        yield f"**{escaped(page.lead)}**"
        numbers = [Numbers(page.numbers)] if page.numbers else []
        yield from self.blocks([*page.notes, *([page.story] if page.story else []), *numbers], 2)
        for number, section in enumerate(page.sections, 1):
            yield f"## {number}. {escaped(section.title)}"
            yield escaped(section.sentence)
            yield from self.blocks(section.blocks, 3)

    def blocks(self, blocks: Iterable[Block], level: int) -> Iterator[str]:
        """Give the paragraphs of blocks; ``level`` is that of their headings."""
        for block in blocks:
            match block:
                case Note():
                    yield f"> {escaped(block.text)}"
                case Numbers():
                    rows = [(one.label, one.value, one.detail) for one in block.numbers]
                    texts = [[escaped(text) for text in row] for row in rows]
                    shown = [[label, f"**{value}**", detail] for label, value, detail in texts]
                    yield _table(["", "", "rests on"], shown, [False] * 3)
                case Story():
                    number = next(self.stories)
                    name = "story" if number == 1 else f"story-{number}"
                    yield self.drawn(name, story_drawing(block), _story_alt(block))
                    yield from _basis(block.basis)
                case Table():
                    yield f"{'#' * level} {escaped(block.title)}"
                    yield from _table_parts(block)
                case Figure():
                    yield from self.figure(block, level)
                case Gallery():
                    yield from self.blocks(block.figures, level)
                case Folded():
                    yield from _folded(block.title, self.blocks(block.blocks, level))

    def figure(self, figure: Figure, level: int) -> Iterator[str]:
        yield f"{'#' * level} {escaped(figure.title)}"
        yield escaped(figure.sentence)
        yield self.drawn(figure.name, figure.svg, figure.alt)
        yield from _basis(figure.basis)
        if figure.table:
            yield from _folded(figure.table.title, _table_parts(figure.table))

    def drawn(self, name: str, svg: str, alt: str) -> str:
        path = f"{self.folder}/{name}.svg"
        self.files[path] = on_ground(svg)
        return f"![{escaped(alt)}]({path})"


def code(text: str) -> str:
    """Return text as a code span."""
    return "`" + " ".join(text.replace("`", "'").split()) + "`"


def escaped(text: str) -> str:
    """Return text with whatever Markdown or HTML would take for markup made harmless."""
    return " ".join(text.replace("&", "&amp;").translate(_SPECIAL).split())


def _basis(text: str) -> Iterator[str]:
    if text:
        yield f"<sub>{escaped(text)}</sub>"


def _folded(title: str, parts: Iterable[str]) -> Iterator[str]:
    yield f"<details>\n<summary>{escaped(title)}</summary>"
    yield from parts
    yield "</details>"


def _story_alt(story: Story) -> str:
    """Return each row's title with its sentence, or else what its pictures show, each once."""
    shown = (
        row.sentence or "; ".join(dict.fromkeys(one.alt for one in row.pictures)) + "."
        for row in story.rows
    )
    return " ".join(f"{row.title}: {said}" for row, said in zip(story.rows, shown, strict=True))


def _table_parts(table: Table) -> Iterator[str]:
    rows = [[_cell(cell, strong=cell.strong) for cell in row] for row in table.rows]
    rows += [[_cell(cell, strong=True) for cell in row] for row in table.foot]
    heads = [_head(column) for column in table.columns]
    yield _table(heads, rows, [column.numeric for column in table.columns])
    yield from _basis(table.basis)
    notes = _notes(table)
    if notes:
        yield from _folded(f"Counts and intervals: {table.title}", ["\n".join(notes)])
    if table.tags:
        yield "\n".join(
            f"- <sup>{escaped(tag.letter)}</sup> {escaped(tag.word)}: {escaped(tag.meaning)}"
            for tag in table.tags
        )


def _head(column: Column) -> str:
    return escaped(f"{column.group}: {column.title}" if column.group else column.title)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    ruler = "|".join("---:" if is_right else "---" for is_right in right)
    return "\n".join(
        [f"| {' | '.join(heads)} |", f"|{ruler}|", *(f"| {' | '.join(row)} |" for row in rows)]
    )


def _cell(cell: Cell, *, strong: bool) -> str:
    tag = f"<sup>{escaped(cell.tag.letter)}</sup>" if cell.tag else ""
    text = escaped(cell.text) + tag
    return f"**{text}**" if strong and text else text


def _notes(table: Table) -> list[str]:
    """Return a line per note; none of a long list, whose records hold them."""
    if len(table.rows) > LONGEST:
        return []
    titles = [column.title for column in table.columns]
    heads = [
        _head(column) if titles.count(column.title) > 1 else escaped(column.title)
        for column in table.columns
    ]
    return [
        f"- {escaped(row[0].text)}, {head}: {escaped(cell.note)}"
        for row in (*table.rows, *table.foot)
        for head, cell in zip(heads, row, strict=True)
        if cell.note and not _is_said(row, cell)
    ]


def _is_said(row: Row, cell: Cell) -> bool:
    """Return whether a note says no more than a row that spells its counts out already."""
    return len(row) > 3 and all(not other.note for other in row if other is not cell)
