"""Where the leaderboard's numbers come from: ledgers and exports of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from badnets.core.errors import LedgerError, SettingError
from badnets.observations.depth import DepthResult
from badnets.observations.registry import OBSERVATIONS
from badnets.studies.audit.trials import AuditStudy
from badnets.studies.leaderboard.entries import Entry, from_records, from_rows
from badnets.studies.leaderboard.looks import (
    Glance,
    from_observations,
    from_repairs,
    from_zoo,
)
from badnets.studies.running import listed
from badnets.studies.variants import variants
from badnets.trials.record import Record

if TYPE_CHECKING:
    from badnets.ledger import Ledger

LOOKED_AT = frozenset({"verdict", "data-audit", "guard", "depth"})  # and "audit", of zoos alone


@dataclass
class Gathered:
    """Everything that there are records of.

    Attributes:
        entries: one for each record, each once.
        glances: what looking at them says.
        depths: how deep backdoors were taken out, by record name.
        damaged: what could not be read, and why: a line each.
    """

    entries: list[Entry] = field(default_factory=list)
    glances: list[Glance] = field(default_factory=list)
    depths: dict[str, DepthResult] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


def gather(ledger: Ledger | None, exports: Sequence[Path]) -> Gathered:
    """Return what a ledger and exports hold; of a record that is in several, the first counts.

    Raises:
        LedgerError: the ledger, or a file, cannot be read at all.
        SettingError: a file is no export, or there is no record.
    """
    found, taken = Gathered(), set[str]()

    def damaged(error: LedgerError) -> None:
        found.damaged.append(str(error))

    def take(entries: Iterable[Entry]) -> list[Entry]:
        new = [one for one in entries if one.name not in taken]
        taken.update(one.name for one in new)
        found.entries += new
        return new

    zoo: dict[str, Record] = {}
    audits = [one.study for one in variants() if one.name == "audit" and not one.quick]
    wanted = {one.name for study in audits for one in listed(study.plan())}
    if ledger is not None:
        held = {one.name: one for one in take(from_rows(ledger.rows(damaged=damaged)))}
        seen = [name for name, one in held.items() if one.family.observe & LOOKED_AT]
        for name, document in ledger.documents(seen, damaged=damaged):
            if own := _observed(held[name], document, damaged):
                _look(found, held[name], own)
        in_zoo = [name for name in held if name in wanted and "audit" in held[name].family.observe]
        for record in ledger.records(names=in_zoo, damaged=damaged):
            zoo[record.name] = record
    for path in exports:
        from badnets.ledger import read_records

        records = {one.name: one for one in read_records(path, damaged=damaged)}
        for entry in take(from_records(records.values())):
            _look(found, entry, records[entry.name].observations)
            if entry.name in wanted:
                zoo[entry.name] = records[entry.name]
    if not found.entries:
        raise SettingError(
            "there are no records: `badnets study audit --quick` makes some, and files that "
            "`badnets ledger export` wrote can be named too"
        )
    known = {one.name: one for one in found.entries}
    for study in audits:
        if isinstance(study, AuditStudy) and zoo.keys() & {t.name for t in listed(study.judged)}:
            found.glances += from_zoo(study, zoo, known)
    found.glances += from_repairs(found.entries)
    return found


def _look(found: Gathered, entry: Entry, observed: Mapping[str, Any]) -> None:
    """Keep what was observed of a network that did not collapse."""
    if entry.outcome == "collapsed":
        return
    found.glances += from_observations(entry, observed)
    depth = observed.get("depth")
    if isinstance(depth, DepthResult):
        found.depths[entry.name] = depth


def _observed(
    entry: Entry, document: str, damaged: Callable[[LedgerError], None]
) -> dict[str, Any]:
    """Return what was observed; the rest of the document is not looked at."""
    try:
        plain = from_json(document)["observations"]
        return {
            kind: OBSERVATIONS[kind].Result.model_validate(plain[kind])
            for kind in entry.family.observe & LOOKED_AT
            if kind in plain
        }
    except (KeyError, TypeError, ValueError):
        damaged(_unfit(entry.name))
    return {}


def _unfit(name: str) -> LedgerError:
    return LedgerError(
        f"record {name} does not fit this version of badnets: read it with the one that wrote it"
    )
