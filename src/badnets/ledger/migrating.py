"""Bringing the tables of an earlier version up to date; what records say stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, column, insert, inspect, select, table, text, update
from sqlalchemy.schema import DropIndex

from badnets.ledger.columns import (
    META,
    METADATA,
    RECORDS,
    RECORDS_VERSION,
    SCHEMA_VERSION,
    STORED,
    VERSION_KEY,
    Value,
    sealed,
    stored_row,
)

_CHUNK = 100
_ASIDE = "records_before"


def migrate(connection: Connection, before: int) -> None:
    """Make the tables those of the version written here, within one transaction.

    Args:
        connection: in a transaction.
        before: the version that they are of.
    """
    if before < RECORDS_VERSION:
        _make_records_anew(connection)
    METADATA.create_all(connection)
    version = update(META).where(META.c.key == VERSION_KEY)
    connection.execute(version.values(value=str(SCHEMA_VERSION)))


def _make_records_anew(connection: Connection) -> None:
    known = [each["name"] for each in inspect(connection).get_columns(RECORDS.name)]
    connection.execute(text(f"ALTER TABLE {RECORDS.name} RENAME TO {_ASIDE}"))
    for index in RECORDS.indexes:
        connection.execute(DropIndex(index, if_exists=True))
    RECORDS.create(connection)
    before = table(_ASIDE, *map(column, known))
    names = list(connection.scalars(select(before.c.name)))
    for start in range(0, len(names), _CHUNK):
        chosen = select(before).where(before.c.name.in_(names[start : start + _CHUNK]))
        rows = [_migrated(row._asdict()) for row in connection.execute(chosen)]
        connection.execute(insert(RECORDS), rows)
    connection.execute(text(f"DROP TABLE {_ASIDE}"))


def _migrated(row: Mapping[str, Any]) -> dict[str, Value]:
    """Return a row with the columns of today; a document that cannot be read keeps its own."""
    from badnets.trials.record import Record

    document = str(row["document"])
    try:
        record = Record.model_validate_json(document)
    except ValidationError:
        record = None
    if record is not None and record.name == row["name"]:
        return stored_row(record)
    empty = {"title": "cannot be read", "family": "", "summary": "{}"}
    return sealed({**dict.fromkeys(STORED), **row, **empty}, document)
