"""Which records a query is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from badnets.data.names import FOLDER
from badnets.ledger.columns import RECORDS

NAMES = 900  # in a query: an older SQLite takes 999 values
RECORDS_AT_A_TIME = 200


def chunks(names: Sequence[str], size: int = NAMES) -> Iterator[Sequence[str]]:
    """Yield the names in order, so many at a time."""
    for start in range(0, len(names), size):
        yield names[start : start + size]


def held(connection: Connection, names: Iterable[str]) -> set[str]:
    """Return those of the names that have a record."""
    found: set[str] = set()
    for chunk in chunks(sorted(set(names))):
        query = select(RECORDS.c.name).where(RECORDS.c.name.in_(chunk))
        found.update(connection.scalars(query))
    return found


def chosen(
    query: Select[Any],
    data: str | None,
    network: str | None,
    attacked: bool | None,
    names: Iterable[str] | None,
) -> tuple[Select[Any], set[str] | None]:
    """Return the query for some records alone, oldest first, and the names to pick from them.

    None picks all.
    """
    query = query.order_by(RECORDS.c.created, RECORDS.c.name)
    if data is not None:
        about = RECORDS.c.data == data
        if data.startswith(FOLDER):  # a trial names the size that a folder was read at
            about |= RECORDS.c.data.startswith(f"{data}@", autoescape=True)
        query = query.where(about)
    if network is not None:
        query = query.where(RECORDS.c.network == network)
    if attacked is not None:
        kind = RECORDS.c.trigger
        query = query.where(kind.is_not(None) if attacked else kind.is_(None))
    wanted = None if names is None else set(names)
    if wanted is not None and len(wanted) <= NAMES:
        query = query.where(RECORDS.c.name.in_(wanted))
    return query, wanted
