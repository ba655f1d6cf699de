"""A ledger on a server: what its URL may say, and what happens when the server goes away."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from badnets.core.errors import BadnetsError, LedgerError, MissingExtraError
from badnets.ledger import Ledger
from badnets.runners import Silent, run_missing
from badnets.trials.record import Record
from badnets.trials.workspace import Workspace
from bench.postgres import USER, PostgresServer
from tests.ledger.samples import clean_trial, record_of
from tests.runners.test_in_process import Counting

RECORDS = [record_of(clean_trial(seed)) for seed in range(3)]


def refused(url: str, message: str, *, create: bool = True) -> None:
    started = time.monotonic()
    with pytest.raises(BadnetsError, match=message) as caught:
        Ledger.open(url, create=create)
    assert "\n" not in str(caught.value) and "right" not in str(caught.value)
    assert time.monotonic() - started < 5


def test_urls_name_the_driver_or_leave_it_out(postgres: PostgresServer) -> None:
    url = postgres.new()
    with Ledger.open(url) as ledger:
        assert ledger.add(RECORDS[0])
        assert ledger.where.startswith(f"postgresql://{USER}:***@127.0.0.1:{postgres.port}/")
    for scheme in ("postgresql+psycopg", "postgres"):
        with Ledger.open(url.replace("postgresql", scheme), create=False) as ledger:
            assert list(ledger.records()) == RECORDS[:1]


def test_a_server_that_does_not_answer() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://{USER}:right@127.0.0.1:{free.getsockname()[1]}/badnets"
        refused(
            url, r"127\.0\.0\.1.*: the server does not answer: start it, or check host and port"
        )
    refused("postgresql:///badnets?host=/nowhere", "the server does not answer: start it")


@pytest.mark.slow
def test_a_server_that_takes_the_call_and_says_nothing() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"postgresql://{USER}:right@127.0.0.1:{mute.getsockname()[1]}/badnets"
        refused(f"{url}?connect_timeout=2", "the server does not answer: check host and port")


def test_a_wrong_password_and_a_database_that_is_missing(postgres: PostgresServer) -> None:
    refused(postgres.url(password="wrong"), "wrong user or password: check the URL")
    refused(postgres.url("nothing"), "there is no such database: make it with `createdb`")


def test_a_database_without_a_ledger_is_not_made_one_by_reading(postgres: PostgresServer) -> None:
    url = postgres.new()
    refused(url, "holds no ledger yet: run a trial first", create=False)
    postgres.execute("CREATE TABLE records (title text)", url=url)
    refused(url, "is a database, but not a ledger")


def test_a_user_who_may_not_write(postgres: PostgresServer) -> None:
    url = postgres.new()
    with Ledger.open(url) as ledger:
        ledger.add(RECORDS[0])
    empty = postgres.new()
    schema, other = (each.rpartition("%3D")[2] for each in (url, empty))
    postgres.execute(
        "CREATE ROLE reader LOGIN PASSWORD 'right'",
        f"GRANT USAGE ON SCHEMA {schema}, {other} TO reader",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader",
    )
    theirs = url.replace(f"{USER}:", "reader:")
    with Ledger.open(theirs, create=False) as ledger:
        assert list(ledger.records()) == RECORDS[:1]
        with pytest.raises(LedgerError, match="denied for table records: the owner of the data"):
            ledger.add(RECORDS[1])
    refused(empty.replace(f"{USER}:", "reader:"), "denied for schema .*: the owner of the database")


def test_a_newer_ledger(postgres: PostgresServer) -> None:
    url = postgres.new()
    Ledger.open(url).close()
    postgres.execute("UPDATE meta SET value = '4' WHERE key = 'schema'", url=url)
    refused(url, r"made by a newer badnets \(schema 4, this one reads 3\): upgrade")


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'badnets\[postgres\]'"):
        Ledger.open("postgresql://localhost/badnets")


@contextmanager
def down(server: PostgresServer, for_s: float) -> Iterator[None]:
    """Stop the server as a crash does, and start it again after a while."""
    server.stop(signal.SIGQUIT)
    timer = threading.Timer(for_s, server.start)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_a_server_that_is_restarted_is_waited_for(postgres: PostgresServer) -> None:
    with Ledger.open(postgres.new()) as ledger:
        ledger.add(RECORDS[0])
        with down(postgres, 0.3):
            assert ledger.add(RECORDS[1])
            assert ledger.claims.take([RECORDS[2].name], "me", lease_s=60, most=1).taken
        assert len(ledger) == 2


def test_a_sweep_goes_on_when_its_server_is_back(postgres: PostgresServer, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "runs")
    trials, kept = [clean_trial(seed) for seed in range(20)], list[str]()

    def strike(record: Record) -> None:
        kept.append(record.name)
        if len(kept) % 6 == 0:
            postgres.stop(signal.SIGQUIT)
            threading.Timer(0.2, postgres.start).start()

    begun = Counting()
    with Ledger.open(postgres.new()) as ledger:
        run_missing(
            trials,
            workspace,
            ledger,
            workers=1,
            run=begun,
            on_record=strike,
            display=Silent(),
        )
        assert sorted(ledger.names()) == sorted(kept) == sorted(trial.name for trial in trials)
    assert len(begun.ran) == len(trials), "none was run twice"


def test_a_server_that_stays_away_is_given_up_in_one_line(postgres: PostgresServer) -> None:
    with Ledger.open(postgres.new(), patience_s=0.3) as ledger, down(postgres, 0.5):
        with pytest.raises(LedgerError, match="the server does not answer: start it") as caught:
            ledger.add(RECORDS[0])
        assert "\n" not in str(caught.value)


@pytest.mark.slow
# a cursor of a lost connection cannot be closed
@pytest.mark.filterwarnings("ignore:.*deleted while still open:ResourceWarning")
def test_a_server_that_is_restarted_again_and_again_loses_nothing(postgres: PostgresServer) -> None:
    url = postgres.new()
    records = [record_of(clean_trial(seed)) for seed in range(600)]
    by_name = {record.name: record for record in records}
    added: list[str] = []

    def work(holder: str) -> None:
        left = list(by_name)
        with Ledger.open(url) as ledger:
            while left:
                taken, recorded, _ = ledger.claims.take(left, holder, lease_s=60, most=5)
                for name in taken:
                    time.sleep(0.02)
                    if ledger.add(by_name[name]):
                        added.append(name)
                left = [name for name in left if name not in {*taken, *recorded}]

    drivers = [threading.Thread(target=work, args=(f"driver {one}",)) for one in range(3)]
    for driver in drivers:
        driver.start()
    for restart in range(5):
        time.sleep(0.5)
        assert any(driver.is_alive() for driver in drivers)
        postgres.stop(signal.SIGQUIT if restart % 2 else signal.SIGINT)
        postgres.start()
    for driver in drivers:
        driver.join()
    assert sorted(added) == sorted(by_name), "each was added once, by one driver"
    with Ledger.open(url) as ledger:
        assert {record.name: record for record in ledger.records()} == by_name
        rows = ledger.rows()
        read = [str(next(rows)["name"])]
        postgres.stop(signal.SIGQUIT)
        postgres.start()
        read.extend(str(row["name"]) for row in rows)
        assert read == ledger.names()
