"""Section: where the numbers come from: data, versions, machine, time, and every trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from badnets.report.page import Cell, Column, Folded, Note, Section, Table
from badnets.studies.mnist.layout_evidence import Evidence, backdoor_error, clean_error
from badnets.studies.mnist.layout_wording import (
    DASH,
    duration,
    label_cell,
    listed,
    rate_cell,
)
from badnets.studies.mnist.published import CERTAINTY
from badnets.trials.record import Provenance, Record

NAME, TITLE = "provenance", "Where the numbers come from"


def section(evidence: Evidence) -> Section:
    """Return what the records say of how they were made, and the list of trials."""
    records = evidence.everything
    if not records:
        return Section(NAME, TITLE, "There are no records yet.", ())
    total = sum(record.timings.total_s for record in records)
    collapsed = sum(record.outcome == "collapsed" for record in records)
    fallen = f" {collapsed} of them collapsed." if collapsed else " None collapsed."
    sentence = (
        f"{len(records)} trials, {duration(total)} of work in all.{fallen} The page is drawn from "
        "their records alone."
    )
    blocks = (
        _made(evidence, records),
        Note(CERTAINTY),
        Folded(f"All {len(records)} trials", (_trials(records),)),
    )
    return Section(NAME, TITLE, sentence, blocks)


def _made(evidence: Evidence, records: list[Record]) -> Table:
    from_all = [record.provenance for record in records]
    rows: list[tuple[str, str]] = [
        ("data set", listed(sorted({record.trial.data for record in records}))),
        *(
            (f"SHA-256 of {part}", _each(from_all, _digest_of(part)))
            for part in sorted({part for one in from_all for part in one.data_digests})
        ),
        *_trainings(evidence),
        ("processor", _each(from_all, lambda p: p.machine.processor)),
        ("cores; threads per trial", _each(from_all, _cores)),
        ("memory", _each(from_all, lambda p: f"{p.machine.memory_gib:g} GiB")),
        ("device, precision", _each(from_all, lambda p: f"{p.machine.device}, {p.precision}")),
        ("system", _each(from_all, lambda p: p.machine.system)),
        ("versions", _each(from_all, _versions)),
        ("run on", _dates(from_all)),
        ("work in all", duration(sum(record.timings.total_s for record in records))),
    ]
    return Table(
        "Data, machine and versions",
        (Column("", numeric=False), Column("", numeric=False)),
        tuple((label_cell(name), Cell(value)) for name, value in rows),
        sortable=False,
    )


def _trainings(evidence: Evidence) -> list[tuple[str, str]]:
    """Return the settings of training from scratch and of retraining, as they were recorded."""
    kinds: dict[str, set[str]] = {}
    for record in evidence.everything:
        kind = "training from scratch" if record.trial.start is None else "retraining"
        values = dataclasses.asdict(record.trial.training).items()
        told = ", ".join(f"{name} {value}" for name, value in values if value is not None)
        kinds.setdefault(kind, set()).add(told)
    return [(kind, "; ".join(sorted(told))) for kind, told in kinds.items()]


def _digest_of(part: str) -> Callable[[Provenance], str]:
    return lambda one: one.data_digests.get(part, DASH)


def _cores(one: Provenance) -> str:
    return f"{one.machine.cores}; {one.machine.threads}"


def _versions(one: Provenance) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(one.versions.items()))


def _each(found: Iterable[Provenance], say: Callable[[Provenance], str]) -> str:
    return "; ".join(sorted({say(one) for one in found}))


def _dates(found: list[Provenance]) -> str:
    days = [one.created.date().isoformat() for one in found]
    return min(days) if min(days) == max(days) else f"{min(days)} to {max(days)}"


def _trials(records: list[Record]) -> Table:
    rows = tuple(
        (
            label_cell(record.name),
            Cell(record.trial.title),
            Cell(record.outcome, tone="muted" if record.outcome == "accepted" else "plain"),
            Cell(str(record.trial.seed), record.trial.seed),
            rate_cell(clean_error(record), [record.trial.seed], "clean"),
            _backdoor_cell(record),
            Cell(duration(record.timings.total_s), record.timings.total_s),
        )
        for record in records
    )
    return Table(
        "Every trial",
        (
            Column("name", numeric=False),
            Column("what", numeric=False),
            Column("outcome", numeric=False),
            Column("seed"),
            Column("clean error, %", tone="clean"),
            Column("backdoor error, %", tone="backdoored"),
            Column("time"),
        ),
        rows,
        basis="`badnets ledger show NAME` prints a record in full.",
    )


def _backdoor_cell(record: Record) -> Cell:
    if record.outcome == "collapsed":
        return Cell("collapsed", "", tone="muted")
    return rate_cell(backdoor_error(record), [record.trial.seed], "backdoored")
