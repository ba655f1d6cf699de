"""Runs of the sign studies with made-up records, their pages, and what is read off a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from badnets.report import to_html
from badnets.report.page import Block, Folded, Gallery, Note, Page, Section, Table
from badnets.studies.grouped import known
from badnets.studies.signs.evidence import Measured
from badnets.studies.signs.study import SignStudy, TransferStudy, make, make_transfer
from badnets.studies.wording import percent
from badnets.trials import Record, Trial, Workspace
from tests.studies.sign_records import SignMaker

Study = SignStudy | TransferStudy
MAIN = "targeted yellow square"
SECTIONS = {
    "signs": [
        "targeted",
        "frames",
        "random",
        "size",
        "street",
        "inside",
        "boxes",
        "precision",
        "choice",
        "provenance",
    ],
    "transfer": ["accuracy", "strengthening", "rid", "choice", "provenance"],
}
STUDIES: dict[str, Callable[..., Study]] = {"signs": make, "transfer": make_transfer}


@dataclass(frozen=True)
class Run:
    """A study with made-up records, and its page."""

    study: Study
    records: Mapping[str, Record]
    room: Workspace

    @property
    def groups(self) -> dict[str, list[Record]]:
        found = known(self.study.groups(self.records), self.records)
        return {name: list(records) for name, records in found.items()}

    def page(self, without: Iterable[str] = ()) -> Page:
        left = {name: one for name, one in self.records.items() if name not in set(without)}
        return self.study.page(left, self.room.get_array, command="badnets study some")

    def names(self, group: str) -> list[str]:
        return [record.name for record in self.groups[group]]

    def collapse(self, *trials: Trial) -> Run:
        """Return the same with some trials that have learned nothing."""
        maker = SignMaker(self.room, collapsed=frozenset(trial.name for trial in trials))
        again = {trial.name: maker.record(trial) for trial in trials}
        for record in again.values():
            assert record.outcome == "collapsed"
        return replace(self, records={**self.records, **again})

    def bare(self) -> Run:
        """Return the same without pictures and maps, which take a while to draw."""
        kept = {name: one.model_copy(update={"arrays": {}}) for name, one in self.records.items()}
        return replace(self, records=kept)


def run_of(study: Study, room: Workspace, maker: SignMaker | None = None) -> Run:
    return Run(study, (maker or SignMaker(room)).all_of(study), room)


def section(made: Page, name: str) -> Section:
    return next(one for one in made.sections if one.name == name)


def tables(blocks: Iterable[Block]) -> list[Table]:
    found: list[Table] = []
    for block in blocks:
        if isinstance(block, Table):
            found.append(block)
        elif isinstance(block, Folded):
            found.extend(tables(block.blocks))
        elif isinstance(block, Gallery):
            found.extend(figure.table for figure in block.figures if figure.table)
    return found


def notes(blocks: Iterable[Block], kind: str) -> list[str]:
    return [block.text for block in blocks if isinstance(block, Note) and block.kind == kind]


def said(made: Page, kind: str) -> list[str]:
    return [text for one in made.sections for text in notes(one.blocks, kind)]


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in (*table.rows, *table.foot)]


def shown(found: Measured) -> str:
    return percent(found.mean, 1)


def sound(made: Page) -> str:
    """Return the page as HTML, without a number that is none."""
    text = to_html(made)
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    return text
