"""Ledgers that cannot be opened, read or written: one clear line each."""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import badnets.ledger
from badnets.core.errors import BadnetsError, LedgerError, OutputError
from badnets.ledger import Ledger
from tests.ledger.samples import attacked_trial, clean_trial, record_of

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
    change(place, "update meta set value = '4' where key = 'schema'")
    refused(place, r"made by a newer badnets \(schema 4, this one reads 3\): upgrade")


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
    with Ledger.open(read_only / "ledger.sqlite", create=False) as ledger:
        assert list(ledger.records()) == [RECORD]
    with (
        pytest.raises(LedgerError, match="it is read-only: make file and folder writable"),
        Ledger.open(read_only / "ledger.sqlite") as ledger,
    ):
        ledger.add(record_of(clean_trial(1)))
    with pytest.raises(LedgerError, match="cannot be opened: check that it may be read"):
        Ledger.open(read_only / "new.sqlite")
    with pytest.raises(OutputError, match="permission denied"):
        Ledger.open(read_only / "deep" / "new.sqlite")


def test_a_full_disk_holds_nothing_of_a_batch(place: Path) -> None:
    with Ledger.open(place) as ledger:
        with ledger.database._engine.connect() as connection:  # a database that may not grow
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(LedgerError, match="no space is left on the disk"):
            ledger.add_all(record_of(clean_trial(seed)) for seed in range(1, 100))
        assert [record.name for record in ledger.records()] == [RECORD.name]


OTHERS = [record_of(clean_trial(1)), record_of(attacked_trial(2))]


@pytest.mark.parametrize("last_in_log", [False, True])
def test_a_full_disk_can_be_read_from(place: Path, last_in_log: bool) -> None:
    resource = pytest.importorskip("resource")
    expected, other = [RECORD], Ledger.open(place)
    if last_in_log:  # what a process that was killed leaves: a log, and no index of it
        other.add(OTHERS[0])
        files = {path: path.read_bytes() for path in place.parent.iterdir()}
        other.close()
        for path, content in files.items():
            if not path.name.endswith("-shm"):
                path.write_bytes(content)
        expected = sorted([RECORD, OTHERS[0]], key=lambda record: record.name)
    other.close()
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most[1]))  # nothing can be written any more
    try:
        with Ledger.open(place, create=False) as ledger:
            found = list(ledger.records())
            assert [row["name"] for row in ledger.rows()] == [record.name for record in found]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert found == expected


def look(path: Path) -> list[Any]:
    """Return all that can be read from a ledger."""
    with Ledger.open(path, create=False) as ledger:
        rows = [dict(row) for row in ledger.rows()]
        texts = [ledger.document(str(row["name"])) for row in rows]
        return [rows, texts, list(ledger.records())]


@pytest.mark.parametrize("kind", ["bit", "zeros", "page", "cut", "swap", "header", "noise"])
def test_damage_is_either_harmless_or_said_in_one_line(place: Path, kind: str) -> None:
    with Ledger.open(place) as ledger:
        ledger.add_all(OTHERS)
    whole, expected, chance = place.read_bytes(), look(place), random.Random(kind)
    refused_ones = 0
    for _ in range(12):
        content, at = bytearray(whole), chance.randrange(100, len(whole))
        page, other = 4096 * (at // 4096), 4096 * chance.randrange(len(whole) // 4096)
        match kind:
            case "bit":
                content[at] ^= 1 << chance.randrange(8)
            case "zeros":
                content[at : at + 64] = bytes(len(content[at : at + 64]))
            case "page":
                content[page : page + 4096] = bytes(4096)
            case "cut":
                del content[at:]
            case "swap":
                content[page : page + 4096] = whole[other : other + 4096]
                content[other : other + 4096] = whole[page : page + 4096]
            case "header":
                content[page + chance.randrange(12)] = chance.randrange(256)
            case "noise":
                content[at : at + 32] = chance.randbytes(len(content[at : at + 32]))
        place.write_bytes(content)
        try:
            assert look(place) == expected
        except BadnetsError as error:
            refused_ones += 1
            assert "\n" not in str(error)
    assert refused_ones


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("set document = replace(document, '0.25', '0.75')", "was changed or is damaged"),
        ("set document = cast(x'7bff' as text)", "damaged"),
        ("set document = x'00ff'", "damaged"),
        ("set clean_hits = clean_hits + 1", "was changed or is damaged"),
        ("set title = 'another'", "was changed or is damaged"),
        ("set created = cast(x'ff' as text)", "damaged"),
        ("set outcome = 7", "was changed or is damaged"),
        ("set name = 'x' || substr(name, 2)", "was changed or is damaged"),
    ],
)
def test_what_was_changed_by_hand_is_refused(place: Path, statement: str, message: str) -> None:
    change(place, f"update records {statement}")
    with pytest.raises(LedgerError, match=message) as caught:
        look(place)
    assert "\n" not in str(caught.value)


def test_swapped_names_are_noticed_though_the_digests_fit(place: Path) -> None:
    with Ledger.open(place) as ledger:
        ledger.add(OTHERS[0])
    same = "document = other.document, digest = other.digest"
    joined = "(select name as n, document, digest from records) other where other.n != records.name"
    change(place, f"update records set {same} from {joined}")
    with Ledger.open(place) as ledger, pytest.raises(LedgerError, match="changed or is damaged"):
        list(ledger.records())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nosuchdb://localhost/badnets", "unknown kind of database 'nosuchdb'"),
        ("mysql://localhost/badnets", "unknown kind of database 'mysql': expected a file, or"),
        ("postgresql+nosuch://localhost/badnets", "unknown driver 'postgresql.nosuch'"),
        ("://", "not a database URL"),
        ("postgresql+pg8000://me:secret@localhost/badnets", "needs the package 'pg8000'"),
    ],
)
def test_urls_that_lead_nowhere(url: str, message: str) -> None:
    with pytest.raises(BadnetsError, match=message) as caught:
        Ledger.open(url)
    assert "secret" not in str(caught.value)


def test_sqlite_is_spoken_of_in_one_module_alone() -> None:
    folder = Path(badnets.ledger.__file__).parent
    for path in folder.glob("*.py"):
        text = path.read_text("utf-8").lower()
        if path.name != "sqlite.py":
            assert "pragma" not in text and "import sqlite3" not in text, path.name
