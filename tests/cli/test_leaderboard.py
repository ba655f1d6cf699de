"""badnets leaderboard: a page and a CSV, and one line for what cannot be."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from badnets.ledger import Ledger, write_records
from tests.cli.conftest import Cli
from tests.ledger.samples import attacked_trial, clean_trial, record_of

HERE = Path("runs/ledger.sqlite")


@pytest.fixture
def held(cli: Cli) -> list[str]:
    """Return the names of records that are in the ledger and in an export."""
    records = [record_of(trial) for trial in (clean_trial(), attacked_trial(1), attacked_trial(2))]
    with Ledger.open(HERE) as book:
        book.add_all(records)
    write_records(records, "some.json")
    return [record.name for record in records]


def test_it_writes_a_page_and_a_csv(cli: Cli, held: list[str]) -> None:
    assert cli("leaderboard", "-o", "board.html").out == "board.html\nboard.csv\n"
    page, numbers = Path("board.html").read_text(), Path("board.csv").read_text()
    assert all(name in page and name in numbers for name in held)
    assert "badnets leaderboard --ledger runs/ledger.sqlite -o board.html" in page
    again = cli("leaderboard", "some.json", "-o", "again.html", "--json")
    assert json.loads(again.out) == {"files": ["again.html", "again.csv"]}
    assert Path("again.csv").read_text() == numbers
    both = cli("leaderboard", "some.json", "--ledger", str(HERE), "-o", "board.html", "--force")
    assert both.code == 0 and Path("board.csv").read_text() == numbers


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("--ledger", "none.sqlite", "-o", "a.html"), 3, "there is no ledger"),
        (("--ledger", "text.json", "-o", "a.html"), 3, "not a database"),
        (("none.json", "-o", "a.html"), 3, "cannot read none.json"),
        (("text.json", "-o", "a.html"), 3, "text.json is JSON, but not an export of records"),
        (("own.csv", "-o", "a.html"), 2, "cannot be read back"),
        (("some.json", "-o", "there.html"), 2, "there.html is there already"),
        (("some.json", "-o", "a.txt"), 2, "must end in .html"),
        (("some.json", "-o", "text.json/a.html"), 2, "cannot write text.json"),
        (("some.json",), 2, "Missing option"),
        (("--ledger", "empty.sqlite", "-o", "a.html"), 2, "there are no records"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(
    cli: Cli, held: list[str], argv: tuple[str, ...], code: int, said: str
) -> None:
    Path("text.json").write_text("{}")
    Path("own.csv").write_text("name\n")
    Path("there.html").write_text("")
    Ledger.open("empty.sqlite").close()
    assert said in cli("leaderboard", *argv).refused(code)
    assert not Path("a.html").exists() and Path("there.html").read_text() == ""


def test_records_that_cannot_be_read_are_named_and_left_out(cli: Cli, held: list[str]) -> None:
    with closing(sqlite3.connect(HERE)) as raw, raw:
        raw.execute("update records set seed = 99 where name = ?", [held[1]])
    ended = cli("leaderboard", "-o", "board.html")
    assert ended.code == 1 and ended.out == "board.html\nboard.csv\n"
    assert f"badnets: left out: record {held[1]}" in ended.err
    page = Path("board.html").read_text()
    assert "1 record left out" in page and f'["{held[1]}"' not in page and held[2] in page
