"""What a page of one's own trials is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import BaseModel

from badnets.core.rates import Rate
from badnets.observations.base import ArrayRef
from badnets.studies import reading
from badnets.studies.aggregate import Runs
from badnets.studies.examples import first_examples
from badnets.studies.insides import Inside
from badnets.studies.rendering import Spec

if TYPE_CHECKING:
    from badnets.studies.own.trials import RecipeStudy
    from badnets.trials.record import Record

RUNS = {"trials": "trials of this recipe"}
ITEMS = 12  # of a list that are written out


def spec(study: RecipeStudy, runs: Runs) -> Spec:
    """Return the quantities of the page."""
    records, learned = runs.all("trials"), runs.of("trials")
    story = first_examples(runs, learned)
    looked = next((Inside(runs, one, "own") for one in learned if reading.ablations(one)), None)
    quantities = {
        "file": study.file,
        "records": records,
        "alike": _alike(learned),
        "facts": facts,
        "story": story,
        "looked": looked,
    }
    drawn = None if story is None else story.rows()
    return Spec(quantities, looked.figures() if looked else {}, {"examples": drawn})


def _alike(records: list[Record]) -> list[list[Record]]:
    """Return the records in groups that differ in their seed alone."""
    found: dict[str, list[Record]] = {}
    for one in records:
        settings = one.trial.model_dump_json(exclude={"seed": True, "start": {"seed"}})
        found.setdefault(settings, []).append(one)
    return list(found.values())


def facts(record: Record) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what was observed of a network: kind, and its fields with their values in words."""
    return [(kind, list(_fields(result, ""))) for kind, result in record.observations.items()]


def _fields(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, ArrayRef):
        yield name, f"{' x '.join(map(str, value.shape))} {value.dtype}"
    elif isinstance(value, Rate):
        yield name, str(value)
    elif isinstance(value, BaseModel):
        for field in type(value).model_fields:
            yield from _fields(getattr(value, field), f"{name} {field}".strip())
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _fields(one, f"{name} {key}".strip())
    elif isinstance(value, tuple) and any(isinstance(one, BaseModel) for one in value):
        yield name, f"{len(value)} entries"
    elif isinstance(value, tuple | list):
        more = f", ... ({len(value)})" if len(value) > ITEMS else ""
        yield name, ", ".join(map(_short, value[:ITEMS])) + more
    elif value is not None:
        yield name, _short(value)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
