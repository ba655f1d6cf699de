"""A page as Markdown to be read, its drawings as SVG files and all its numbers as CSV beside it.

What the page folds away is not written out: the numbers are in the CSV, drawings are linked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from badnets.bundles.atomic import write_text
from badnets.report.drawing import on_ground
from badnets.report.numbers import numbers_csv
from badnets.report.page import (
    Block,
    Cell,
    Figure,
    Folded,
    Gallery,
    Note,
    Numbers,
    Page,
    Row,
    Story,
    Table,
    Tag,
    tables,
    unfolded,
)
from badnets.report.story import story_drawing
from badnets.report.text import printable

_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#$~"})
LONGEST = 16  # rows that a table has here; of a longer one those that stand out
WIDE, NARROW = 2, 3  # drawings side by side: of a gallery of wide ones, and of narrow ones
NARROWEST = 300  # pixels from which a gallery's drawings are wide ones


@dataclass(frozen=True)
class Markdown:
    """A page as Markdown.

    Attributes:
        text: the page.
        files: what lies beside it: path relative to the page -> SVG or CSV.
    """

    text: str
    files: dict[str, str]


def to_markdown(page: Page, name: str = "figures", *, written_by: str = "") -> Markdown:
    """Return the page as Markdown; its text links to drawings in a folder, and to a CSV file.

    Args:
        page: the page.
        name: of the folder, and of the file without its ending, relative to the page.
        written_by: the command that writes the file, where that is not the page's own.
    """
    header = f"Written by {code(written_by)}, not by hand. " if written_by else ""
    writer = _Writer(name)
    text = "\n\n".join(writer.page(page, header)) + "\n"
    return Markdown(text, writer.files | {writer.csv: numbers_csv(page)})


def write_markdown(page: Page, path: Path | str, *, written_by: str = "") -> list[Path]:
    """Write the page, its drawings to a folder that has its name, and its numbers as CSV.

    Args:
        page: the page.
        path: the Markdown file.
        written_by: see `to_markdown`.

    Returns:
        The files, the page first.

    Raises:
        OutputError: read-only folder, full disk, or another reason the disk gave.
    """
    path = Path(path)
    made = to_markdown(page, path.stem, written_by=written_by)
    files = {path.parent / name: text for name, text in made.files.items()}
    # the page last: it never links to what is not there yet
    for target, text in (*files.items(), (path, made.text)):
        write_text(target, text)
    return [path, *files]


@dataclass
class _Writer:
    """Collects the drawings of one page while its paragraphs are given."""

    name: str
    files: dict[str, str] = field(default_factory=dict)
    tags: tuple[Tag, ...] = ()
    stories: count[int] = field(default_factory=lambda: count(1))

    @property
    def csv(self) -> str:
        return f"{self.name}.csv"

    def page(self, page: Page, header: str) -> Iterator[str]:
        yield f"# {escaped(page.title)}"
        if page.kicker:
            yield escaped(page.kicker)
        again = f"{code(page.command)} makes the numbers again. {escaped(page.source)}"
        every = f"Every number, with its count, interval and seeds: [{self.csv}]({self.csv})."
        yield f"{header}{again} {every}"
        yield f"**{escaped(page.lead)}**"
        self.tags = tuple(dict.fromkeys(tag for table in tables(page) for tag in table.tags))
        numbers = [Numbers(page.numbers)] if page.numbers else []
        yield from self.blocks([*page.notes, *([page.story] if page.story else []), *numbers])
        for number, section in enumerate(page.sections, 1):
            yield f"## {number}. {escaped(section.title)}"
            yield escaped(section.sentence)
            yield from self.blocks(section.blocks)

    def blocks(self, blocks: Iterable[Block]) -> Iterator[str]:
        """Give the paragraphs of blocks."""
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
                    yield from self.table(block)
                case Figure():
                    yield "\n\n".join(self.figure(block))
                case Gallery():
                    yield from self.gallery(block)
                case Folded():
                    yield self.folded(block)

    def table(self, table: Table) -> Iterator[str]:
        shown, basis = [*table.rows, *table.foot], table.basis
        if len(shown) > LONGEST:
            shown = [row for row in table.rows if any(cell.strong for cell in row)] + [*table.foot]
            basis = f"{len(table.rows)} rows: {self.csv}. {basis}"
        yield f"**{escaped(table.title)}**"
        if shown:
            rows = [_row(row, strong=row in table.foot) for row in shown]
            heads = [escaped(column.whole) for column in table.columns]
            yield _table(heads, rows, [column.numeric for column in table.columns])
        yield from _basis(basis)
        if self.tags and any(cell.tag for row in shown for cell in row):
            yield from _basis(_legend(self.tags))
            self.tags = ()  # once on a page

    def figure(self, figure: Figure) -> list[str]:
        """Return title with sentence, drawing, and small print where there is any."""
        said = f"**{escaped(figure.title)}.** {escaped(figure.sentence)}"
        return [said, self.drawn(figure.name, figure.svg, figure.alt), *_basis(figure.basis)]

    def gallery(self, gallery: Gallery) -> Iterator[str]:
        """Give drawings side by side, as a table; their small print once, where it is alike."""
        parts = [self.figure(figure) for figure in gallery.figures]
        alike = len({tuple(part[2:]) for part in parts}) == 1
        cells = ["<br>".join(part[:2] if alike else part) for part in parts]
        across = min(WIDE if gallery.width >= NARROWEST else NARROW, len(cells))
        cells += [""] * (-len(cells) % across)
        lines = [cells[start : start + across] for start in range(0, len(cells), across)]
        yield _table([""] * across, lines, [False] * across)
        if alike:
            yield from parts[0][2:]

    def folded(self, block: Folded) -> str:
        """Return a line that says where everything in the block is."""
        said = [f"**{escaped(block.title)}**: [{self.csv}]({self.csv})"]
        for one in unfolded(block.blocks):
            if isinstance(one, Figure):
                self.drawn(one.name, one.svg, one.alt)
                hint = escaped(one.alt).replace('"', "'")
                said.append(f'[{escaped(one.title)}]({self.name}/{one.name}.svg "{hint}")')
        return ", ".join(said)

    def drawn(self, name: str, svg: str, alt: str) -> str:
        path = f"{self.name}/{name}.svg"
        self.files[path] = on_ground(svg)
        return f"![{escaped(alt)}]({path})"


def code(text: str) -> str:
    """Return text as a code span."""
    return "`" + " ".join(printable(text).replace("`", "'").split()) + "`"


def escaped(text: str) -> str:
    """Return text with whatever Markdown or HTML would take for markup made harmless."""
    return " ".join(printable(text).replace("&", "&amp;").translate(_SPECIAL).split())


def _basis(text: str) -> Iterator[str]:
    if text:
        yield f"<sub>{escaped(text)}</sub>"


def _legend(tags: Iterable[Tag]) -> str:
    """Return what the letters beside published numbers say."""
    said = "; ".join(f"{tag.letter}: {tag.word} ({tag.meaning})" for tag in tags)
    return f"Letters beside published numbers say how certain they are. {said}."


def _story_alt(story: Story) -> str:
    """Return each row's title with its sentence, or else what its pictures show, each once."""
    shown = (
        row.sentence or "; ".join(dict.fromkeys(one.alt for one in row.pictures)) + "."
        for row in story.rows
    )
    return " ".join(f"{row.title}: {said}" for row, said in zip(story.rows, shown, strict=True))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    ruler = "|".join("---:" if is_right else "---" for is_right in right)
    return "\n".join(
        [f"| {' | '.join(heads)} |", f"|{ruler}|", *(f"| {' | '.join(row)} |" for row in rows)]
    )


def _row(row: Row, *, strong: bool) -> list[str]:
    return [_cell(cell, strong=strong or cell.strong) for cell in row]


def _cell(cell: Cell, *, strong: bool) -> str:
    tag = f"<sup>{escaped(cell.tag.letter)}</sup>" if cell.tag else ""
    text = escaped(cell.text) + tag
    under = f"<br><sub>{escaped(cell.under)}</sub>" if cell.under else ""
    return (f"**{text}**" if strong and text else text) + under
