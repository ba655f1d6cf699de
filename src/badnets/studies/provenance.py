"""Section: where the numbers come from: data, versions, machine, time, and every trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Protocol

from badnets.report.page import Cell, Column, Folded, Note, Section, Table
from badnets.studies.publishing import CERTAINTY
from badnets.studies.wording import (
    DASH,
    duration,
    label_cell,
    listed,
    rate_cell,
)
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training
from badnets.trials.record import Provenance, Record
from badnets.trials.trial import Trial

NAME, TITLE = "provenance", "Where the numbers come from"


class HasRecords(Protocol):
    """Evidence of any study."""

    @property
    def everything(self) -> list[Record]:
        """Every record once."""


def section(evidence: HasRecords, *, published: bool = True) -> Section:
    """Return what the records say of how they were made, and the list of trials.

    Args:
        evidence: the records.
        published: whether the page has published numbers, whose certainty is to be explained.
    """
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
        *((Note(CERTAINTY),) if published else ()),
        Folded(f"All {len(records)} trials", (_trials(records),)),
    )
    return Section(NAME, TITLE, sentence, blocks)


def _made(evidence: HasRecords, records: list[Record]) -> Table:
    from_all = [record.provenance for record in records]
    rows: list[tuple[str, str]] = [
        ("data set", listed(sorted({record.trial.data for record in records}))),
        *_digests(records),
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


def _digests(records: list[Record]) -> list[tuple[str, str]]:
    sets = list(dict.fromkeys(record.trial.data for record in records))
    rows = []
    for name in sets:
        own = [record.provenance for record in records if record.trial.data == name]
        of = f" of {name}" if len(sets) > 1 else ""
        for part in sorted({part for one in own for part in one.data_digests}):
            rows.append((f"SHA-256 of {part}{of}", _each(own, _digest_of(part))))
    return rows


def _trainings(evidence: HasRecords) -> list[tuple[str, str]]:
    """Return the settings of training from scratch and of retraining, as they were recorded."""
    kinds: dict[str, set[str]] = {}
    for record in evidence.everything:
        kind = _kind(record.trial)
        values = dataclasses.asdict(_training(record)).items()
        told = ", ".join(f"{name} {value}" for name, value in values if value is not None)
        kinds.setdefault(kind, set()).add(told)
    return [(kind, "; ".join(sorted(told))) for kind, told in kinds.items()]


def _kind(trial: Trial) -> str:
    if trial.start is None:
        return "training from scratch"
    if trial.start.data != trial.data and trial.transfer is None:
        return f"training, from {trial.start.data}"
    return "retraining"


def _training(record: Record) -> Training | DetectorTraining:
    trial = record.trial
    if trial.transfer is not None:
        return trial.transfer.retraining.training
    return trial.training if trial.detection is None else trial.detection.training


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
            rate_cell(record.clean.error, [record.trial.seed], "clean"),
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
    error = record.attack.backdoor_error if record.attack else None
    return rate_cell(error, [record.trial.seed], "backdoored")
