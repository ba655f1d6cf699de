"""badnets run and badnets ledger: recipes in, records out, and nothing run twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

RECIPE = """
data: halves
network: tiny
backdoor: {trigger: patch:2, targets: all-to-one:1}
training: {epochs: 2, batch_size: 8}
target_accuracy: 0.5
sweep:
  backdoor.rate: [0.1, 0.3]
"""


@pytest.fixture(autouse=True)
def recipe(tmp_path: Path, toys: object) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def test_a_dry_run_lists_trials_and_runs_none(cli: Cli, tmp_path: Path) -> None:
    ended = cli("run", "recipe.yaml", "--dry-run")
    assert ended.code == 0
    assert "rate 10 %" in ended.out
    assert "rate 30 %" in ended.out
    assert not (tmp_path / "runs").exists()
    assert len(json.loads(cli("run", "recipe.yaml", "--dry-run", "--json").out)) == 2


def test_a_recipe_is_run_once_and_its_controls_with_it(cli: Cli) -> None:
    first = cli("run", "recipe.yaml", "--workers", "1", "--json")
    assert first.code in (0, 1)
    assert "3 trials to run" in first.err
    again = cli("run", "recipe.yaml", "--workers", "1", "--json")
    assert again.out == first.out
    assert again.err == ""
    assert len(cli("ledger", "list").out.splitlines()) == 4
    assert len(cli("ledger", "list", "--attacked", "--data", "halves").out.splitlines()) == 3
    assert len(cli("ledger", "list", "--network", "other").out.splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs: 2", "epoch: 2", "recipe.yaml, line 5: training.epoch: unknown field"),
        ("0.3]", "3]", "recipe.yaml, line 8: backdoor.rate: rate must be in [0, 1)"),
        ("one:1", "one:3", "recipe.yaml, line 4: backdoor.targets: target_label must be in 0..1"),
        ("data: halves", "data: halvs", "recipe.yaml, line 2: data: unknown data set"),
        ("patch:2", "patch:9", "recipe.yaml, line 4: backdoor.trigger: Patch of 9x9"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    cli: Cli, recipe: Path, old: str, new: str, said: str
) -> None:
    recipe.write_text(RECIPE.replace(old, new))
    assert said in cli("run", "recipe.yaml").refused(2)


def test_a_trial_that_cannot_be_run_is_named_and_the_others_are_kept(
    cli: Cli, recipe: Path
) -> None:
    recipe.write_text(RECIPE.replace("0.3]", "0.9]"))  # more than there are images to poison
    line = cli("run", "recipe.yaml", "--workers", "1").refused(3, after_work=True)
    assert "the highest rate is" in line
    assert len(cli("ledger", "list", "--attacked").out.splitlines()) == 2


def test_a_record_is_shown_by_the_beginning_of_its_name(cli: Cli) -> None:
    cli("run", "recipe.yaml", "--workers", "1")
    name = cli("ledger", "list").out.splitlines()[-1].split()[0]
    shown = cli("ledger", "show", name[:8]).out
    assert name in shown
    assert "clean accuracy" in shown
    whole = json.loads(cli("ledger", "show", name, "--json").out)
    assert whole["name"] == name
    assert "0123456789xyz" in cli("ledger", "show", "0123456789xyz").refused(2)
    assert "give more of the name" in cli("ledger", "show", "").refused(2)


def test_records_travel_as_a_file(cli: Cli, tmp_path: Path) -> None:
    cli("run", "recipe.yaml", "--workers", "1")
    listed = cli("ledger", "list").out
    for ending in ("json", "parquet"):
        file = f"out.{ending}"
        assert cli("ledger", "export", file, "--arrays").out == f"{file}: 3 records\n"
        there = ("--workspace", ending)
        assert "3 records added, 0" in cli("ledger", "import", file, *there).out
        assert "0 records added, 3" in cli("ledger", "import", file, *there).out
        assert cli("ledger", "list", *there).out == listed
    assert cli("ledger", "export", "out.csv").code == 0
    assert (tmp_path / "out.csv").read_text().count("\n") == 4


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("list",), "there is no ledger"),
        (("show", "abc"), "there is no ledger"),
        (("export", "x.json"), "there is no ledger"),
        (("import", "none.json"), "cannot read none.json"),
        (("import", "recipe.yaml"), "does not end in"),
    ],
)
def test_what_is_not_there_is_one_line(cli: Cli, argv: tuple[str, ...], said: str) -> None:
    assert said in cli("ledger", *argv).refused(3)


def test_a_file_that_is_no_ledger_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.sqlite").write_text("these are notes\n" * 100)
    cli("ledger", "list", "--ledger", "notes.sqlite").refused(3)
