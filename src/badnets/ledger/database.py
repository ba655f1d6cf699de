"""Work on a ledger's database: in transactions, and again where the connection to it was lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql as postgresql_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import DBAPIError

from badnets.ledger import postgres
from badnets.ledger.connecting import explained, shown
from badnets.ledger.sqlite import WRITES

ResultT = TypeVar("ResultT")
PATIENCE_S = 60.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 5.0


class Database:
    """Runs work on a database, each piece in a transaction of its own.

    Args:
        engine: connects to it.
        patience_s: how long work is tried again where the connection is lost, with growing waits.
    """

    def __init__(self, engine: Engine, patience_s: float = PATIENCE_S) -> None:
        self._engine = engine
        self._patience_s = patience_s
        self.where = shown(engine.url)

    def read(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Return what ``work`` returns, which reads only.

        Raises:
            LedgerError: the database refused it, or did not answer for ``patience_s``.
        """
        return self._run(work, writes=False)

    def write(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Return what ``work`` returns once all that it wrote is on disk.

        It is called again where the connection was lost, also after its transaction had ended: what
        it writes has to be the same when it is written twice.

        Raises:
            LedgerError: the database refused it, or did not answer for ``patience_s``.
        """
        return self._run(work, writes=True)

    def now(self, connection: Connection) -> float:
        """Return the time in seconds since 1970, by the one clock that all who write share."""
        return postgres.now(connection) if self._is_postgres else time.time()

    def insert(self, table: Table) -> postgresql_dialect.Insert | sqlite_dialect.Insert:
        """Return an insert into the table that can say what to do about rows that are there."""
        if self._is_postgres:
            return postgresql_dialect.insert(table)
        return sqlite_dialect.insert(table)

    def close(self) -> None:
        """Let go of the database."""
        with explained(self.where):
            self._engine.dispose()

    @property
    def _is_postgres(self) -> bool:
        return self._engine.dialect.name == postgres.DIALECT

    def _run(self, work: Callable[[Connection], ResultT], *, writes: bool) -> ResultT:
        give_up, wait_s = time.monotonic() + self._patience_s, _FIRST_WAIT_S
        with explained(self.where):
            while True:
                try:
                    with self._engine.connect() as connection:
                        connection.execution_options(**{WRITES: writes})
                        with connection.begin():
                            return work(connection)
                except DBAPIError as error:
                    if not postgres.will_pass(error) or time.monotonic() + wait_s > give_up:
                        raise
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
