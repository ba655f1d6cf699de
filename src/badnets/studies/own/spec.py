"""What a page of one's own trials is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from badnets.core.rates import Rate
from badnets.observations.base import ArrayRef
from badnets.studies import reading
from badnets.studies.aggregate import Over, Runs
from badnets.studies.examples import first_examples
from badnets.studies.insides import Inside
from badnets.studies.own.sweep import accuracy, control, grid_of, success, sweeps_of
from badnets.studies.rendering import Spec
from badnets.studies.wording import DASH, percent
from badnets.trials.differences import headings_of, setting_text, settings_that_differ

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
    differing = settings_that_differ([one.trial.model_dump(mode="json") for one in records])
    sweeps = sweeps_of(differing, records)
    figures: dict[str, str | None] = {
        f"sweep-{place}": one.figure() for place, one in enumerate(sweeps, 1)
    }
    quantities = {
        "file": study.file,
        "records": records,
        "alike": list(_families(learned).values()),
        "apart": _apart(differing, records),
        "sweeps": sweeps,
        "grid": grid_of(differing, records),
        "accuracy": accuracy,
        "success": success,
        "control": control,
        "facts": facts,
        "story": story,
        "looked": looked,
    }
    drawn = None if story is None else story.rows()
    figures |= looked.figures() if looked else {}
    return Spec(quantities, figures, {"examples": drawn})


def untitled(record: Record) -> str:
    """Return a trial's title without its seed."""
    return record.trial.title.rpartition(", seed ")[0]


def ends(measured: Over) -> str:
    """Return the 95 % interval of a mean, in per cent; a dash where nothing was measured."""
    if not measured:
        return DASH
    return DASH.join(percent(end, measured.digits) for end in measured.interval)


def _families(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Return the records in groups that differ in their seeds alone."""
    found: dict[str, list[Record]] = {}
    for one in records:
        found.setdefault(one.trial.family, []).append(one)
    return found


def _apart(
    differing: Mapping[str, Sequence[Any]], records: Sequence[Record]
) -> dict[str, dict[str, str | None]]:
    """Return settings as columns where titles do not tell trials apart: heading -> by name."""
    families = _families(records)
    if len({untitled(own[0]) for own in families.values()}) == len(families):
        return {}
    names = [one.name for one in records]
    return {
        heading.replace("_", " "): dict(zip(names, map(setting_text, values), strict=True))
        for heading, values in zip(headings_of(differing), differing.values(), strict=True)
    }


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
