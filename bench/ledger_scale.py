"""A ledger of very many records: asking what is done, claiming, adding, opening, a page of all.

Both databases are real: a SQLite file, and a PostgreSQL server on the loopback interface where one
is installed. Nothing else should use the disk: most of what is written waits for it.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path

from sqlalchemy import Connection, insert, select

from badnets.ledger import Ledger
from badnets.ledger.columns import RECORDS
from bench.ledger import call, copies, every_export, fill
from bench.measuring import seconds
from bench.postgres import PostgresServer, programs
from bench.results import Result, Wanted
from bench.scales import Scale

TIMES = 5  # as many records as the listing is measured with
QUESTIONS, TAKEN, OPEN, DONE = 1000, 64, 10_000, 5_000
PAGE_S = 5.0
HOLDER, LEASE_S = "bench", 60.0


def run(scale: Scale) -> Iterator[Result]:
    """Give seconds of each call, on SQLite and on PostgreSQL."""
    records, rounds = TIMES * scale.records, scale.starts
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ledger.sqlite"
        spent = seconds(lambda: fill(place, records))
        size = place.stat().st_size
        more = {"bytes": float(size)}
        note = f"{size / records:,.0f} bytes each"
        yield Result(f"SQLite, {records:,} records: added", (spent,), "s", note=note, more=more)
        yield from _calls(f"SQLite, {records:,} records", str(place), rounds)
        varied = Path(folder) / "varied.sqlite"
        fill(varied, records, every_export())
        for which, what in ((place, "of one study"), (varied, "of every study")):
            yield from _page(which, f"badnets leaderboard, {records:,} records {what}", rounds)
        upgrades = tuple(seconds(lambda: Ledger.open(_older(place)).close()) for _ in range(rounds))
        yield Result(f"SQLite, {records:,} records: upgraded from schema 2", upgrades, "s")
        where = programs()
        if where is None:
            return
        server = PostgresServer(where, durable=True)
        try:
            url = server.new()
            spent = seconds(lambda: _copy(place, url))
            what = f"PostgreSQL, {records:,} records"
            yield Result(f"{what}: rows copied", (spent,), "s")
            yield from _calls(what, url, rounds)
        finally:
            server.remove()


def _page(place: Path, what: str, rounds: int) -> Iterator[Result]:
    """Give the seconds of the page of all records."""
    page = place.with_suffix(".html")
    argv = ("leaderboard", "-o", str(page), "--force", "--ledger", str(place))
    answers = [call(*argv) for _ in range(min(3, rounds))]
    rows = page.with_suffix(".csv").read_text().count("\n")
    note = f"{len(answers)} calls; {rows:,} lines of CSV"
    spent, took = ([answer[name] for answer in answers] for name in ("cpu_s", "wall_s"))
    yield Result(what, tuple(took), "s", wanted=Wanted("<=", PAGE_S), note=note)
    yield Result(f"{what}: processor time", tuple(spent), "s", note=note)


def _calls(what: str, place: str, rounds: int) -> Iterator[Result]:
    """Give the seconds of what is asked of a ledger again and again."""
    opened = tuple(seconds(lambda: Ledger.open(place).close()) for _ in range(rounds))
    yield Result(f"{what}: opened", opened, "s")
    with Ledger.open(place) as ledger:
        names = ledger.names()
        asked = [*names[:: max(1, 2 * len(names) // QUESTIONS)], *map(_unknown, range(QUESTIONS))]
        asked = asked[:QUESTIONS]

        def ask() -> None:
            for name in asked:
                ledger.has([name])

        wanted = Wanted("<=", QUESTIONS / 1000) if place.endswith(".sqlite") else None
        yield Result(
            f"{what}: {QUESTIONS:,} times 'is it done?'",
            tuple(seconds(ask) for _ in range(rounds)),
            "s",
            wanted=wanted,
            note="half of them are",
        )
        fresh = [_unknown(number) for number in range(OPEN)]
        for listed, note in ((fresh, ""), ([*names[:DONE], *fresh], f", after {DONE:,} done ones")):
            takes = []
            for _ in range(rounds):
                takes.append(seconds(lambda listed=listed: _take(ledger, listed)))  # type: ignore[misc]
                ledger.claims.release(HOLDER)
            yield Result(f"{what}: {TAKEN} taken of {OPEN:,}{note}", tuple(takes), "s")
        _take(ledger, fresh)
        renewed = tuple(
            seconds(lambda: ledger.claims.renew(HOLDER, lease_s=LEASE_S)) for _ in range(rounds)
        )
        yield Result(f"{what}: {TAKEN} renewed", renewed, "s")
        ledger.claims.release(HOLDER)
        yield from _adding(what, ledger, rounds)
        read = tuple(seconds(lambda: _exhaust(ledger.rows())) for _ in range(min(3, rounds)))
        yield Result(f"{what}: columns of all read", read, "s")


def _adding(what: str, ledger: Ledger, rounds: int) -> Iterator[Result]:
    """Give the seconds of adding records one by one, and together."""
    numbers = count(10**6 + len(ledger))
    single = [list(copies(numbers, TAKEN)) for _ in range(rounds)]
    together = [list(copies(numbers, TAKEN)) for _ in range(rounds)]
    one_by_one = tuple(
        seconds(lambda some=some: [ledger.add(one) for one in some])  # type: ignore[misc]
        for some in single
    )
    yield Result(f"{what}: {TAKEN} added one by one", one_by_one, "s")
    at_once = tuple(
        seconds(lambda some=some: ledger.add_all(some))  # type: ignore[misc]
        for some in together
    )
    yield Result(f"{what}: {TAKEN} added together", at_once, "s")


def _take(ledger: Ledger, names: list[str]) -> None:
    taken = ledger.claims.take(names, HOLDER, lease_s=LEASE_S, most=TAKEN).taken
    assert len(taken) == TAKEN


def _unknown(number: int) -> str:
    """Return a name that no trial has: a hash has sixteen random digits."""
    return f"{number:016x}"


def _exhaust(rows: Iterator[object]) -> None:
    for _ in rows:
        pass


def _older(place: Path) -> Path:
    """Make the ledger one of schema 2."""
    with closing(sqlite3.connect(place)) as raw, raw:
        raw.execute("DROP TABLE claims")
        raw.execute("DROP TABLE failures")
        raw.execute("UPDATE meta SET value = '2' WHERE key = 'schema'")
    return place


def _copy(source: Path, url: str) -> None:
    """Copy the rows as they are: checking each record again is not what is measured."""
    with Ledger.open(source) as ledger, Ledger.open(url) as other:
        rows = ledger.database.stream(select(RECORDS))
        while some := [dict(row._mapping) for row in islice(rows, 500)]:

            def add(connection: Connection, some: list[dict[str, object]] = some) -> None:
                connection.execute(insert(RECORDS), some)

            other.database.write(add)
