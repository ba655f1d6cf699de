"""All that is special about SQLite: its file, its locks, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from badnets.bundles.atomic import output_error
from badnets.core.errors import LedgerError

BUSY_TIMEOUT_S = 30.0
CHECKED_WHOLE = 2**25
"""Bytes of the largest file that is checked whole when it is opened, which takes up to 0.1 s."""
WRITES = "ledger_writes"
"""Execution option of connections that are about to write."""

_PRIMARY_CODE = 0xFF  # SQLite's extended error codes keep the kind in the lowest byte
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = "the file is damaged: bring it back from a copy or an export"
_CANNOT_WRITE = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)


def file_url(path: Path) -> URL:
    """Return the URL of the SQLite file ``path``."""
    return URL.create("sqlite", database=str(path))


def is_sqlite(url: URL) -> bool:
    """Whether the URL is of a SQLite database."""
    return url.get_backend_name() == "sqlite"


def file_of(url: URL) -> Path | None:
    """Return the file that a SQLite URL names; None for one in memory or named by a URI."""
    name = url.database
    return None if not name or name == ":memory:" or name.startswith("file:") else Path(name)


def check_place(url: URL, *, create: bool) -> None:
    """See to it that the file can be opened: its folder is made if the file may be.

    Raises:
        LedgerError: there is no such file and none is to be made, or it is a folder.
        OutputError: its folder cannot be made.
    """
    path = file_of(url)
    if path is None:
        return
    try:
        if path.is_dir():
            raise LedgerError(
                f"{path} is a folder: a ledger is a file, such as {path}/ledger.sqlite"
            )
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise LedgerError(f"there is no ledger at {path}: run a trial first, or name another")
    except OSError as error:
        raise output_error(path.parent, error) from error


def reader(url: URL) -> Callable[[], sqlite3.Connection] | None:
    """Return what connects to a file for reading alone; None where the URL names no plain file.

    Where nothing can be written beside the file (a read-only folder, a full disk), SQLite cannot
    read it in its usual way: then it is read as a file that nobody changes. Records that stand in
    its write-ahead log alone are read with the log's index in memory, which locks others out.
    """
    path = file_of(url)
    if path is None:
        return None
    log = path.with_name(f"{path.name}-wal")

    def open_as(uri: str, *statements: str) -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        try:
            for statement in (*statements, "SELECT count(*) FROM sqlite_schema"):
                connection.execute(statement)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def connect() -> sqlite3.Connection:
        plain = f"file:{quote(str(path.absolute()))}"
        try:
            return open_as(f"{plain}?mode=ro")
        except sqlite3.OperationalError as error:
            if (error.sqlite_errorcode & _PRIMARY_CODE) not in _CANNOT_WRITE:
                raise
            if not (log.exists() and log.stat().st_size):
                return open_as(f"{plain}?immutable=1")
            return open_as(f"{plain}?mode=rw", "PRAGMA locking_mode = EXCLUSIVE")

    return connect


def check_whole(connection: Connection, *, always: bool = False) -> None:
    """Refuse a file whose pages, tables and indexes do not fit together; a large one is not read.

    Records carry digests of their own, by which damage is found when they are read.

    Raises:
        LedgerError: it is damaged.
    """
    path = file_of(connection.engine.url)
    if not always and path is not None and path.stat().st_size > CHECKED_WHOLE:
        return
    if connection.exec_driver_sql("PRAGMA integrity_check(1)").scalars().all() != ["ok"]:
        raise LedgerError(f"the ledger {connection.engine.url.database}: {_DAMAGED}")


def tune(engine: Engine, busy_timeout_s: float) -> None:
    """Set up every connection of ``engine``: how long to wait for a lock, and whole transactions.

    A transaction that will write takes the write lock when it begins; one that first read and
    then wrote would be refused at once, without waiting, where another had written in between.
    """

    @event.listens_for(engine, "connect")
    def _connected(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # begin ourselves, below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {round(1000 * busy_timeout_s)}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begins(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def prepare_new(engine: Engine, busy_timeout_s: float) -> None:
    """Let readers and a writer of a new file not wait for each other (write-ahead log).

    The file keeps the setting. SQLite does not wait for locks here, so that is done by hand.
    """
    give_up = time.monotonic() + busy_timeout_s
    while True:
        try:
            return _outside_transaction(engine, "PRAGMA journal_mode = WAL")
        except OperationalError as error:
            if not _is_locked(error) or time.monotonic() > give_up:
                raise
        time.sleep(0.05)


def size(url: URL) -> int:
    """Return how many bytes the file takes, with what is still in its log; 0 in memory."""
    path = file_of(url)
    files = [] if path is None else [path, path.with_name(f"{path.name}-wal")]
    return sum(file.stat().st_size for file in files if file.exists())


def compact(engine: Engine) -> None:
    """Write the file anew, without what was deleted of it.

    Raises:
        LedgerError: it is damaged.
    """
    with engine.connect() as connection:
        check_whole(connection, always=True)
    _outside_transaction(engine, "VACUUM")
    _outside_transaction(engine, "PRAGMA wal_checkpoint(TRUNCATE)")


def _outside_transaction(engine: Engine, statement: str) -> None:
    connection = engine.raw_connection()
    try:
        connection.cursor().execute(statement)
    except sqlite3.DatabaseError as error:
        raise OperationalError(statement, None, error) from error
    finally:
        connection.close()


def reason(error: DBAPIError) -> str | None:
    """Return what a SQLite error means, in words for the one who reads it; None if unknown."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None:
        return _DAMAGED if "decode" in str(error.orig) else None
    if code in (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE):
        return "nothing can be written: the disk is full, or a limit on the size of files is met"
    return {
        sqlite3.SQLITE_BUSY: "another process has it locked: wait for that one, or end it",
        sqlite3.SQLITE_LOCKED: "another process has it locked: wait for that one, or end it",
        sqlite3.SQLITE_READONLY: "it is read-only: make file and folder writable, or copy it",
        sqlite3.SQLITE_PERM: "permission denied",
        sqlite3.SQLITE_FULL: "no space is left on the disk",
        sqlite3.SQLITE_IOERR: "the disk reported an error",
        sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: check that it may be read and written",
        sqlite3.SQLITE_NOTADB: "the file is not a database",
        sqlite3.SQLITE_CORRUPT: _DAMAGED,
    }.get(code & _PRIMARY_CODE)


def _is_locked(error: DBAPIError) -> bool:
    return (getattr(error.orig, "sqlite_errorcode", 0) & _PRIMARY_CODE) in _LOCKED
