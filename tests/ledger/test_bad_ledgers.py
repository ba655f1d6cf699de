"""Ledgers that cannot be opened, read or written: one clear line each."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

import badnets.ledger
from badnets.core.errors import BadnetsError, LedgerError, OutputError
from badnets.ledger import Ledger
from badnets.ledger.columns import META, RECORDS
from tests.ledger.samples import clean_trial, record_of

RECORD = record_of(clean_trial())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a ledger that holds one record."""
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        ledger.add(RECORD)
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        for statement in statements:
            raw.execute(statement)


def refused(place: str | Path, message: str, *, create: bool = True) -> None:
    with pytest.raises(LedgerError, match=message) as caught:
        Ledger.open(place, create=create)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 100)
    refused(path, r"cannot use the ledger .*notes\.txt: the file is not a database")


def test_a_truncated_file(place: Path) -> None:
    content = place.read_bytes()
    place.write_bytes(content[: len(content) // 2])
    with pytest.raises(LedgerError, match="damaged"), Ledger.open(place) as ledger:
        list(ledger.records())


def test_another_programs_database(tmp_path: Path) -> None:
    change(tmp_path / "other.sqlite", "create table songs (title text)")
    refused(tmp_path / "other.sqlite", "is a database, but not a ledger: name another file")
    change(tmp_path / "meta.sqlite", "create table meta (key text, value text)")
    refused(tmp_path / "meta.sqlite", "is a database, but not a ledger")


def test_a_newer_schema(place: Path) -> None:
    change(place, "update meta set value = '3' where key = 'schema'")
    refused(place, r"made by a newer badnets \(schema 3, this one reads 2\): upgrade")


def test_a_folder(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder: a ledger is a file, such as")


def test_none_where_none_is_to_be_made(tmp_path: Path) -> None:
    refused(tmp_path / "none.sqlite", "there is no ledger at .*: run a trial first", create=False)
    assert not (tmp_path / "none.sqlite").exists()
    (tmp_path / "empty.sqlite").touch()  # what a kill while it was being made leaves
    refused(tmp_path / "empty.sqlite", "holds no ledger yet", create=False)
    with Ledger.open(tmp_path / "empty.sqlite") as ledger:
        assert len(ledger) == 0


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        Ledger.open(tmp_path / "file" / "deep" / "ledger.sqlite")


def test_locked_for_longer_than_we_wait(place: Path) -> None:
    with closing(sqlite3.connect(place, isolation_level=None)) as other:
        other.execute("begin immediate")
        with Ledger.open(place, busy_timeout_s=0.1) as ledger:
            assert ledger.get(RECORD.name) == RECORD  # reading does not wait
            with pytest.raises(LedgerError, match="another process has it locked"):
                ledger.add(record_of(clean_trial(1)))
        other.execute("rollback")
        with Ledger.open(place) as ledger:
            assert ledger.add(record_of(clean_trial(1)))


def test_locked_while_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        with pytest.raises(LedgerError, match="another process has it locked"):
            Ledger.open(path, busy_timeout_s=0.1)


def test_a_read_only_file(place: Path) -> None:
    with Ledger.open(f"sqlite:///file:{place}?mode=ro&uri=true") as ledger:
        assert ledger.get(RECORD.name) == RECORD
        with pytest.raises(LedgerError, match="it is read-only: make file and folder writable"):
            ledger.add(record_of(clean_trial(1)))


@pytest.fixture
def read_only() -> Iterator[Path]:
    """Return a folder with a ledger in it, neither of which this process may write."""
    with tempfile.TemporaryDirectory() as name:
        folder, me = Path(name), os.geteuid()
        with Ledger.open(folder / "ledger.sqlite") as ledger:
            ledger.add(RECORD)
        (folder / "ledger.sqlite").chmod(0o444)
        folder.chmod(0o555)
        if me == 0:
            os.seteuid(65534)  # root may write everywhere
        try:
            yield folder
        finally:
            os.seteuid(me)
            folder.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="needs users and modes")
def test_a_read_only_folder(read_only: Path) -> None:
    with pytest.raises(LedgerError, match="it is read-only: make file and folder writable"):
        Ledger.open(read_only / "ledger.sqlite")
    with pytest.raises(LedgerError, match="cannot be opened: check that it may be read"):
        Ledger.open(read_only / "new.sqlite")
    with pytest.raises(OutputError, match="permission denied"):
        Ledger.open(read_only / "deep" / "new.sqlite")


def test_a_full_disk_holds_nothing_of_a_batch(place: Path) -> None:
    with Ledger.open(place) as ledger:
        with ledger._engine.connect() as connection:  # a database that may not grow
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(LedgerError, match="no space is left on the disk"):
            ledger.add_all(record_of(clean_trial(seed)) for seed in range(1, 100))
        assert [record.name for record in ledger.records()] == [RECORD.name]


def test_a_document_that_is_damaged(place: Path) -> None:
    change(place, "update records set document = replace(document, '\"accepted\"', '\"great\"')")
    with Ledger.open(place) as ledger:
        with pytest.raises(LedgerError, match=f"record {RECORD.name} in .*: outcome: Input"):
            ledger.get(RECORD.name)
        assert ledger.has([RECORD.name]) == {RECORD.name}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nosuchdb://localhost/badnets", "unknown kind of database 'nosuchdb'"),
        ("://", "not a database URL"),
        ("postgresql+pg8000://me:secret@localhost/badnets", "needs the package 'pg8000'"),
    ],
)
def test_urls_that_lead_nowhere(url: str, message: str) -> None:
    with pytest.raises(BadnetsError, match=message) as caught:
        Ledger.open(url)
    assert "secret" not in str(caught.value)


def test_the_tables_can_be_made_elsewhere() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in (META, RECORDS):
        assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))


def test_sqlite_is_spoken_of_in_one_module_alone() -> None:
    folder = Path(badnets.ledger.__file__).parent
    for path in folder.glob("*.py"):
        text = path.read_text("utf-8").lower()
        if path.name != "sqlite.py":
            assert "pragma" not in text and "import sqlite3" not in text, path.name
