"""All that is special about PostgreSQL: its URLs, its clock, and what its errors mean."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import URL, Connection, Engine, Float, cast, extract, func, select, text
from sqlalchemy.exc import DBAPIError

from badnets.ledger.columns import METADATA

DIALECT = "postgresql"
_DRIVER = f"{DIALECT}+psycopg"
_MAKES_TABLES = 0x6261646E  # the key of the lock that one who makes or changes tables holds
_PASSING = ("08", "40", "53300", "57P")  # lost; deadlock; too many connections; shut down, starting
_CONNECTING: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,  # a server that has gone without a word is noticed in half a minute
    "keepalives_interval": 5,
    "keepalives_count": 4,
}
_FORBIDDEN = "42501"
_MEANINGS = {  # of errors at connecting
    "password authentication failed": "wrong user or password: check the URL",
    "no password supplied": "it wants a password: give one in the URL, or in ~/.pgpass",
    'database ".*" does not exist': "there is no such database: make it with `createdb`",
    "Connection refused": "the server does not answer: start it, or check host and port",
    "No such file or directory": "the server does not answer: start it, or check host and port",
    "timeout expired": "the server does not answer: check host and port",
    "resolve host": "there is no such host: check the URL",
}


def is_postgres(url: URL) -> bool:
    """Whether the URL is of a PostgreSQL database."""
    return url.get_backend_name() == DIALECT


def with_driver(url: URL) -> URL:
    """Return the URL with the driver of the extra ``postgres``, where it names none."""
    plain = url.drivername in (DIALECT, "postgres")
    return url.set(drivername=_DRIVER) if plain else url


def engine_options(url: URL) -> dict[str, Any]:
    """Return what `sqlalchemy.create_engine` is told: what the URL asks for comes first."""
    options: dict[str, Any] = {"isolation_level": "READ COMMITTED"}
    if url.drivername == _DRIVER:
        chosen = {name: value for name, value in _CONNECTING.items() if name not in url.query}
        options["connect_args"] = chosen
    return options


def lock_tables(connection: Connection) -> None:
    """Let others who would make or change tables wait until this transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(_MAKES_TABLES)))


def now(connection: Connection) -> float:
    """Return the server's clock in seconds since 1970."""
    seconds = extract("epoch", func.clock_timestamp())
    return float(connection.scalars(select(cast(seconds, Float))).one())


def size(connection: Connection) -> int:
    """Return how many bytes the tables and their indexes take."""
    sizes = (func.pg_total_relation_size(name) for name in METADATA.tables)
    return sum(connection.execute(select(*sizes)).one())


def compact(engine: Engine) -> None:
    """Write the tables anew, without what was deleted of them."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM (FULL, ANALYZE) {', '.join(METADATA.tables)}"))


def will_pass(error: DBAPIError) -> bool:
    """Whether the same work may succeed in a while: the connection was lost, or others interfered.

    Nothing of that work was kept, or its answer was lost: then it was kept whole.
    """
    code = getattr(error.orig, "sqlstate", "none of PostgreSQL")
    return error.connection_invalidated or code is None or str(code).startswith(_PASSING)


def reason(error: DBAPIError) -> str | None:
    """Return what an error means, in words for the one who reads it; None if unknown."""
    said, code = str(error.orig), getattr(error.orig, "sqlstate", "none of PostgreSQL")
    if code == _FORBIDDEN:
        return f"{said.splitlines()[0]}: the owner of the database has to grant it"
    if code is not None:
        return None
    return next((meaning for words, meaning in _MEANINGS.items() if re.search(words, said)), None)
