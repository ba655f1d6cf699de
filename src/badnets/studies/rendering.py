"""A study's page: its spec (quantities, drawings, pictures) put into the words of its template.

``studies/NAME/page.md.j2`` is a Jinja template. Its expressions see the spec's quantities, the
public names of ``spec.py``, ``runs``, and the functions below. What it gives is read line by line:
a blank line ends a paragraph, and what follows a marker belongs to it::

    # title                          then paragraphs: "kicker: ..." and the lead
    ## name | title                  a section, then its sentence; see `section` below
    > note    >? missing   >! warning
    @number tone | label | value | what it rests on
    @table title                     then its rows and its small print; also: title | sortable
    @figure name | title | title of its numbers
                                     then its sentence; basis: ...; alt: ...; rows; numbers: ...
    @story name                      then "basis: ..." and "scale: least | most"; its rows follow:
    @row tone | title                then a sentence
    @gallery width ... @end          figures side by side
    @folded title ... @end           shown when asked for

What rests on groups of trials is written inside ``{% call section(name, title, *groups) %}``. It is
filled in where one of the groups has a network that learned something (``when``: and this is so);
else the renderer says why not. It also notes which runs of the groups are missing or collapsed, in
the words that ``RUNS`` of ``spec.py`` has for them.
``{% call opening(kicker, *groups) %}`` does the same for title and lead.

A table is written as in Markdown: a line of headings, then a line for each row, ``|=`` for one that
stays below the others. A heading is ``group / title {tone}``; ``<`` before it says that its column
holds words. In a cell an expression may give a number that knows what it rests on (`Over` several
networks, a paired difference, a published number); in a sentence it is printed as in a cell.

A figure or story that the spec has as None is left out, and so is a table without rows: their
records are not there. A figure that it has as "" is too sparse to be drawn: its numbers are a
table. A name that the spec does not have is an error. What an expression gives can never become a
marker.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeVar, cast

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from badnets.core.errors import SettingError
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
    Picture,
    Section,
    Story,
    StoryRow,
    Table,
    Tone,
)
from badnets.studies import reading, wording
from badnets.studies.aggregate import Over, Runs
from badnets.studies.provenance import provenance
from badnets.studies.publishing import Published
from badnets.studies.tables import NOTHING, Styled, cell, keyed, paired_cell, ranged, strong, toned

T = TypeVar("T")
NOTES: dict[str, Literal["plain", "missing", "warning"]] = {
    ">": "plain", ">?": "missing", ">!": "warning",
}  # fmt: skip
# what an expression gives is kept from being read as a marker, and given back afterwards
_GUARD = {ord(mark): 0xE000 + place for place, mark in enumerate("#@>|:/<{")}
_FREE = {code: mark for mark, code in _GUARD.items()}
_VALUE = re.compile("\ue100(\\d+)\ue101")  # stands for a value that is not text


class Parts(str):
    """What a macro gives that is to be read as markers: ``{{ drawn(...) | parts }}``."""


@dataclass(frozen=True)
class Spec:
    """What a page is made of, without its words.

    Args:
        quantities: what the template's expressions see.
        figures: drawings as SVG, by name; None: there are no records for it; empty: too few.
        stories: rows of pictures, likewise.
    """

    quantities: Mapping[str, object]
    figures: Mapping[str, str | None] = field(default_factory=dict)
    stories: Mapping[str, Sequence[Sequence[Picture]] | None] = field(default_factory=dict)


@dataclass
class _Node:
    """A marker with what belongs to it."""

    kind: str
    args: list[str]
    text: dict[str, str] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)
    inner: list[_Node] = field(default_factory=list)


def page(name: str, spec: Spec, runs: Runs, command: str) -> Page:
    """Return a study's page.

    Args:
        name: the folder of its template.
        spec: what it is made of.
        runs: the records.
        command: what makes the page again.

    Raises:
        SettingError: the template places what the spec does not have.
    """
    values: list[object] = []
    template = _environment().get_template(f"{name}/page.md.j2")
    module = importlib.import_module(f"badnets.studies.{name}.spec")
    public = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    own = {"runs": runs, "mean": runs.mean, "guarded_values": values}
    (root,) = _parsed(template.render(own | public | dict(spec.quantities)))
    place = _Places(spec, runs, values, public.get("RUNS", {}))
    sections = [node for node in root.inner if node.kind == "section"]
    opening = list(place.blocks(node for node in root.inner if node.kind != "section"))
    return Page(
        title=place.words(root.args[0]),
        lead=place.words(root.text.get("", "")),
        kicker=place.words(root.text.get("kicker", "")),
        story=next((block for block in opening if isinstance(block, Story)), None),
        numbers=tuple(
            one for block in opening if isinstance(block, Numbers) for one in block.numbers
        ),
        sections=tuple(place.section(one) for one in sections),
        command=command,
        source=f"Drawn from {_count(len(runs.everything))}; nothing was trained to draw it.",
        notes=tuple(block for block in opening if isinstance(block, Note)),
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Return what templates are filled in with; each is compiled once."""

    @pass_context
    def section(
        context: Context,
        name: str,
        title: str,
        *groups: str,
        caller: Callable[[], str],
        when: object = True,
        otherwise: str = "",
    ) -> str:
        why = context["runs"].why_not(*groups, when=when)
        body = (otherwise or why) if why else caller()
        return f"## {name} | {title} | {';'.join(groups)}\n{body}\n\n"

    @pass_context
    def opening(
        context: Context,
        kicker: str,
        *groups: str,
        caller: Callable[[], str],
        when: object = True,
        titles: tuple[str, str] = ("Not run yet", "Nothing learned, nothing attacked"),
        otherwise: str = "",
    ) -> str:
        runs: Runs = context["runs"]
        why, fallen = runs.why_not(*groups, when=when), any(map(runs.fallen, groups))
        empty = f"# {titles[fallen]}\n\n{why if fallen else otherwise or why}"
        first, _, rest = (empty if why else caller().strip()).partition("\n")
        return f"{first}\nkicker: {kicker}\n\n{rest}\n"

    @pass_context
    def guarded(context: Context, value: object) -> object:
        if isinstance(value, Over | Published | Styled | Cell | int):
            values: list[object] = context["guarded_values"]
            values.append(value)
            return f"\ue100{len(values) - 1}\ue101"
        if isinstance(value, str) and not isinstance(value, Parts):
            return value.replace("\n", " ").translate(_GUARD)
        return value

    made = Environment(
        loader=PackageLoader("badnets.studies", ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=guarded,
        autoescape=False,
    )
    functions = (
        wording.percent, wording.points, wording.span, wording.interval, wording.counts,
        wording.seeds_text, wording.averaged, wording.attack_word, wording.listed,
        wording.duration, strong, toned, keyed, paired_cell, ranged,
    )  # fmt: skip
    made.globals.update({function.__name__: function for function in functions})
    made.globals.update(
        reading=reading, nothing=NOTHING, over=Over.pairs, section=section, opening=opening,
        provenance=provenance,
    )  # fmt: skip
    made.filters.update(
        capital=wording.capital, percent=wording.percent, attack_word=wording.attack_word,
        parts=Parts,
    )  # fmt: skip
    return made


def _parsed(text: str) -> list[_Node]:
    """Return the markers of a filled template, each with what belongs to it."""
    top = _Node("top", [])
    open_, last = [top], top
    for chunk in re.split(r"\n\s*\n|\n(?=[#@>])", text):
        lines = chunk.strip().splitlines()
        if not lines:
            continue
        mark, _, said = lines[0].partition(" ")
        if mark == "@end":
            last = open_.pop()
            continue
        if mark in ("#", "##"):
            del open_[1 if mark == "#" else 2 :]
            last = _Node("page" if mark == "#" else "section", said.split("|"))
        elif mark in NOTES:
            last = _Node("note", [mark, " ".join([said, *lines[1:]])])
            lines = lines[:1]
        elif mark.startswith("@"):
            last = _Node(mark[1:], said.split("|"))
        else:
            lines.insert(0, "")
        if lines[0]:
            last.args = [arg.strip() for arg in last.args]
            open_[-1].inner.append(last)
            if last.kind in ("page", "section", "gallery", "folded"):
                open_.append(last)
        _say(last, lines[1:])
    return top.inner


def _say(node: _Node, lines: list[str]) -> None:
    """Add rows and a paragraph to what they belong to, the latter under its key if it has one."""
    words = []
    for line in lines:
        if node.rows and not node.rows[-1].endswith("|"):
            node.rows[-1] += line.rstrip()  # a row may go over several lines
        elif line.startswith("|"):
            node.rows.append(line.rstrip())
        else:
            words.append(line)
    text = " ".join(words)
    found = re.match(r"(kicker|basis|alt|numbers|scale): ?", text)
    key = found[1] if found else ""
    body = text[found.end() :] if found else text
    if body:
        node.text[key] = f"{node.text[key]} {body}" if key in node.text else body


@dataclass(frozen=True)
class _Places:
    """Puts tables, figures and pictures where the template wants them."""

    spec: Spec
    runs: Runs
    values: list[object]
    called: Mapping[str, str]
    noted: set[str] = field(default_factory=set)

    def words(self, text: str) -> str:
        """Return text with its values printed, and all that was kept from being a marker."""
        printed = _VALUE.sub(lambda found: self._cell(found[0], "plain").text, text)
        return " ".join(printed.translate(_FREE).split())

    def section(self, node: _Node) -> Section:
        """Return a section."""
        name, title, groups = map(self.words, [*node.args, ""][:3])
        gaps: list[Note] = []
        for group in groups.split(";"):
            if group not in self.noted:  # once on a page
                gaps += self.runs.gaps(group, self.called.get(group, f"trials ({group})"))
                self.noted.add(group)
        said = self.words(node.text.get("", "Too little has been run for it yet."))
        return Section(name, title, said, (*gaps, *self.blocks(node.inner)))

    def blocks(self, nodes: Iterable[_Node]) -> Iterator[Block]:
        """Give the blocks of some markers."""
        numbers: list[Number] = []
        story: _Node | None = None
        for node in [*nodes, _Node("end", [])]:
            if node.kind == "row" and story is not None:
                story.inner.append(node)
                continue
            if story is not None:
                yield from self._story(story)
            story = node if node.kind == "story" else None
            if node.kind == "number":
                tone, label, value, detail = map(self.words, node.args)
                numbers.append(Number(label, value, detail, cast("Tone", tone)))
                continue
            if numbers:
                yield Numbers(tuple(numbers))
                numbers = []
            yield from self._block(node)

    def _block(self, node: _Node) -> Iterator[Block]:
        args = list(map(self.words, node.args))
        if node.kind == "note" and args[1]:
            yield Note(args[1], NOTES[node.args[0]])
        elif node.kind == "table":
            table = self._table(node, args[0], "", sortable=args[1:] == ["sortable"])
            if table is not None:
                yield table
        elif node.kind == "figure":
            yield from self._figures([node])
        elif node.kind == "gallery":
            drawn = list(self._figures(node.inner))
            figures = tuple(one for one in drawn if isinstance(one, Figure))
            if figures:
                yield Gallery(figures, width=int(args[0]) if args[0] else 380)
            yield from (one for one in drawn if isinstance(one, Table))
        elif node.kind == "folded":
            inner = tuple(self.blocks(node.inner))
            if inner:
                yield Folded(args[0], inner)
        elif node.kind not in ("story", "note", "end"):
            raise SettingError(f"a page has no part of the kind {node.kind!r}")

    def _figures(self, nodes: Iterable[_Node]) -> Iterator[Figure | Table]:
        for node in nodes:
            name, title, *more = map(self.words, node.args)
            svg = _found(self.spec.figures, name, "figure")
            table = self._table(node, more[0], "numbers", sortable=True) if more else None
            if svg == "" and table is not None:
                yield table
            elif svg:
                words = (self.words(node.text.get(key, "")) for key in ("", "alt", "basis"))
                said, alt, basis = words
                yield Figure(name, title, said, svg, alt, basis, table)

    def _story(self, node: _Node) -> Iterator[Story]:
        rows = _found(self.spec.stories, self.words(node.args[0]), "story")
        if rows is None:
            return
        own = []
        for one, pictures in zip(node.inner, rows, strict=True):
            tone, title = map(self.words, one.args)
            said = self.words(one.text.get("", ""))
            own.append(StoryRow(title, said, tuple(pictures), cast("Tone", tone)))
        low, bar, high = self.words(node.text.get("scale", "")).partition(" | ")
        basis = self.words(node.text.get("basis", ""))
        yield Story(tuple(own), basis, (low, high) if bar else None)

    def _table(self, node: _Node, title: str, basis: str, *, sortable: bool) -> Table | None:
        heads, *lines = node.rows or [""]
        columns = [self._column(head) for head in _split(heads)]
        rows: tuple[list[tuple[Cell, ...]], list[tuple[Cell, ...]]] = ([], [])
        for line in lines:
            cells = zip(_split(line), columns, strict=True)
            made = tuple(self._cell(text, column.tone) for text, column in cells)
            rows[line.startswith("|=")].append(made)
        if not any(rows):
            return None
        body, foot = map(tuple, rows)
        small = self.words(node.text.get(basis, ""))
        return Table(title, tuple(columns), body, foot, small, sortable=sortable)

    def _column(self, head: str) -> Column:
        name, _, tone = head.removesuffix("}").partition("{")
        group, slash, title = name.rpartition(" /")
        words = title.lstrip() if slash else name
        said = self.words(words.removeprefix("<"))
        colour = cast("Tone", tone or "plain")
        return Column(said, not words.startswith("<"), self.words(group), colour)

    def _cell(self, text: str, tone: Tone) -> Cell:
        found = _VALUE.fullmatch(text)
        if found is None:
            return Cell(self.words(text), tone=tone) if text else Cell("")
        return cell(cast("Over", self.values[int(found[1])]), tone)


def _count(records: int) -> str:
    return f"{records} record{'' if records == 1 else 's'}"


def _split(line: str) -> list[str]:
    inner = line.strip().removeprefix("|=").removeprefix("|").removesuffix("|")
    return [part.strip() for part in inner.split("|")]


def _found(known: Mapping[str, T], name: str, what: str) -> T:
    try:
        return known[name]
    except KeyError:
        raise SettingError(f"the page has no {what} {name!r}") from None
