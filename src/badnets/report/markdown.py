"""A page as Markdown, with its drawings as SVG files beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
    Number,
    Numbers,
    Page,
    Row,
    Section,
    Story,
    StoryRow,
    Table,
)
from badnets.report.story import story_drawing

_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#$~"})


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
    header = f"Written by {code(written_by)}, not by hand." if written_by else ""
    return _Writer(folder, header).written(page)


def write_markdown(page: Page, path: Path, *, written_by: str = "") -> list[Path]:
    """Write the page, and its drawings to a folder that has the page's name; return the files.

    Args:
        page: the page.
        path: the Markdown file.
        written_by: see `to_markdown`.

    Raises:
        OutputError: read-only folder, full disk, or another reason the disk gave.
    """
    made = to_markdown(page, path.stem, written_by=written_by)
    written = [path]
    for name, svg in made.files.items():
        written.append(path.parent / name)
        write_text(written[-1], svg)
    write_text(path, made.text)  # last: it never links to what is not there yet
    return written


class _Writer:
    """Collects the text and the drawings of one page."""

    def __init__(self, folder: str, header: str) -> None:
        self.folder, self.header = folder, header
        self.files: dict[str, str] = {}
        self.stories = 0

    def written(self, page: Page) -> Markdown:
        parts = [f"# {escaped(page.title)}"]
        if page.kicker:
            parts.append(escaped(page.kicker))
        again = f"The numbers are made again by {code(page.command)}. {escaped(page.source)}"
        parts.append(f"{self.header} {again}".strip())
        parts.append(f"**{escaped(page.lead)}**")
        parts += [part for note in page.notes for part in self.block(note, 2)]
        if page.story:
            parts += self.block(page.story, 2)
        if page.numbers:
            parts += self.block(Numbers(page.numbers), 2)
        for number, section in enumerate(page.sections, 1):
            parts += self.section(number, section)
        return Markdown("\n\n".join(parts) + "\n", self.files)

    def section(self, number: int, section: Section) -> Iterator[str]:
        yield f"## {number}. {escaped(section.title)}"
        yield escaped(section.sentence)
        for block in section.blocks:
            yield from self.block(block, 3)

    def block(self, block: Block, level: int) -> Iterator[str]:
        """Give a block's paragraphs; ``level`` is that of its headings."""
        match block:
            case Note():
                yield f"> {escaped(block.text)}"
            case Numbers():
                yield _table(_NUMBERS, [_number(one) for one in block.numbers])
            case Story():
                yield self.drawn(self.story_name(), story_drawing(block), _story_alt(block))
                if block.basis:
                    yield f"<sub>{escaped(block.basis)}</sub>"
            case Table():
                yield f"{'#' * level} {escaped(block.title)}"
                yield from _table_parts(block)
            case Figure():
                yield from self.figure(block, level)
            case Gallery():
                for figure in block.figures:
                    yield from self.figure(figure, level)
            case Folded():
                yield f"<details>\n<summary>{escaped(block.title)}</summary>"
                for inner in block.blocks:
                    yield from self.block(inner, level)
                yield "</details>"

    def figure(self, figure: Figure, level: int) -> Iterator[str]:
        yield f"{'#' * level} {escaped(figure.title)}"
        yield escaped(figure.sentence)
        yield self.drawn(figure.name, figure.svg, figure.alt)
        if figure.basis:
            yield f"<sub>{escaped(figure.basis)}</sub>"
        if figure.table:
            yield f"<details>\n<summary>{escaped(figure.table.title)}</summary>"
            yield from _table_parts(figure.table)
            yield "</details>"

    def story_name(self) -> str:
        """Return a name for the next story: "story", then "story-2"."""
        self.stories += 1
        return "story" if self.stories == 1 else f"story-{self.stories}"

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


LONGEST = 50  # rows whose counts and intervals are spelled out below a table
_NUMBERS = ("", "", "rests on")


def _number(number: Number) -> list[str]:
    return [escaped(number.label), f"**{escaped(number.value)}**", escaped(number.detail)]


def _story_alt(story: Story) -> str:
    return " ".join(f"{row.title}: {row.sentence or _shown(row)}" for row in story.rows)


def _shown(row: StoryRow) -> str:
    """Return what a row's pictures show, each once."""
    return "; ".join(dict.fromkeys(picture.alt for picture in row.pictures)) + "."


def _table_parts(table: Table) -> Iterator[str]:
    heads = [_head(column) for column in table.columns]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    rows += [[_strong(_cell(cell)) for cell in row] for row in table.foot]
    yield _table(heads, rows, [column.numeric for column in table.columns])
    if table.basis:
        yield f"<sub>{escaped(table.basis)}</sub>"
    notes = _notes(table)
    if notes:
        yield f"<details>\n<summary>Counts and intervals: {escaped(table.title)}</summary>"
        yield notes
        yield "</details>"
    if table.tags:
        yield "\n".join(
            f"- <sup>{escaped(tag.letter)}</sup> {escaped(tag.word)}: {escaped(tag.meaning)}"
            for tag in table.tags
        )


def _head(column: Column) -> str:
    return escaped(f"{column.group}: {column.title}" if column.group else column.title)


def _table(
    heads: tuple[str, ...] | list[str], rows: list[list[str]], numeric: list[bool] | None = None
) -> str:
    right = numeric or [False] * len(heads)
    lines = [
        f"| {' | '.join(heads)} |",
        f"|{'|'.join('---:' if is_right else '---' for is_right in right)}|",
    ]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _cell(cell: Cell) -> str:
    tag = f"<sup>{escaped(cell.tag.letter)}</sup>" if cell.tag else ""
    text = escaped(cell.text) + tag
    return _strong(text) if cell.strong else text


def _strong(text: str) -> str:
    return f"**{text}**" if text and not text.startswith("**") else text


def _notes(table: Table) -> str:
    """Return a line per note; none of a long list, whose records hold them."""
    if len(table.rows) > LONGEST:
        return ""
    titles = [column.title for column in table.columns]
    heads = [
        _head(column) if titles.count(column.title) > 1 else escaped(column.title)
        for column in table.columns
    ]
    return "\n".join(
        f"- {escaped(row[0].text)}, {head}: {escaped(cell.note)}"
        for row in (*table.rows, *table.foot)
        for head, cell in zip(heads, row, strict=True)
        if cell.note and not _is_said(row, cell)
    )


def _is_said(row: Row, cell: Cell) -> bool:
    """Return whether a note says no more than a row that spells its counts out already."""
    return len(row) > 3 and all(not other.note for other in row if other is not cell)
