"""Opening a database by path or URL, and saying in one line what went wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, insert, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from badnets.core.errors import LedgerError, SettingError
from badnets.core.extras import missing_extra
from badnets.ledger import postgres, sqlite
from badnets.ledger.columns import META, METADATA, RECORDS, SCHEMA_VERSION, VERSION_KEY
from badnets.ledger.migrating import migrate


def url_of(place: str | Path) -> URL:
    """Return the URL of a ledger: a URL is one already, anything else is a SQLite file.

    Raises:
        SettingError: it looks like a URL and is none, or of another kind of database.
    """
    if isinstance(place, Path) or "://" not in place:
        return sqlite.file_url(Path(place))
    try:
        url = postgres.with_driver(make_url(place))
    except (ArgumentError, ValueError):
        raise SettingError(
            "that is not a database URL: expected a file, or one such as "
            "postgresql://user@host/badnets"
        ) from None
    if not (sqlite.is_sqlite(url) or postgres.is_postgres(url)):
        raise SettingError(
            f"unknown kind of database {url.drivername!r}: expected a file, or a URL such as "
            "postgresql://user@host/badnets"
        )
    return url


def is_there(place: str | Path) -> bool:
    """Return whether the file of a ledger is there; true of a server, which is not asked.

    Raises:
        SettingError: as `url_of`.
    """
    url = url_of(place)
    path = sqlite.file_of(url) if sqlite.is_sqlite(url) else None
    return path is None or path.exists()


def shown(url: URL) -> str:
    """Return what to call a ledger in messages: its file, or its URL without the password."""
    path = sqlite.file_of(url) if sqlite.is_sqlite(url) else None
    if path:
        return str(path)
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def connect(url: URL, *, create: bool, busy_timeout_s: float) -> tuple[Engine, int]:
    """Return an engine whose database has the ledger's tables, and the version of those.

    Tables of an older version are brought up to date, unless ``create`` is False: then nothing is
    written.

    Raises:
        LedgerError: the database cannot be opened, is not a ledger, is damaged, or a newer one.
        OutputError: the folder for a new file cannot be made.
    """
    if sqlite.is_sqlite(url):
        sqlite.check_place(url, create=create)
    engine = _engine(url, read_only=not create)
    if sqlite.is_sqlite(url):
        sqlite.tune(engine, busy_timeout_s)
    try:
        with explained(shown(url)):
            version = _check_or_make_tables(engine, shown(url), create, busy_timeout_s)
    except BaseException:
        engine.dispose()
        raise
    return engine, version


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn the database's errors within the block into a `LedgerError` of one line."""
    try:
        yield
    except DBAPIError as error:
        text = sqlite.reason(error) or postgres.reason(error) or _first_line(error.orig)
        raise LedgerError(f"cannot use the ledger {where}: {text}") from error
    except UnicodeDecodeError:
        text = "the file is damaged: bring it back from a copy or an export"
        raise LedgerError(f"cannot use the ledger {where}: {text}") from None
    except SQLAlchemyError as error:
        raise LedgerError(f"cannot use the ledger {where}: {_first_line(error)}") from error


def _engine(url: URL, *, read_only: bool) -> Engine:
    reader = sqlite.reader(url) if read_only and sqlite.is_sqlite(url) else None
    options = postgres.engine_options(url) if postgres.is_postgres(url) else {}
    try:
        return create_engine(url, **options, **({} if reader is None else {"creator": reader}))
    except NoSuchModuleError:
        raise LedgerError(
            f"unknown driver {url.drivername!r}: expected a URL such as "
            "postgresql://user@host/badnets"
        ) from None
    except ModuleNotFoundError as error:
        raise missing_extra(error) or LedgerError(
            f"a {url.drivername} ledger needs the package {error.name!r}: install it"
        ) from None


def _check_or_make_tables(engine: Engine, where: str, create: bool, busy_timeout_s: float) -> int:
    with engine.connect() as connection:
        version = _version(connection, where)
        if version and sqlite.is_sqlite(engine.url):
            sqlite.check_whole(connection)
    if version == SCHEMA_VERSION or (version and not create):
        return version
    if not create:
        raise LedgerError(f"{where} holds no ledger yet: run a trial first, or name another")
    if not version and sqlite.is_sqlite(engine.url):
        sqlite.prepare_new(engine, busy_timeout_s)
    connecting = engine.connect().execution_options(**{sqlite.WRITES: True})
    with connecting as connection, connection.begin():
        if postgres.is_postgres(engine.url):
            postgres.lock_tables(connection)
        version = _version(connection, where)  # another process may have been quicker
        if not version:
            METADATA.create_all(connection)
            connection.execute(insert(META).values(key=VERSION_KEY, value=str(SCHEMA_VERSION)))
        elif version < SCHEMA_VERSION:
            migrate(connection, version)
    return SCHEMA_VERSION


def _version(connection: Connection, where: str) -> int:
    """Return the version of the tables that are there; 0 where there are none.

    Raises:
        LedgerError: what is there is of a newer version, or not of a ledger.
    """
    tables = set(inspect(connection).get_table_names())
    if META.name not in tables:
        if RECORDS.name in tables or (tables and sqlite.is_sqlite(connection.engine.url)):
            raise LedgerError(f"{where} is a database, but not a ledger: name another file")
        return 0
    version = connection.scalar(select(META.c.value).where(META.c.key == VERSION_KEY))
    if not isinstance(version, str) or not version[:9].isdecimal() or int(version[:9]) < 1:
        raise LedgerError(f"{where} is a database, but not a ledger: name another file")
    if int(version[:9]) > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger {where} was made by a newer badnets (schema {version[:9]}, this one reads "
            f"{SCHEMA_VERSION}): upgrade"
        )
    return int(version)


def _first_line(error: object) -> str:
    return (str(error).splitlines() or ["unknown error"])[0][:300]
