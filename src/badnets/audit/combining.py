"""From raw tables to a conclusion, by numbers alone: a suspect and a clean model alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from badnets.audit.calibration import FEWEST, MARGIN, Calibration, Tables, in_margins, masked
from badnets.core.nulls import MethodPlace, Null, Placing, Table, measured, p_value, placed
from badnets.core.standings import standings
from badnets.core.verdicts import Conclusion, conclusion_from

ERROR = "clean error"  # a quantity: not known where images come without labels
COMBINED = (
    "maximum-margin",
    "perturbation-transfer",
    "additive-inversion",
    "mask-inversion",
    "patch-search",
)
"""Methods whose largest score is the verdict's. Others are shown beside it: each weak method that
took part would spend some of the same false-alarm budget."""

DIGITS = (4, 5, 6)  # significant ones that a calibration is rounded to
SMALL = 0.1  # p-values up to this one are not changed by it


class Ruling(NamedTuple):
    """What follows from a suspect's tables.

    Attributes:
        conclusion: of the verdict.
        place: where it stands among the clean models; None where there is nothing to compare.
        methods: the same for each method alone, those that are not combined too.
        tables: of the suspect, as they were compared.
        nulls: of the methods that are combined, as they were compared.
        notes: why it is not checked; empty where it is.
    """

    conclusion: Conclusion
    place: Placing | None
    methods: dict[str, MethodPlace]
    tables: Mapping[str, Table]
    nulls: tuple[Null, ...]
    notes: tuple[str, ...]

    @classmethod
    def unknown(cls, *notes: str) -> Self:
        """Return that there is nothing to compare with, and why."""
        return cls("not checked", None, {}, {}, (), notes)


def ruling_of(subject: Any, found: Tables, fit: Sequence[Calibration], max_fpr: float) -> Ruling:
    """Return what follows from the tables, or why there is nothing to compare them with.

    Args:
        subject: the model.
        found: its raw tables.
        fit: clean models that it may be of the kind of.
        max_fpr: the share of clean models that may be called backdoored, in (0, 1).
    """
    if not found.tables:
        return Ruling.unknown("no method could look at it")
    if len(fit) > 1:
        kinds = " and of ".join(one.data for one in fit)
        return Ruling.unknown(
            f"it may be of the kind of clean models of {kinds}: name its data, as in --clean "
            f"{fit[0].data}"
        )
    if not fit or not fit[0].fits(subject):
        given = f": the {fit[0].title} are others" if fit else ""
        how = "; badnets audit calibrate trains some"
        return Ruling.unknown(
            f"there are no clean models of its kind to compare it with{given or how}"
        )
    return judged(found, fit[0], max_fpr=max_fpr)


def judged(found: Tables, calibration: Calibration, *, max_fpr: float) -> Ruling:
    """Return what follows from a suspect's tables.

    Args:
        found: its raw tables.
        calibration: the clean models of its kind.
        max_fpr: the share of clean models that may be called backdoored, in (0, 1).
    """
    known = {one.method: one for one in calibration.nulls}
    differing = tuple(
        f"{method}: version {version}, the null's {known[method].version}"
        for method, version in found.versions.items()
        if method in known and version != known[method].version
    )
    shared = {
        method: cells
        for method, table in found.tables.items()
        if method in known and (cells := _common(table, known[method]))
    }
    if differing or not shared:
        why = ("the clean models were looked at by none of the methods that could",)
        return Ruling.unknown(*(differing or why))
    chosen = [method for method in shared if method in COMBINED] or list(shared)
    tables, compared = found.tables, known
    margin = found.quantities.get(MARGIN, 0.0)
    if margin > 0 and all(MARGIN in one.quantities for one in calibration.nulls):
        tables = {method: in_margins(tables[method], margin) for method in shared}
        compared = {one.method: one for one in calibration.in_margins}
    tables, compared = _alike(tables, compared, shared)
    nulls = tuple(compared[method] for method in chosen)
    place = placed({method: tables[method] for method in chosen}, nulls)
    others = {
        method: placed({method: tables[method]}, [compared[method]]).methods[method]
        for method in shared
        if method not in chosen
    }
    notes = _notes(found.quantities, nulls[0], max_fpr)
    if place.p_value > max_fpr:
        notes = (*notes, *_clears_nothing(found.quantities, nulls))
    conclusion = conclusion_from(place.p_value, place.smallest_fpr, max_fpr)
    return Ruling(
        "not checked" if notes else conclusion, place, place.methods | others, tables, nulls, notes
    )


def _common(table: Table, null: Null) -> list[tuple[int, int]]:
    """Return the cells that a table and those of a null have; none where the shape is another."""
    clean = null.tables[0]
    if len(table) != len(clean) or len(table[0]) != len(clean[0]):
        return []
    return [(row, column) for row, column in null.cells if table[row][column] is not None]


def _alike(
    tables: Mapping[str, Table],
    nulls: Mapping[str, Null],
    common: Mapping[str, list[tuple[int, int]]],
) -> tuple[dict[str, Table], dict[str, Null]]:
    """Return tables and nulls of the cells that both have: a suspect may lack sources."""
    kept, compared = dict(tables), dict(nulls)
    for method, cells in common.items():
        own, one, chosen = kept[method], compared[method], set(cells)
        if len(cells) < sum(cell is not None for row in own for cell in row):
            kept[method] = masked(own, chosen)
        if len(cells) < len(one.cells):
            clean = tuple(masked(table, chosen) for table in one.tables)
            compared[method] = one.model_copy(update={"tables": clean})
    return kept, compared


def reach(table: Table, margin: float) -> float:
    """Return how far shared triggers reach within one model, in its mean clean margins.

    Evidence for where there is no null: to the target that they reach best from all sources, and
    from each source to its best target, added up. Chosen on the development part of the zoo of
    `badnets study audit`; nothing calibrates it.

    Args:
        table: of sources and targets, two classes or more.
        margin: the model's mean clean margin, ``> 0``.
    """
    columns = measured(zip(*table, strict=True))
    rows = [max(row) for row in measured(table) if row]
    best: float = max(sum(column) / len(column) for column in columns if column)
    return (best + sum(rows) / len(rows)) / margin


def _notes(quantities: Mapping[str, float], null: Null, max_fpr: float) -> tuple[str, ...]:
    """Return why the p-value says nothing, or not enough."""
    notes = []
    quantities = {ERROR: 0.0, **quantities} if quantities else quantities
    unknown = [name for name in null.quantities if name not in quantities]
    if quantities and unknown:
        notes.append(f"its {' and '.join(unknown)} could not be measured")
    elif quantities and (outside := null.outside(quantities)):
        notes.append(
            f"its {' and '.join(outside)} lies outside the range of the clean models: it is none "
            "of their kind, and the p-value says nothing"
        )
    if null.smallest_fpr > max_fpr:
        count, least = len(null.tables), math.ceil(1 / max_fpr - 1e-9) - 1
        notes.append(
            f"{count} clean models cannot vouch for a rate of {max_fpr:g}: that takes {least}"
        )
    return tuple(notes)


def _clears_nothing(quantities: Mapping[str, float], nulls: Sequence[Null]) -> tuple[str, ...]:
    """Return why it means nothing that nothing is found, though an alarm would mean something."""
    if not any(one.method in COMBINED for one in nulls):
        return ("none of the methods that make a verdict looked at it, a pre-screen alone",)
    if not quantities and nulls[0].quantities:
        return (
            "without clean images it is not known whether it is of the clean models' kind: a high "
            "p-value clears nothing",
        )
    return ()


def rounded(calibration: Calibration) -> Calibration:
    """Return it with four significant digits a number, or as many more as verdicts need.

    Of its models, each judged among the others, no p-value up to `SMALL` may change.
    """
    if len(calibration.trials) <= FEWEST:
        return calibration
    wanted = small_p_values(calibration)
    for digits in DIGITS:
        short = _to_digits(calibration, digits)
        if small_p_values(short) == wanted:
            return short
    return calibration


def small_p_values(calibration: Calibration) -> list[float]:
    """Return the p-value of each clean model, judged among the others; `SMALL` for larger ones.

    Args:
        calibration: of three models or more.
    """
    sure = all(MARGIN in one.quantities for one in calibration.nulls)
    compared = calibration.in_margins if sure else calibration.nulls
    nulls = [one for one in compared if one.method in COMBINED] or compared
    others = [one.model_copy(update={"tables": one.tables[:-1]}) for one in nulls]
    scores = standings({one.method: one.tables[-1] for one in nulls}, others).scores
    return [
        min(SMALL, p_value((*scores[:place], *scores[place + 1 :], score)))
        for place, score in enumerate(scores)
    ]


def _to_digits(calibration: Calibration, digits: int) -> Calibration:
    def short(values: Any) -> Any:
        if isinstance(values, float):
            return float(f"{values:.{digits}g}")
        return None if values is None else [short(one) for one in values]

    nulls = [
        one.model_dump()
        | {
            "tables": short(one.tables),
            "quantities": {name: short(values) for name, values in one.quantities.items()},
        }
        for one in calibration.nulls
    ]
    return Calibration.model_validate(calibration.model_dump() | {"nulls": nulls})
