"""What a report says, before it is HTML or Markdown: frozen, plain text and drawings."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from badnets.core.errors import SettingError

# What a colour says, the same in every table and drawing. "clean": honest images and answers;
# "backdoored": the trigger, and what the backdoor makes of it; "published": the paper's numbers.
Tone = Literal["plain", "clean", "backdoored", "published", "muted"]


@dataclass(frozen=True)
class Answer:
    """What one network says of one picture.

    Args:
        by: who answers, in a word or two.
        text: the class it names.
        probability: how sure it is, in [0, 1]; 0 where there is nothing to be sure of.
        tone: ``"clean"`` for the true label, ``"backdoored"`` for the attacker's.
    """

    by: str
    text: str
    probability: float
    tone: Tone = "plain"


@dataclass(frozen=True)
class Picture:
    """A small image with what the networks say of it.

    Args:
        png: the image as a PNG file.
        alt: what it shows, in words.
        answers: one per network.
        mark: what is to be noticed, as (left, top, width, height) in shares of the image.
    """

    png: bytes
    alt: str
    answers: tuple[Answer, ...]
    mark: tuple[float, float, float, float] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as the file's header says them."""
        width, height = struct.unpack(">II", self.png[16:24])
        return width, height


@dataclass(frozen=True)
class StoryRow:
    """Pictures side by side, with a heading and a sentence."""

    title: str
    sentence: str
    pictures: tuple[Picture, ...]
    tone: Tone = "plain"

    @property
    def wordy(self) -> bool:
        """Whether answers are words, which want more room than digits."""
        return any(len(one.text) > 2 for picture in self.pictures for one in picture.answers)

    @property
    def widest(self) -> int:
        """Width of the widest picture, in pixels."""
        return max((picture.size[0] for picture in self.pictures), default=0)


@dataclass(frozen=True)
class Story:
    """Rows of the same pictures: as they are, and with the trigger.

    Args:
        rows: from top to bottom.
        basis: what they are, in small print.
        scale: what black and the lightest colour stand for, where the pictures are maps.
    """

    rows: tuple[StoryRow, ...]
    basis: str = ""
    scale: tuple[str, str] | None = None


@dataclass(frozen=True)
class Number:
    """One of the few numbers that matter most.

    Args:
        label: what it is.
        value: as it is printed, with its unit.
        detail: n, interval and seeds, in small print.
        tone: its colour.
    """

    label: str
    value: str
    detail: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Tag:
    """How certain a published number is: a letter beside it, explained below the table."""

    letter: str
    word: str
    meaning: str


class Evidence(NamedTuple):
    """What a number rests on, for those who reckon with it.

    Attributes:
        hits: how many answers counted, of each network.
        n: of how many.
        low: lower end of the 95 % interval, in the cell's unit.
        high: its upper end.
        seeds: of the networks.
    """

    hits: tuple[int, ...] = ()
    n: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Cell:
    """A place in a table.

    Args:
        text: what it says.
        key: what its column is sorted by; None: the text.
        note: what the number rests on, in words: counts, interval, seeds.
        tone: its colour.
        tag: how certain a published number is.
        strong: whether it stands out.
        evidence: what the note says, in numbers.
        under: a second line in small print.
        share: in [0, 1], drawn behind the text; None: nothing is.
        link: the place on the page that it leads to.
    """

    text: str
    key: float | str | None = None
    note: str = ""
    tone: Tone = "plain"
    tag: Tag | None = None
    strong: bool = False
    evidence: Evidence | None = None
    under: str = ""
    share: float | None = None
    link: str = ""


@dataclass(frozen=True)
class Column:
    """A column's heading; neighbours with the same ``group`` share a heading above theirs."""

    title: str
    numeric: bool = True
    group: str = ""
    tone: Tone = "plain"

    @property
    def whole(self) -> str:
        """The heading with that of its group."""
        return f"{self.group}: {self.title}" if self.group else self.title


Row: TypeAlias = tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first cell of a row names it.

    Args:
        title: what the table shows.
        columns: headings.
        rows: as many cells each.
        foot: rows that stay below when the others are sorted.
        basis: one sentence in small print: n, interval, seeds.
        sortable: whether another order of the rows makes sense.

    Raises:
        SettingError: a row has another number of cells than there are columns.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    foot: tuple[Row, ...] = ()
    basis: str = ""
    sortable: bool = True

    def __post_init__(self) -> None:
        for row in (*self.rows, *self.foot):
            if len(row) != len(self.columns):
                raise SettingError(
                    f"table {self.title!r} has {len(self.columns)} columns, a row has {len(row)}"
                )

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The tags that its cells carry, each once, in order."""
        found = (cell.tag for row in (*self.rows, *self.foot) for cell in row)
        return tuple(dict.fromkeys(tag for tag in found if tag is not None))

    @property
    def has_notes(self) -> bool:
        """Whether any cell says what it rests on."""
        return any(cell.note for row in (*self.rows, *self.foot) for cell in row)


class Line(NamedTuple):
    """What a row of a board is found by, and what is shown when it is opened.

    Attributes:
        name: unique on the page; the row's place is called ``row-NAME``.
        facets: a value for each of the board's.
        rests_on: plain values: ``columns`` and ``runs``, the ``commands`` and ``recipes`` that make
            those again, how many ``more`` runs there are, and of how many recipes nothing is said
            (``unsaid``).
    """

    name: str
    facets: tuple[str, ...]
    rests_on: Mapping[str, Any]


@dataclass(frozen=True)
class Board(Table):
    """A table that is sorted, filtered and opened row by row, each row with a link of its own.

    Args:
        facets: what rows are filtered by.
        lines: one for each row.
        csv: name of the file beside the page that has all of it.
    """

    facets: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    csv: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.lines) != len(self.rows):
            raise SettingError(
                f"board {self.title!r} has {len(self.rows)} rows and {len(self.lines)} lines"
            )

    @property
    def choices(self) -> dict[str, list[str]]:
        """The values of each facet, in order."""
        return {
            name: sorted({line.facets[place] for line in self.lines})
            for place, name in enumerate(self.facets)
        }


@dataclass(frozen=True)
class Figure:
    """A drawing with the sentence that says what to see in it.

    Args:
        name: short, unique on the page, lower case with hyphens: its file and anchor.
        title: what is drawn.
        sentence: what to see in it.
        svg: the drawing, from `badnets.report.charts`.
        alt: the drawing in words, for those who do not see it.
        basis: n, interval, seeds, in small print.
        table: the drawn numbers.
    """

    name: str
    title: str
    sentence: str
    svg: str
    alt: str
    basis: str = ""
    table: Table | None = None


@dataclass(frozen=True)
class Gallery:
    """Figures side by side where there is room.

    Args:
        figures: in order.
        width: the least width of one, in pixels, before the next goes below.
    """

    figures: tuple[Figure, ...]
    width: int = 380


@dataclass(frozen=True)
class Numbers:
    """A few large numbers in a row."""

    numbers: tuple[Number, ...]


@dataclass(frozen=True)
class Note:
    """A paragraph; ``"missing"`` says what has not been run, ``"warning"`` what to be wary of."""

    text: str
    kind: Literal["plain", "missing", "warning"] = "plain"


@dataclass(frozen=True)
class Folded:
    """Blocks that are shown when asked for."""

    title: str
    blocks: tuple[Block, ...]


Block: TypeAlias = "Story | Numbers | Table | Figure | Gallery | Note | Folded"


@dataclass(frozen=True)
class Section:
    """A heading, the sentence that says what was found, and what shows it."""

    name: str
    title: str
    sentence: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A study's report.

    Args:
        title: of the page.
        lead: one or two sentences that tell the result.
        kicker: a line above the title: which study, which data.
        story: the one picture that tells it; None when it has not been run.
        numbers: the four that matter most.
        sections: the rest.
        command: what makes the page again.
        source: which records it was drawn from.
    """

    title: str
    lead: str
    story: Story | None
    numbers: tuple[Number, ...]
    sections: tuple[Section, ...]
    command: str
    kicker: str = ""
    source: str = ""
    notes: tuple[Note, ...] = ()


def blocks(page: Page) -> Iterator[Block]:
    """Give every block of a page in order: those of sections, galleries and folds too."""
    for section in page.sections:
        yield from unfolded(section.blocks)


def unfolded(some: Iterable[Block]) -> Iterator[Block]:
    """Give blocks in order, those of galleries and folds in their place."""
    for block in some:
        if isinstance(block, Gallery):
            yield from block.figures
        elif isinstance(block, Folded):
            yield from unfolded(block.blocks)
        else:
            yield block


def boards(page: Page) -> list[Board]:
    """Return the boards of a page."""
    return [block for block in blocks(page) if isinstance(block, Board)]


def tables(page: Page) -> Iterator[Table]:
    """Give every table of a page, those behind drawings too."""
    for block in blocks(page):
        table = block.table if isinstance(block, Figure) else block
        if isinstance(table, Table):
            yield table
