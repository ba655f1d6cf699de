"""Trials that failed: why, how often, and when last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from badnets.ledger.columns import FAILURES
from badnets.ledger.database import Database
from badnets.ledger.queries import chunks


class FailedTrial(NamedTuple):
    """A trial that failed and has no record.

    Attributes:
        name: the trial's.
        title: the trial's.
        reason: why it failed last, in one line.
        attempts: how often it failed, >= 1.
        last: when it failed last.
    """

    name: str
    title: str
    reason: str
    attempts: int
    last: datetime


def note_failure(database: Database, name: str, title: str, reason: str, attempts: int = 1) -> None:
    """Count failures of a trial, and remember the last reason in place of the one before."""
    adding = database.insert(FAILURES)
    new = adding.excluded
    adding = adding.on_conflict_do_update(
        index_elements=[FAILURES.c.name],
        set_={
            "title": new.title,
            "reason": new.reason,
            "last": new.last,
            "attempts": FAILURES.c.attempts + new.attempts,
        },
        where=FAILURES.c.last != new.last,  # the same failure, told twice, is one
    )
    row = {
        "name": name,
        "title": title,
        "reason": " ".join(reason.split()),
        "attempts": attempts,
        "last": datetime.now(UTC).isoformat(timespec="microseconds"),
    }
    database.write(lambda connection: connection.execute(adding, row))


def failures(database: Database, names: Iterable[str] | None = None) -> dict[str, FailedTrial]:
    """Return the trials that failed, by name, the last to fail last; those of these names, or all.

    What has a record since is not among them.
    """
    query = select(FAILURES).order_by(FAILURES.c.last, FAILURES.c.name)
    queries = (
        [query]
        if names is None
        else [query.where(FAILURES.c.name.in_(part)) for part in chunks(sorted(set(names)))]
    )

    def work(connection: Connection) -> list[FailedTrial]:
        rows = [row for query in queries for row in connection.execute(query)]
        return [
            FailedTrial(row.name, row.title, row.reason, row.attempts, _time(row.last))
            for row in rows
        ]

    found = sorted(database.read(work), key=lambda one: (one.last, one.name))
    return {one.name: one for one in found}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
