"""The ledger: records by trial name. What it holds is not run again, and nothing is held twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sqlalchemy import Connection, Engine, Select, func, insert, select
from sqlalchemy.exc import IntegrityError

from badnets.core.errors import LedgerError, SettingError
from badnets.data.names import FOLDER
from badnets.ledger.columns import (
    LISTED,
    RECORDS,
    SCHEMA_VERSION,
    Value,
    digest_of,
    seal_of,
    stored_row,
)
from badnets.ledger.connecting import connect, explained, shown, url_of
from badnets.ledger.sqlite import BUSY_TIMEOUT_S, WRITES

if TYPE_CHECKING:
    from badnets.trials.record import Record
    from badnets.trials.workspace import Workspace

_CHUNK = 200  # names per query, and records read at a time


class ImportCount(NamedTuple):
    """How many records an import added, and how many were there already."""

    added: int
    already: int


class Ledger:
    """The database of records. Use it in a ``with`` block, or `close` it.

    Args:
        engine: connects to a database that has the tables; `Ledger.open` makes it.
        version: of those tables; of an earlier one than is written here, only documents are read.
    """

    def __init__(self, engine: Engine, version: int = SCHEMA_VERSION) -> None:
        self._engine = engine
        self._has_columns = version == SCHEMA_VERSION
        self.where = shown(engine.url)

    @classmethod
    def open(
        cls, place: str | Path, *, create: bool = True, busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> Self:
        """Return the ledger at a path or a database URL.

        Args:
            place: a SQLite file, or a URL such as ``postgresql+psycopg://user@host/badnets``.
            create: whether one is made where there is none, its folder too; False: it is opened
                for reading alone, and nothing is written.
            busy_timeout_s: how long to wait where another process has a SQLite file locked.

        Raises:
            LedgerError: it cannot be opened, is not a ledger, is damaged, was made by a newer
                version, or stayed locked.
            OutputError: its folder cannot be made.
        """
        return cls(*connect(url_of(place), create=create, busy_timeout_s=busy_timeout_s))

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
        with explained(self.where):
            self._engine.dispose()

    def __len__(self) -> int:
        with explained(self.where), self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(RECORDS)) or 0

    def add(self, record: Record) -> bool:
        """Hold the record; return False, and change nothing, where one of its name is held.

        When this returns, the record is on disk.

        Raises:
            LedgerError: it is not named after its trial, or the database refused it.
        """
        return bool(self.add_all([record]).added)

    def add_all(self, records: Iterable[Record]) -> ImportCount:
        """Hold all of the records, or, after an error, none; those that are held stay as they are.

        Raises:
            LedgerError: one is not named after its trial, or the database refused them.
        """
        wanted = list(records)
        held = self.has(record.name for record in wanted)
        new = [record for record in reversed(wanted) if record.name not in held]
        rows = {record.name: _checked_row(record) for record in new}  # of a name, the first stays
        with explained(self.where):
            try:
                added = self._insert(rows)
            except IntegrityError:  # another process added one after we looked: look again
                added = self._insert(rows)
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
        with explained(self.where), self._engine.connect() as connection:
            found = sorted(connection.scalars(query))
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
        with explained(self.where), self._engine.connect() as connection:
            return _held(connection, names)

    def records(
        self,
        *,
        data: str | None = None,
        network: str | None = None,
        attacked: bool | None = None,
        names: Iterable[str] | None = None,
    ) -> Iterator[Record]:
        """Yield records, oldest first. The database is not held open meanwhile.

        Args:
            data: only those of this data set.
            network: only those of this network.
            attacked: only those with a backdoor (True) or without one (False).
            names: only those of these names.

        Raises:
            LedgerError: a record does not fit this version's format.
        """
        query = _about(select(RECORDS.c.name), data, network, attacked)
        with explained(self.where), self._engine.connect() as connection:
            found = list(connection.scalars(query))
        if names is not None:
            wanted = set(names)
            found = [name for name in found if name in wanted]
        for chunk in _chunks(found):
            documents = self._documents(chunk)
            yield from (self._parsed(name, documents[name]) for name in chunk if name in documents)

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

        Args: as for `records`, and

            damaged: is told of each row that was changed or is damaged, and that row is left out;
                None: it is raised.

        Raises:
            LedgerError: a row is damaged.
        """
        if not self._has_columns:
            found = self.records(data=data, network=network, attacked=attacked, names=names)
            yield from map(stored_row, found)
            return
        wanted = None if names is None else set(names)
        query = _about(select(*LISTED), data, network, attacked)
        if wanted is not None and len(wanted) <= _CHUNK:
            query = query.where(RECORDS.c.name.in_(wanted))
        with explained(self.where), self._engine.connect() as connection:
            connection = connection.execution_options(yield_per=_CHUNK)
            for row in connection.execute(query):
                *values, seal = row
                if wanted is not None and row.name not in wanted:
                    continue
                if seal_of(values) == seal:
                    yield row._mapping
                elif damaged is not None:
                    damaged(self._damaged(row.name))
                else:
                    raise self._damaged(row.name)

    def document(self, name: str) -> str:
        """Return the whole record of a name as JSON, as it was written.

        Raises:
            LedgerError: there is none, or it is damaged.
        """
        found = self._documents([name])
        if name not in found:
            raise LedgerError(f"no record is named {name!r} in {self.where}")
        return found[name]

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
        from badnets.ledger.exports import copy_arrays, without_pictures, write_records
        from badnets.trials.workspace import Workspace

        if Path(path).exists() and not replace:
            raise SettingError(f"{path} is there already: name another file, or give --force")
        records = list(self.records(names=names))
        if not pictures:
            records = [without_pictures(record) for record in records]
        if arrays:
            if workspace is None:
                raise LedgerError("arrays are exported from a workspace: name it")
            copy_arrays(records, workspace, Workspace(Path(path).parent))
        write_records(records, path, format)
        return len(records)

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
        connecting = self._engine.connect().execution_options(**{WRITES: True})
        with connecting as connection, connection.begin():
            new = rows.keys() - _held(connection, rows)
            if new:
                connection.execute(insert(RECORDS), [rows[name] for name in rows if name in new])
        return len(new)

    def _documents(self, names: Sequence[str]) -> dict[str, str]:
        """Return documents by name, each checked against its digest."""
        kept = (RECORDS.c.name, RECORDS.c.document)
        query = select(*kept, RECORDS.c.digest) if self._has_columns else select(*kept)
        with explained(self.where), self._engine.connect() as connection:
            rows = list(connection.execute(query.where(RECORDS.c.name.in_(names))))
        for name, document, *digest in rows:
            if not isinstance(document, str) or digest not in ([], [digest_of(document)]):
                raise self._damaged(name)
        return {row.name: row.document for row in rows}

    def _parsed(self, name: str, document: str) -> Record:
        from pydantic import ValidationError

        from badnets.ledger.checks import first_defect
        from badnets.trials.record import Record

        try:
            record = Record.model_validate_json(document)
        except ValidationError as error:
            raise LedgerError(
                f"record {name} in {self.where} does not fit this version of badnets: "
                f"{first_defect(error)}"
            ) from None
        if record.name != name:
            raise self._damaged(name)
        return record

    def _damaged(self, name: object) -> LedgerError:
        return LedgerError(
            f"record {name} in {self.where} was changed or is damaged: bring the ledger back from "
            "a copy or an export"
        )


def _about(
    query: Select[Any], data: str | None, network: str | None, attacked: bool | None
) -> Select[Any]:
    """Return the query for some records alone, oldest first."""
    query = query.order_by(RECORDS.c.created, RECORDS.c.name)
    if data is not None:
        wanted = RECORDS.c.data == data
        if data.startswith(FOLDER):  # a trial names the size that a folder was read at
            wanted |= RECORDS.c.data.startswith(f"{data}@", autoescape=True)
        query = query.where(wanted)
    if network is not None:
        query = query.where(RECORDS.c.network == network)
    if attacked is not None:
        kind = RECORDS.c.trigger
        query = query.where(kind.is_not(None) if attacked else kind.is_(None))
    return query


def _checked_row(record: Record) -> dict[str, Value]:
    from pydantic import ValidationError

    from badnets.ledger.checks import check_name, first_defect
    from badnets.trials.record import Record

    check_name(record)
    values = stored_row(record)
    try:
        Record.model_validate_json(str(values["document"]))  # NaN, say, is not held by JSON
    except ValidationError as error:
        raise LedgerError(
            f"record {record.name} cannot be held as JSON: {first_defect(error)}"
        ) from None
    return values


def _held(connection: Connection, names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for chunk in _chunks(sorted(set(names))):
        query = select(RECORDS.c.name).where(RECORDS.c.name.in_(chunk))
        found.update(connection.scalars(query))
    return found


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]
