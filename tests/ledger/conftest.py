"""A ledger in each kind of database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from badnets.ledger import Ledger
from bench.postgres import PostgresServer, programs


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a server that is ours alone."""
    place = programs()
    if place is None:
        reason = "needs a PostgreSQL server: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; CI=true allows no skipping")
        pytest.skip(reason)
    server = PostgresServer(place)
    yield server
    server.remove()


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
