"""Work on a ledger's database: in transactions, and again where the connection to it was lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, Row, Select, Table
from sqlalchemy.exc import DBAPIError

from badnets.ledger import postgres, sqlite
from badnets.ledger.connecting import explained, shown

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql as postgresql_dialect
    from sqlalchemy.dialects import sqlite as sqlite_dialect

ResultT = TypeVar("ResultT")
PATIENCE_S = 60.0
_ROWS = 200  # that are read at a time
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

    def stream(self, query: Select[Any]) -> Iterator[Row[Any]]:
        """Yield the rows of a query as they are read; the first column tells them apart.

        Raises:
            LedgerError: the database refused it, or did not answer for ``patience_s``.
        """
        given: set[Any] = set()
        patience = _Patience(self._patience_s)
        with explained(self.where):
            while True:
                try:
                    with self._engine.connect() as connection:
                        connection.execution_options(yield_per=_ROWS)
                        for row in connection.execute(query):
                            if row[0] not in given:
                                given.add(row[0])
                                yield row
                    return
                except DBAPIError as error:
                    patience.wait(error)

    def now(self, connection: Connection) -> float:
        """Return the time in seconds since 1970, by the one clock that all who write share."""
        return postgres.now(connection) if self._is_postgres else time.time()

    def insert(self, table: Table) -> postgresql_dialect.Insert | sqlite_dialect.Insert:
        """Return an insert into the table that can say what to do about rows that are there."""
        if self._is_postgres:
            from sqlalchemy.dialects.postgresql import insert

            return insert(table)
        from sqlalchemy.dialects.sqlite import insert as insert_into_sqlite

        return insert_into_sqlite(table)

    def size(self) -> int:
        """Return how many bytes the ledger takes."""
        if self._is_postgres:
            return self.read(postgres.size)
        return sqlite.size(self._engine.url)

    def compact(self) -> None:
        """Give back what is not used of the ledger's space.

        Raises:
            LedgerError: it is damaged, or others are using it.
        """
        with explained(self.where):
            (postgres.compact if self._is_postgres else sqlite.compact)(self._engine)

    def close(self) -> None:
        """Let go of the database."""
        with explained(self.where):
            self._engine.dispose()

    @property
    def _is_postgres(self) -> bool:
        return self._engine.dialect.name == postgres.DIALECT

    def _run(self, work: Callable[[Connection], ResultT], *, writes: bool) -> ResultT:
        patience = _Patience(self._patience_s)
        options: dict[str, Any] = {sqlite.WRITES: writes}
        if self._is_postgres and not writes:  # a third of the messages to and from the server
            options["isolation_level"] = "AUTOCOMMIT"
        with explained(self.where):
            while True:
                try:
                    with self._engine.connect() as connection:
                        connection.execution_options(**options)
                        with connection.begin():
                            return work(connection)
                except DBAPIError as error:
                    patience.wait(error)


class _Patience:
    """Waits before work is tried again, longer each time."""

    def __init__(self, seconds: float) -> None:
        self._give_up = time.monotonic() + seconds
        self._wait_s = _FIRST_WAIT_S

    def wait(self, error: DBAPIError) -> None:
        """Wait; raise the error where that is of no use, or where it has lasted too long."""
        if not postgres.will_pass(error) or time.monotonic() + self._wait_s > self._give_up:
            raise error
        time.sleep(self._wait_s)
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)
