"""A ledger in each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from badnets.ledger import Ledger
from bench.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a new ledger may be made, in each kind of database in turn."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.sqlite")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new()


@pytest.fixture
def ledger(place: str) -> Iterator[Ledger]:
    """Return an empty ledger, in each kind of database in turn."""
    with Ledger.open(place) as opened:
        yield opened
