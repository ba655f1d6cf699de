"""The ledger: records by trial name. What it holds is not run again, and nothing is held twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from sqlalchemy import Connection, delete, func, select

from badnets.core.errors import LedgerError, SettingError
from badnets.ledger.claims import Claims
from badnets.ledger.columns import (
    CLAIMS,
    FAILURES,
    LISTED,
    RECORDS,
    RECORDS_VERSION,
    SCHEMA_VERSION,
    Value,
    seal_of,
    stored_row,
)
from badnets.ledger.connecting import connect, url_of
from badnets.ledger.damage import Held
from badnets.ledger.damage import damaged as changed
from badnets.ledger.database import PATIENCE_S, Database
from badnets.ledger.failures import FailedTrial, failures, note_failure
from badnets.ledger.queries import RECORDS_AT_A_TIME, chosen, chunks, held
from badnets.ledger.sqlite import BUSY_TIMEOUT_S

if TYPE_CHECKING:
    from badnets.trials.record import Record
    from badnets.trials.workspace import Workspace


T = TypeVar("T")


class ImportCount(NamedTuple):
    """How many records an import added, and how many were there already."""

    added: int
    already: int


class Ledger:
    """The database of records. Use it in a ``with`` block, or `close` it.

    Args:
        database: has the tables; `Ledger.open` sees to it.
        version: of those tables; of an earlier one than is written here, records alone are read.

    Attributes:
        where: what to call it in messages: its file, or its URL without the password.
        claims: who is at which trial.
        database: runs work on it.
    """

    def __init__(self, database: Database, version: int = SCHEMA_VERSION) -> None:
        self.database = database
        self._has_columns = version >= RECORDS_VERSION
        self._has_failures = version == SCHEMA_VERSION
        self.where = database.where
        self.claims = Claims(database)

    @classmethod
    def open(
        cls,
        place: str | Path,
        *,
        create: bool = True,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        patience_s: float = PATIENCE_S,
    ) -> Self:
        """Return the ledger at a path or a database URL.

        Args:
            place: a SQLite file, or a URL such as ``postgresql://user@host/badnets``.
            create: whether one is made where there is none, its folder too; False: it is opened
                for reading alone, and nothing is written.
            busy_timeout_s: how long to wait where another process has a SQLite file locked.
            patience_s: how long each later call is tried again where the connection to a server is
                lost, as when it is restarted.

        Raises:
            LedgerError: it cannot be opened, is not a ledger, is damaged, was made by a newer
                version, or stayed locked.
            MissingExtraError: the driver of the database is not installed.
            OutputError: its folder cannot be made.
        """
        engine, version = connect(url_of(place), create=create, busy_timeout_s=busy_timeout_s)
        return cls(Database(engine, patience_s), version)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def __len__(self) -> int:
        count = select(func.count()).select_from(RECORDS)
        return self.database.read(lambda connection: connection.scalars(count).one())

    def add(self, record: Record) -> bool:
        """Hold the record; return False, and change nothing, where one of its name is held.

        When this returns, the record is on disk, and nobody's claim on its trial, nor any failure
        of it, is left.

        Raises:
            LedgerError: it is not named after its trial, or the database refused it.
        """
        return bool(self.add_all([record]).added)

    def add_all(self, records: Iterable[Record]) -> ImportCount:
        """Hold all of the records, or, after an error, none; those that are held stay as they are.

        Raises:
            LedgerError: one is not named after its trial, or the database refused them.
        """
        from badnets.ledger.checks import checked_row

        wanted = list(records)
        there = self.has(record.name for record in wanted)
        new = [record for record in reversed(wanted) if record.name not in there]
        rows = {record.name: checked_row(record) for record in new}  # of a name, the first stays
        added = self._insert(rows) if rows else 0
        return ImportCount(added, len(wanted) - added)

    def get(self, name: str) -> Record | None:
        """Return the record of a trial's name, None where there is none.

        Raises:
            LedgerError: it cannot be read.
        """
        return next(self.records(names=[name]), None)

    def name_of(self, beginning: str) -> str:
        """Return the name of the one record whose name begins so.

        Raises:
            SettingError: there is none, or several.
            LedgerError: the ledger cannot be read.
        """
        query = select(RECORDS.c.name).where(RECORDS.c.name.startswith(beginning, autoescape=True))
        found = self.database.read(lambda connection: sorted(connection.scalars(query)))
        if not found:
            raise SettingError(
                f"no record is named {beginning!r}: `badnets ledger list` lists them"
            )
        if len(found) > 1:
            raise SettingError(
                f"{len(found)} records are named {beginning!r}...: give more of the name, as of "
                f"{found[0]}"
            )
        return str(found[0])

    def has(self, names: Iterable[str]) -> set[str]:
        """Return those of the names that have a record."""
        asked = set(names)
        return self.database.read(lambda connection: held(connection, asked))

    def note_failure(self, name: str, title: str, reason: str, attempts: int = 1) -> None:
        """Count failures of the trial of that name and title, and remember why, in one line.

        Args:
            name, title: the trial's.
            reason: why it failed last.
            attempts: how often it failed since that was noted last.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        note_failure(self.database, name, title, reason, attempts)

    def failures(self, names: Iterable[str] | None = None) -> dict[str, FailedTrial]:
        """Return the trials that failed and have no record, by name; the last to fail is last.

        Args:
            names: only those of these names.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        return failures(self.database, names) if self._has_failures else {}

    def names(
        self,
        *,
        data: str | None = None,
        network: str | None = None,
        attacked: bool | None = None,
        names: Iterable[str] | None = None,
    ) -> list[str]:
        """Return the names of records, oldest first.

        Args: as for `records`.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        query, wanted = chosen(select(RECORDS.c.name), data, network, attacked, names)
        found = self.database.read(lambda connection: connection.scalars(query).all())
        return [name for name in found if wanted is None or name in wanted]

    def records(
        self,
        *,
        data: str | None = None,
        network: str | None = None,
        attacked: bool | None = None,
        names: Iterable[str] | None = None,
        damaged: Callable[[LedgerError], object] | None = None,
    ) -> Iterator[Record]:
        """Yield records, oldest first. The database is not held open meanwhile.

        Args:
            data: only those of this data set.
            network: only those of this network.
            attacked: only those with a backdoor (True) or without one (False).
            names: only those of these names.
            damaged: is told of each record that was changed, is damaged or does not fit this
                version's format, and that record is left out; None: it is raised.

        Raises:
            LedgerError: a record cannot be read.
        """
        from badnets.ledger.checks import parsed

        found = self.names(data=data, network=network, attacked=attacked, names=names)
        return self._each(found, parsed, damaged)

    def rows(
        self,
        *,
        data: str | None = None,
        network: str | None = None,
        attacked: bool | None = None,
        names: Iterable[str] | None = None,
        damaged: Callable[[LedgerError], object] | None = None,
    ) -> Iterator[Mapping[Any, Value]]:
        """Yield what the columns say of records, oldest first; documents are not read.

        Args: as for `records`.

        Raises:
            LedgerError: a row was changed or is damaged.
        """
        if not self._has_columns:
            found = self.records(
                data=data, network=network, attacked=attacked, names=names, damaged=damaged
            )
            yield from map(stored_row, found)
            return
        query, wanted = chosen(select(*LISTED), data, network, attacked, names)
        for row in self.database.stream(query):
            *values, seal = row
            if wanted is not None and row[0] not in wanted:
                continue
            if seal_of(values) == seal:
                yield row._mapping
            elif damaged is not None:
                damaged(changed(row.name, self.where))
            else:
                raise changed(row.name, self.where)

    def document(self, name: str) -> str:
        """Return the whole record of a name as JSON, as it was written.

        Raises:
            LedgerError: there is none, or it is damaged.
        """
        found = self._documents([name])
        if name not in found:
            raise LedgerError(f"no record is named {name!r} in {self.where}")
        return found[name].document

    def documents(
        self,
        names: Iterable[str],
        *,
        damaged: Callable[[LedgerError], object] | None = None,
    ) -> Iterator[tuple[str, str]]:
        """Yield names with their records as JSON, as they were written, in the order of the names.

        Args:
            names: those without a record are passed over.
            damaged: is told of each record that was changed or is damaged, and that record is
                left out; None: it is raised.

        Raises:
            LedgerError: a record cannot be read.
        """
        return self._each(list(names), lambda one: (one.name, one.document), damaged)

    def export(
        self,
        path: Path | str,
        format: str | None = None,
        *,
        names: Iterable[str] | None = None,
        arrays: bool = False,
        pictures: bool = True,
        workspace: Workspace | None = None,
        replace: bool = True,
    ) -> int:
        """Write records to a file and return how many.

        Args:
            path: the file.
            format: ``"json"`` (lossless) or ``"csv"``; by the file's ending if None.
            names: only those of these names.
            arrays: whether the arrays that the records name are copied too, into a folder
                ``arrays`` beside the file.
            pictures: whether arrays that hold images of a data set are among them; its licence
                may not allow them to be passed on.
            workspace: where the arrays are.
            replace: whether a file that is there may be replaced.

        Raises:
            SettingError, UnknownNameError: the file is there already, or the format is unknown.
            LedgerError: a record or an array cannot be read.
            OutputError: the file cannot be written.
        """
        from badnets.ledger.exports import copy_arrays, without_pictures, write_in_order
        from badnets.trials.workspace import Workspace

        if Path(path).exists() and not replace:
            raise SettingError(f"{path} is there already: name another file, or give --force")
        if arrays and workspace is None:
            raise LedgerError("arrays are exported from a workspace: name it")
        wanted = sorted(self.names(names=names))

        def records() -> Iterator[Record]:
            for chunk in chunks(wanted, RECORDS_AT_A_TIME):
                found = {record.name: record for record in self.records(names=chunk)}
                for record in (found[name] for name in chunk):
                    one = record if pictures else without_pictures(record)
                    if arrays and workspace is not None:
                        copy_arrays([one], workspace, Workspace(Path(path).parent))
                    yield one

        write_in_order(records(), path, format)
        return len(wanted)

    def import_(
        self, path: Path | str, format: str | None = None, *, workspace: Workspace | None = None
    ) -> ImportCount:
        """Add the records of an export, all or, after an error, none; return how many were new.

        Args:
            path: a JSON file that `export` wrote.
            format: by the file's ending if None.
            workspace: where arrays go that lie in the folder ``arrays`` beside the file; None
                leaves them where they are.

        Raises:
            SettingError: the file is not a JSON export.
            LedgerError: it cannot be read, or a record in it does not fit its trial or this
                version's format.
        """
        from badnets.ledger.exports import copy_arrays, read_records
        from badnets.trials.workspace import Workspace

        records = read_records(path, format)
        folder = Path(path).parent
        if workspace is not None and (folder / "arrays").is_dir():
            copy_arrays(records, Workspace(folder), workspace, if_there=True)
        return self.add_all(records)

    def _insert(self, rows: Mapping[str, dict[str, Value]]) -> int:
        """Return how many rows were added; those of names that are there by now were not."""
        adding = self.database.insert(RECORDS).on_conflict_do_nothing()
        adding = adding.execution_options(preserve_rowcount=True)
        sent = False

        def work(connection: Connection) -> int:
            nonlocal sent
            added = connection.execute(adding, list(rows.values())).rowcount
            for chunk in chunks(list(rows)):
                for table in (CLAIMS, FAILURES):
                    connection.execute(delete(table).where(table.c.name.in_(chunk)))
            if sent:  # the answer to an earlier attempt was lost: it may have been kept
                added = _count_same(connection, rows)
            sent = True
            return added

        return self.database.write(work)

    def _each(
        self,
        names: Sequence[str],
        read: Callable[[Held], T],
        damaged: Callable[[LedgerError], object] | None,
    ) -> Iterator[T]:
        """Yield what is read of each record; one that cannot be read is told, or raised."""
        for chunk in chunks(names, RECORDS_AT_A_TIME):
            documents = self._documents(chunk)
            for name in (name for name in chunk if name in documents):
                try:
                    found = read(documents[name])
                except LedgerError as error:
                    if damaged is None:
                        raise
                    damaged(error)
                else:
                    yield found

    def _documents(self, names: Sequence[str]) -> dict[str, Held]:
        """Return what is held under each name."""
        kept = (RECORDS.c.name, RECORDS.c.document)
        query = select(*kept, RECORDS.c.digest) if self._has_columns else select(*kept)
        query = query.where(RECORDS.c.name.in_(names))
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return {row.name: Held(self.where, *row) for row in rows}


def _count_same(connection: Connection, rows: Mapping[str, dict[str, Value]]) -> int:
    """Return how many of the rows are there just as they are."""
    count = 0
    for chunk in chunks(list(rows)):
        query = select(RECORDS.c.name, RECORDS.c.seal).where(RECORDS.c.name.in_(chunk))
        count += sum(rows[name]["seal"] == seal for name, seal in connection.execute(query))
    return count
