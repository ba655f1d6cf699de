"""Figures of benchmarks in tables: what was wanted beside what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from badnets.bundles.schema import one_line
from badnets.core.errors import DataError
from badnets.core.files import read_file
from badnets.report.page import Cell, Column, Tone

COLUMNS = tuple(Column(title, False) for title in ("figure", "wanted", "measured", "", "how"))


class Machine(BaseModel):
    """What a figure was measured on."""

    processor: str
    cores: int


class Figure(BaseModel):
    """A line of what ``python -m bench --json`` writes, as far as a page tells of it.

    Attributes:
        benchmark: that found it.
        created: when.
        what: which figure, in words.
        aim: the figure to reach; empty where none is.
        measured: with its unit.
        spread: of the measurements.
        n: measurements, or things tried.
        verdict: met, missed or not judged.
        note: what else a reader has to know.
        each: what was tried, by name, and what came of it.
        machine: that it was measured on.
    """

    benchmark: str
    created: str
    what: str
    aim: str
    measured: str
    spread: str
    n: int
    verdict: str
    note: str
    each: dict[str, str]
    machine: Machine


def read_figures(path: Path) -> tuple[Figure, ...]:
    """Return the figures in a file of JSON lines.

    Raises:
        DataError: it cannot be read as that.
    """
    try:
        return tuple(map(Figure.model_validate_json, read_file(path, 2**26).splitlines()))
    except ValidationError as error:
        what = f"{path}: a line is none of `python -m bench --json`"
        raise DataError(one_line(error, what)) from None


def row_of(one: Figure) -> tuple[Cell, ...]:
    """Return a figure as a row of a table of `COLUMNS`."""
    spread = f"{one.spread}, " if one.spread and one.n > 1 else ""
    command = f"python -m bench {one.benchmark}"
    how = "; ".join(filter(None, (command, f"{spread}n={one.n:,}", one.note)))
    return cells_of(one.what, one.aim, one.measured, one.verdict, how)


def cells_of(what: str, aim: str, said: str, verdict: str, how: str) -> tuple[Cell, ...]:
    """Return such a row from its words."""
    tones: Mapping[str, Tone] = {"met": "clean", "missed": "backdoored"}
    tone = tones.get(verdict, "plain")
    return Cell(what), Cell(aim), Cell(said, strong=True), Cell(verdict, tone=tone), Cell(how)


def measured_on(figures: Sequence[Figure]) -> str:
    """Return when and on what each benchmark was run."""
    said = dict.fromkeys(
        f"{one.benchmark}: {one.created[:10]}, {one.machine.processor}, {one.machine.cores} cores"
        for one in figures
    )
    return "; ".join(said)
