"""badnets ledger: what is chosen, what is not there, and what cannot be read."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from badnets.ledger import Ledger, read_records
from badnets.recipes import load_recipe
from tests.cli.conftest import Cli
from tests.ledger.samples import clean_trial, record_of

OTHER = record_of(clean_trial(7))
HERE = Path("runs/ledger.sqlite")


@pytest.fixture
def names(cli: Cli) -> list[str]:
    """Return the names of a recipe's trials, whose records a ledger holds beside another."""
    Path("mine.yaml").write_text("{data: digits, network: gu-mnist, seeds: [1, 2, 3]}")
    records = [record_of(trial) for trial in load_recipe("mine.yaml")]
    with Ledger.open(HERE) as book:
        book.add_all([*records, OTHER])
    return [record.name for record in records]


def change(statement: str, name: str) -> None:
    with closing(sqlite3.connect(HERE)) as raw, raw:
        raw.execute(f"update records set {statement} where name = ?", [name])


def test_an_export_of_a_recipe_holds_its_trials_alone(cli: Cli, names: list[str]) -> None:
    chosen = ("--recipe", "mine.yaml")
    assert cli("ledger", "export", "mine.csv", *chosen).out == "mine.csv: 3 records\n"
    with Path("mine.csv").open(encoding="utf-8", newline="") as file:
        assert sorted(row["name"] for row in csv.DictReader(file)) == sorted(names)
    with closing(sqlite3.connect(HERE)) as raw, raw:
        raw.execute("delete from records where name in (?, ?)", names[:2])
    told = cli("ledger", "export", "mine.json", *chosen).out
    assert told.startswith("mine.json: 1 record; 2 of 3 trials have none yet: `badnets run mine.ya")
    assert [record.name for record in read_records("mine.json")] == names[2:]
    assert "give one of them" in cli("ledger", "export", "x.csv", *chosen, "--study", "m").refused()
    assert "no.yaml" in cli("ledger", "export", "x.csv", "--recipe", "no.yaml").refused()


@pytest.mark.parametrize(
    ("chosen", "again"),
    [
        (("--recipe", "mine.yaml"), "`badnets run mine.yaml`"),
        (("--study", "mnist", "--data", "digits"), "`badnets study mnist --data digits`"),
        ((), "`badnets run RECIPE.yaml`"),
    ],
)
def test_an_export_of_nothing_is_refused(
    cli: Cli, names: list[str], chosen: tuple[str, ...], again: str
) -> None:
    with closing(sqlite3.connect(HERE)) as raw, raw:
        raw.execute("delete from records")
    line = cli("ledger", "export", "out.csv", *chosen).refused(1)
    assert line.startswith("nothing was written") and f"{again} makes them" in line
    assert not Path("out.csv").exists()


@pytest.mark.parametrize("file", ["mine.csv", "mine.yaml", "none.csv"])
def test_only_json_is_imported(cli: Cli, names: list[str], file: str) -> None:
    cli("ledger", "export", "mine.csv")
    line = cli("ledger", "import", file).refused(2)
    assert line.startswith(f"{file}: expected a file that `badnets ledger export FILE.json` wrote")


@pytest.mark.parametrize("statement", ["summary = substr(summary, 1, 99)", "summary = 'mine'"])
def test_a_damaged_record_is_named_and_the_others_are_listed(
    cli: Cli, names: list[str], statement: str
) -> None:
    whole = cli("ledger", "list").out
    change(statement, names[1])
    told = cli("ledger", "list")
    said = told.refused(1)
    assert said.startswith(f"record {names[1]} in {HERE} was changed or is damaged: bring")
    assert [line.split()[0] for line in told.out.splitlines()[:4]] == [
        line.split()[0] for line in whole.splitlines()[:5] if names[1] not in line
    ]
    listed = cli("ledger", "list", "--json")
    assert listed.refused(1) == said == cli("ledger", "show", names[1]).refused(3)
    assert listed.out.count('"outcome"') == 3


@pytest.mark.parametrize("statement", ["document = 'mine'", "document = substr(document, 1, 99)"])
def test_a_record_whose_document_was_changed_is_neither_shown_nor_exported(
    cli: Cli, names: list[str], statement: str
) -> None:
    change(statement, names[1])
    for argv in (("show", names[1]), ("show", names[1], "--json"), ("export", "out.json")):
        assert f"record {names[1]} in {HERE} was changed" in cli("ledger", *argv).refused(3)
    assert not Path("out.json").exists()


def test_a_record_that_an_upgrade_could_not_read_is_named_too(cli: Cli, names: list[str]) -> None:
    from badnets.ledger.columns import LISTED, sealed

    with closing(sqlite3.connect(HERE)) as raw, raw:
        raw.row_factory = sqlite3.Row
        row = dict(raw.execute("select * from records where name = ?", names[:1]).fetchone())
        made = sealed({**row, "title": "cannot be read", "summary": "{}"}, "{")
        columns = [column.name for column in LISTED] + ["document"]
        marks = ", ".join(f'"{column}" = ?' for column in columns)
        values = [made[column] for column in columns]
        raw.execute(f"update records set {marks} where name = ?", [*values, names[0]])
    assert "cannot be read" in cli("ledger", "list").out
    for argv in (("list", "--json"), ("show", names[0]), ("show", names[0], "--json")):
        ended = cli("ledger", *argv)
        assert f"record {names[0]} does not fit this version" in ended.refused(ended.code)
        assert ended.code == (1 if argv[0] == "list" else 3)


def test_a_merge_says_what_came_of_it(cli: Cli, names: list[str]) -> None:
    new, trial = record_of(clean_trial(8)), clean_trial(7)
    with Ledger.open("other.sqlite") as book:
        book.add_all([new, OTHER.model_copy(update={"clean": record_of(clean_trial(9)).clean})])
    merged = cli("ledger", "merge", "other.sqlite", str(HERE))
    assert merged.out.splitlines() == [
        "other.sqlite: 1 added, 1 were there already",
        f"{HERE}: 0 added, 5 were there already",
    ]
    assert f"1 of these trials have other rates in other.sqlite; the records of {HERE} stay: " in (
        line := merged.refused(1)
    )
    assert line.endswith(trial.name)
    assert "no ledger at none.sqlite" in cli("ledger", "merge", "none.sqlite").refused(3)
    assert not Path("none.sqlite").exists()
    assert "expected a file" in cli("ledger", "merge", "redis://host").refused(2)
    assert "`badnets ledger import some.json`" in cli("ledger", "merge", "some.json").refused()


def test_a_vacuum_says_what_was_dropped(cli: Cli, names: list[str]) -> None:
    with Ledger.open(HERE) as book:
        book.claims.take(["0" * 16], "gone", lease_s=1e-9, most=1)
    said = cli("ledger", "vacuum").out
    assert said.startswith(f"{HERE}: 1 claims and 0 failures dropped, ")
    assert "no ledger at none.sqlite" in cli("ledger", "vacuum", "--ledger", "none.sqlite").refused(
        3
    )
    assert not Path("none.sqlite").exists()


def test_failures_are_listed_with_their_reasons(cli: Cli, names: list[str]) -> None:
    assert cli("ledger", "failures").out == "no trial has failed\n"
    with Ledger.open(HERE) as book:
        book.note_failure("0" * 16, "digits, gu-mnist, clean, seed 3", "diverged")
        book.note_failure("0" * 16, "digits, gu-mnist, clean, seed 3", "was killed")
    heading, line = cli("ledger", "failures").out.splitlines()
    assert heading.split() == ["name", "trial", "times", "last", "why"]
    assert line.split()[0] == "0" * 16 and line.split()[-2:] == ["was", "killed"]
    (told,) = json.loads(cli("ledger", "failures", "--json").out)
    assert (told["attempts"], told["reason"]) == (2, "was killed")


def test_an_import_that_fails_makes_no_ledger(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    for name in ("missing.json", "other.json"):
        cli("ledger", "import", name, "--workspace", "new").refused(3)
        cli("ledger", "import", name, "--ledger", "other.sqlite").refused(3)
    assert not (tmp_path / "new" / "ledger.sqlite").exists()
    assert not (tmp_path / "other.sqlite").exists()


def test_where_no_record_fits_that_is_said(cli: Cli, names: list[str]) -> None:
    ended = cli("ledger", "list", "--data", "digts")
    assert ended.code == 0 and ended.err == "badnets: no record fits\n"
