"""The ledger: records by trial name. What it holds is not run again, and nothing is held twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from badnets.core.errors import LedgerError, SettingError
from badnets.ledger.checks import check_name, first_defect
from badnets.ledger.columns import RECORDS, Value, stored_row
from badnets.ledger.connecting import connect, explained, shown, url_of
from badnets.ledger.exports import copy_arrays, read_records, without_pictures, write_records
from badnets.ledger.sqlite import BUSY_TIMEOUT_S, WRITES
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
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.where = shown(engine.url)

    @classmethod
    def open(
        cls, place: str | Path, *, create: bool = True, busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> Self:
        """Return the ledger at a path or a database URL.

        Args:
            place: a SQLite file, or a URL such as ``postgresql+psycopg://user@host/badnets``.
            create: whether one is made where there is none; its folder too.
            busy_timeout_s: how long to wait where another process has a SQLite file locked.

        Raises:
            LedgerError: it cannot be opened, is not a ledger, was made by a newer version, or
                stayed locked.
            OutputError: its folder cannot be made.
        """
        return cls(connect(url_of(place), create=create, busy_timeout_s=busy_timeout_s))

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
        rows = {record.name: _checked_row(record) for record in reversed(wanted)}  # the first stays
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

    def find(self, beginning: str) -> Record:
        """Return the one record whose name begins so.

        Raises:
            SettingError: there is none, or several.
            LedgerError: it cannot be read.
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
        return next(self.records(names=found))

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
        query = select(RECORDS.c.name).order_by(RECORDS.c.created, RECORDS.c.name)
        if data is not None:
            query = query.where(RECORDS.c.data == data)
        if network is not None:
            query = query.where(RECORDS.c.network == network)
        if attacked is not None:
            kind = RECORDS.c.trigger
            query = query.where(kind.is_not(None) if attacked else kind.is_(None))
        with explained(self.where), self._engine.connect() as connection:
            found = list(connection.scalars(query))
        if names is not None:
            wanted = set(names)
            found = [name for name in found if name in wanted]
        for chunk in _chunks(found):
            rows = select(RECORDS.c.name, RECORDS.c.document).where(RECORDS.c.name.in_(chunk))
            with explained(self.where), self._engine.connect() as connection:
                documents = {row.name: row.document for row in connection.execute(rows)}
            yield from (self._parsed(name, documents[name]) for name in chunk if name in documents)

    def export(
        self,
        path: Path | str,
        format: str | None = None,
        *,
        names: Iterable[str] | None = None,
        arrays: bool = False,
        pictures: bool = True,
        workspace: Workspace | None = None,
    ) -> int:
        """Write records to a file and return how many.

        Args:
            path: the file; replaced if it is there.
            format: ``"json"`` (lossless) or ``"csv"``; by the file's ending if None.
            names: only those of these names.
            arrays: whether the arrays that the records name are copied too, into a folder
                ``arrays`` beside the file.
            pictures: whether arrays that hold images of a data set are among them; its licence
                may not allow them to be passed on.
            workspace: where the arrays are.

        Raises:
            LedgerError: an unknown format, a record or an array that cannot be read.
            OutputError: the file cannot be written.
        """
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
            LedgerError: the file cannot be read, or a record in it does not fit its trial or this
                version's format.
        """
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

    def _parsed(self, name: str, document: str) -> Record:
        try:
            return Record.model_validate_json(document)
        except ValidationError as error:
            raise LedgerError(
                f"record {name} in {self.where} does not fit this version of badnets: "
                f"{first_defect(error)}"
            ) from None


def _checked_row(record: Record) -> dict[str, Value]:
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
