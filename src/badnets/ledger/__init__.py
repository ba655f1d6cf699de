"""The database of records: a SQLite file, or any database that SQLAlchemy knows, by URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.ledger.exports import FORMATS, read_records, write_records
    from badnets.ledger.ledger import ImportCount, Ledger

__all__ = ["FORMATS", "ImportCount", "Ledger", "read_records", "write_records"]

__getattr__, __dir__ = exports(
    __name__,
    {
        "FORMATS": ".exports",
        "ImportCount": ".ledger",
        "Ledger": ".ledger",
        "read_records": ".exports",
        "write_records": ".exports",
    },
)
