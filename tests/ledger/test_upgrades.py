"""Ledgers of earlier releases: read as they are, and brought up to date when they are written."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine, insert, inspect, text

from badnets.core.errors import LedgerError
from badnets.ledger import Ledger
from badnets.ledger.columns import METADATA, RECORDS, SCHEMA_VERSION, stored_row
from badnets.ledger.connecting import url_of
from badnets.trials.record import Record
from tests.ledger.samples import attacked_trial, clean_trial, record_of

_META = "create table meta (key varchar(64) primary key, value text not null)"
_INDEXES = tuple(
    f"create index ix_records_{name} on records ({name})" for name in ("created", "data", "network")
)
SCHEMAS = {
    1: (
        _META,
        "create table records (name varchar(64) primary key, created varchar(32) not null, "
        "data varchar(200) not null, network varchar(200) not null, seed bigint not null, "
        '"trigger" varchar(200), targets varchar(200), poisoning_rate float, '
        "evaluate_on varchar(32) not null, outcome varchar(32) not null, "
        "clean_hits integer not null, clean_total integer not null, success_hits integer, "
        "success_total integer, control_hits integer, control_total integer, "
        "poisoned_hits integer, poisoned_total integer, train_s float not null, "
        "total_s float not null, document text not null)",
        *_INDEXES,
        "insert into meta values ('schema', '1')",
    ),
    2: (
        _META,
        "create table records (name varchar(64) primary key, title text not null, "
        "created varchar(32) not null, data varchar(200) not null, network varchar(200) not null, "
        'seed bigint not null, "trigger" varchar(200), targets varchar(200), '
        "asked_rate varchar(32), poisoning_rate float, evaluate_on varchar(32) not null, "
        "outcome varchar(32) not null, clean_hits integer not null, clean_total integer not null, "
        "success_hits integer, success_total integer, control_hits integer, control_total integer, "
        "poisoned_hits integer, poisoned_total integer, train_s float not null, "
        "total_s float not null, family varchar(16) not null, summary text not null, "
        "digest varchar(64) not null, seal varchar(64) not null, document text not null)",
        *_INDEXES,
        "insert into meta values ('schema', '2')",
    ),
}
"""Schema -> how the release that brought it made a ledger."""
RECORDS_HELD = [
    record_of(clean_trial(0), minutes=2),
    record_of(clean_trial(1), minutes=1),
    record_of(attacked_trial(2), minutes=3),
]
NEW = record_of(clean_trial(9))


def make(place: str, schema: int, records: list[Record]) -> None:
    """Make a ledger as the release of that schema did."""
    engine = create_engine(url_of(place))
    with engine.begin() as connection:
        for statement in SCHEMAS[schema]:
            connection.execute(text(statement))
        known = {column["name"] for column in inspect(connection).get_columns("records")}
        for record in records:
            row = {name: value for name, value in stored_row(record).items() if name in known}
            connection.execute(insert(RECORDS).values(row))
    engine.dispose()


def look(place: str) -> list[Any]:
    """Return all that can be read without writing."""
    with Ledger.open(place, create=False) as ledger:
        rows = [dict(row) for row in ledger.rows()]
        assert ledger.failures() == {}
        for row in rows:
            row.pop("document", None)  # of the first schema the columns come from documents
        texts = [ledger.document(str(row["name"])) for row in rows]
        return [rows, texts, list(ledger.records())]


def tables(place: str) -> dict[str, set[str]]:
    """Return the columns of each table."""
    engine = create_engine(url_of(place))
    with engine.connect() as connection:
        looked = inspect(connection)
        found = {
            name: {column["name"] for column in looked.get_columns(name)}
            for name in looked.get_table_names()
        }
    engine.dispose()
    return found


def test_every_earlier_schema_is_among_those_that_are_tested() -> None:
    assert list(SCHEMAS) == list(range(1, SCHEMA_VERSION))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_earlier_ledger_is_read_as_it_is_and_brought_up_to_date(place: str, schema: int) -> None:
    make(place, schema, RECORDS_HELD)
    before = look(place)
    assert before[2] == [RECORDS_HELD[1], RECORDS_HELD[0], RECORDS_HELD[2]]
    assert set(tables(place)) == {"meta", "records"}, "reading writes nothing"
    with Ledger.open(place) as ledger:
        assert look(place) == before
        assert ledger.add(NEW)
        assert not ledger.add(RECORDS_HELD[0])
        assert ledger.claims.take(["0" * 16], "me", lease_s=60, most=1).taken
        ledger.note_failure("0" * 16, "a trial", "went wrong")
    assert tables(place) == {
        name: {column.name for column in table.columns} for name, table in METADATA.tables.items()
    }
    with Ledger.open(place) as ledger:
        assert len(ledger) == 4
        assert len(ledger.failures()) == 1


def test_a_record_of_the_first_schema_that_cannot_be_read_stays(place: str) -> None:
    make(place, 1, RECORDS_HELD)
    engine = create_engine(url_of(place))
    with engine.begin() as connection:
        connection.execute(text("update records set document = '{}' where seed = 1"))
    engine.dispose()
    with Ledger.open(place) as ledger:
        assert len(list(ledger.rows())) == 3
        assert ledger.get(RECORDS_HELD[0].name) == RECORDS_HELD[0]
        with pytest.raises(LedgerError, match="does not fit this version"):
            ledger.get(RECORDS_HELD[1].name)
