"""Clearing away what a ledger does not need any more."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from badnets.ledger.columns import CLAIMS, FAILURES, RECORDS
from badnets.ledger.ledger import Ledger


class Vacuumed(NamedTuple):
    """What was cleared away.

    Attributes:
        claims: leases that had ended.
        failures: of trials that have a record since.
        before: bytes of the ledger.
        after: bytes that are left.
    """

    claims: int
    failures: int
    before: int
    after: int


def vacuum(ledger: Ledger) -> Vacuumed:
    """Drop claims whose lease has ended and failures of trials that are done; give back space.

    A SQLite file is checked whole. Others who use the ledger wait meanwhile, and a SQLite file
    needs as much space again.

    Raises:
        LedgerError: it is damaged, in use for longer than is waited for, or cannot be written.
    """
    database = ledger.database

    def drop(connection: Connection) -> tuple[int, int]:
        over = delete(CLAIMS).where(CLAIMS.c.until <= database.now(connection))
        done = delete(FAILURES).where(FAILURES.c.name.in_(select(RECORDS.c.name)))
        return connection.execute(over).rowcount, connection.execute(done).rowcount

    before = database.size()
    claims, failures = database.write(drop)
    database.compact()
    return Vacuumed(claims, failures, before, database.size())
