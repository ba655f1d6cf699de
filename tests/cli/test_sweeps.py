"""badnets run with many trials: looked at, asked, grown and stopped."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from badnets.cli import run as run_verb
from badnets.ledger import Ledger
from badnets.recipes import load_recipe
from badnets.recipes import recipe as recipes
from badnets.trials import running
from tests.cli.conftest import Cli
from tests.runners.fakes import run_badly, run_fake

GRID = """data: halves
network: tiny
backdoor: {trigger: patch:2, targets: all-to-one:1}
training: {epochs: 2, batch_size: 8}
target_accuracy: 0.5
sweep:
  backdoor.poisoning_rate: [0.1, 0.3]
"""
MANY = "data: digits\nsweep: {training.lr: [0.1, 0.2]}\nseeds: 5001\n"


@pytest.fixture(autouse=True)
def grid(tmp_path: Path, toys: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a recipe of two trials; what is run here takes no time."""
    monkeypatch.setattr(running, "run_trial", run_fake)
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    return path


def held(folder: Path) -> dict[str, str]:
    """Return when each record of the workspace was made, by its name."""
    with Ledger.open(folder / "runs" / "ledger.sqlite", create=False) as book:
        return {str(row["name"]): str(row["created"]) for row in book.rows()}


class TestLookedAt:
    def test_a_dry_run_says_what_is_left_and_how_long_it_takes(
        self, cli: Cli, tmp_path: Path, grid: Path
    ) -> None:
        ended = cli("run", "grid.yaml", "--dry-run")
        assert ended.code == 0 and not (tmp_path / "runs").exists()
        assert ended.out.splitlines()[:3] == [
            "2 trials: 0 in the ledger already, 2 to run",
            "1 trial beside them, which they are compared with or start from",
            "no estimate: no record of halves, tiny",
        ]
        assert cli("run", "grid.yaml", "--workers", "1").code == 0
        before = held(tmp_path)
        grid.write_text(GRID + "seeds: 2\n")
        ended = cli("run", "grid.yaml", "--dry-run", "--workers", "1")
        first, second, third, *_ = ended.out.splitlines()
        assert first == "4 trials: 2 in the ledger already, 2 to run"
        assert second == "1 trial beside them, which they are compared with or start from"
        assert re.fullmatch(
            r"about \d+ s with 1 worker \(\d+ s to \d+ s\), from 3 records of halves, tiny", third
        )
        assert held(tmp_path) == before

    def test_of_many_the_first_and_the_last_are_listed_and_all_as_json(
        self, cli: Cli, grid: Path
    ) -> None:
        grid.write_text(GRID + "seeds: 20\n")
        names = [trial.name for trial in load_recipe(grid)]
        lines = cli("run", "grid.yaml", "--dry-run").out.splitlines()
        listed = [line.split()[0] for line in lines[5:]]
        assert listed == [*names[:5], "...", *names[-5:]]
        assert "30 more (--format json lists all)" in lines[10]
        told = json.loads(cli("run", "grid.yaml", "--dry-run", "--json").out)
        assert [one["name"] for one in told["trials"]] == names
        assert told["trials"][0]["settings"]["backdoor"]["targets"]["target_label"] == 1
        assert (told["count"], told["held"], told["to_run"], told["others"]) == (40, 0, 40, 20)
        assert told["estimate"]["records"] == 0 and told["failed"] is None

    def test_of_very_many_some_are_looked_at(self, cli: Cli, tmp_path: Path) -> None:
        path = tmp_path / "many.yaml"
        path.write_text("data: digits\nsweep: {training.lr: [0.1, 0.2]}\nseeds: 5000000\n")
        lines = cli("run", "many.yaml", "--dry-run").out.splitlines()
        assert lines[0] == (
            "10,000,000 trials: 0 of 1,000 that were looked at are in the ledger already"
        )
        assert len(lines) == 10 and "9,999,995 more" in lines[-1]
        path.write_text("data: digits\nsweep: {training.lr: [0.1, -2]}\nseeds: 5000000\n")
        assert "training.lr: must be > 0, got -2" in cli("run", "many.yaml", "--dry-run").refused(2)

    def test_on_a_cluster_of_unknown_size_the_time_of_one_worker_is_said(
        self, cli: Cli, grid: Path
    ) -> None:
        assert cli("run", "grid.yaml", "--workers", "1").code == 0
        grid.write_text(GRID + "seeds: 9\n")
        argv = ("run", "grid.yaml", "--dry-run", "--ray", "10.0.0.1:6379")
        lines = cli(*argv).out.splitlines()
        assert " with 1 worker " in lines[2]
        assert lines[3].startswith("less on a cluster, by how many trials it runs at a time")
        lines = cli(*argv, "--workers", "8").out.splitlines()
        assert " with 8 workers " in lines[2] and not lines[3]

    def test_a_ledger_that_cannot_be_used_is_a_line(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "other.sqlite").write_text("no database")
        argv = ("run", "grid.yaml", "--dry-run", "--ledger", "other.sqlite")
        assert "other.sqlite" in cli(*argv).refused(3)
        assert cli("run", "grid.yaml", "--dry-run", "--ledger", "none.sqlite").code == 0
        assert not (tmp_path / "none.sqlite").exists()


class Terminal(io.StringIO):
    """A standard input at which somebody types."""

    def isatty(self) -> bool:
        return True


class TestAsked:
    def test_very_many_trials_are_not_run_where_nobody_can_be_asked(
        self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
        (tmp_path / "many.yaml").write_text(MANY)
        ended = cli("--workspace", "w x", "run", "many.yaml", "--workers", "2")
        assert ended.refused(2) == (
            "10,002 trials to run, no estimate: no record of digits, gu-mnist: to run them, type: "
            "badnets --workspace 'w x' run many.yaml --workers 2 --yes"
        )
        assert not (tmp_path / "w x").exists()

    @pytest.mark.parametrize(("typed", "code"), [("n\n", 130), ("\n", 130), ("", 130), ("y\n", 0)])
    def test_somebody_is_asked(
        self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
    ) -> None:
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
        monkeypatch.setattr(recipes, "MANY", 1)
        ended = cli("run", "grid.yaml", "--workers", "1", "--json")
        assert "2 trials to run, no estimate: no record of halves, tiny; go on? [y/N]" in ended.err
        assert ended.code == code
        assert ("nothing was run" in ended.err) == (typed in ("n\n", "\n"))
        assert (tmp_path / "runs").exists() == (code == 0)
        if code == 0:
            assert len(json.loads(ended.out)) == 2

    def test_nobody_is_asked_about_what_is_done_or_with_yes(
        self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        monkeypatch.setattr(recipes, "MANY", 1)
        assert cli("run", "grid.yaml", "--workers", "1", "--yes").code == 0
        assert len(held(tmp_path)) == 3
        assert cli("run", "grid.yaml", "--workers", "1").code == 0

    def test_more_than_are_held_at_once_are_run_part_by_part(
        self, cli: Cli, tmp_path: Path, grid: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run_verb, "LOOKED_UP", 1)
        argv = ("run", "grid.yaml", "--workers", "1", "--json")
        ended = cli(*argv)
        assert ended.err.splitlines()[0] == "2 trials, in 2 parts" and "part 2 of 2" in ended.err
        told = json.loads(ended.out)
        assert sum(told.values()) == 2 and len(held(tmp_path)) == 3
        assert cli(*argv[:-1]).out.splitlines()[0].split() == ["outcome", "trials"]
        monkeypatch.setattr(running, "run_trial", run_badly)
        grid.write_text(GRID + "control: false\nseeds: [1, 0]\n")
        assert "diverged" in cli(*argv).refused(3, after_work=True)
        assert len(held(tmp_path)) == 5, "the parts after those that failed were run"


class TestFailed:
    GRID = GRID + "control: false\nseeds: [0, 1]\n"  # seed 1 diverges

    def test_what_did_not_fail_is_shown(
        self, cli: Cli, grid: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "run_trial", run_badly)
        grid.write_text(self.GRID)
        ended = cli("run", "grid.yaml", "--workers", "1", "--retry", "2")
        assert "2 of 4 trials failed" in ended.refused(3, after_work=True)
        assert len(ended.out.splitlines()) == 3, "a heading and two that did not"
        ended = cli("run", "grid.yaml", "--workers", "1", "--format", "json")
        assert ended.code == 3 and len(json.loads(ended.out)) == 2
        failed = json.loads(cli("ledger", "failures", "--format", "json").out)
        assert [one["attempts"] for one in failed] == [4, 4]
        titles = [one["title"] for one in failed]
        assert ["rate 10 %" in one for one in titles] == [True, False]

    def test_what_is_left_out_is_said(
        self, cli: Cli, grid: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "run_trial", run_badly)
        grid.write_text(self.GRID)
        assert cli("run", "grid.yaml", "--workers", "1").code == 3
        lines = cli("run", "grid.yaml", "--dry-run").out.splitlines()
        assert lines[0] == "4 trials: 2 in the ledger already, 2 to run; 2 failed before"
        lines = cli("run", "grid.yaml", "--dry-run", "--skip-failed").out.splitlines()
        assert lines[0] == "4 trials: 2 in the ledger already, 0 to run"
        assert lines[1].startswith("2 trials left out")
        ended = cli("run", "grid.yaml", "--workers", "1", "--skip-failed")
        assert ended.code == 3 and len(ended.out.splitlines()) == 3
        assert "2 left out, which failed in an earlier run" in ended.err

    def test_settings_of_one_name_that_differ_tell_failures_apart(
        self, cli: Cli, grid: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "run_trial", run_badly)
        grid.write_text(
            GRID.partition("sweep")[0]
            + "control: false\nseed: 1\nsweep: {training.lr: [0.1, 0.2]}\n"
        )
        assert cli("run", "grid.yaml", "--workers", "1").code == 3
        failed = json.loads(cli("ledger", "failures", "--format", "json").out)
        assert ["lr 0.1" in one["title"] for one in failed] == [True, False]
        assert ["lr 0.2" in one["title"] for one in failed] == [False, True]


class TestGrown:
    def test_trials_that_are_described_twice_are_counted(self, cli: Cli, grid: Path) -> None:
        grid.write_text(
            GRID.replace("backdoor.poisoning_rate", "backdoor.trigger.size").replace(
                "[0.1, 0.3]", "[3, 4]\n  backdoor.trigger: [patch:1px, patch:2px]"
            )
        )
        ended = cli("run", "grid.yaml", "--workers", "1")
        assert "4 trials, of which 2 are equal to others" in ended.err

    def test_a_grid_that_has_grown_runs_only_what_is_new(
        self, cli: Cli, tmp_path: Path, grid: Path
    ) -> None:
        assert cli("run", "grid.yaml", "--workers", "1").code == 0
        before = held(tmp_path)
        assert len(before) == 3
        grid.write_text(GRID.replace("[0.1,", "[0.2, 0.1,") + "seeds: [0, 1]\n")
        ended = cli("run", "grid.yaml", "--workers", "1", "--json")
        assert len(json.loads(ended.out)) == 6
        after = held(tmp_path)
        assert len(after) == 8 and before.items() <= after.items()

    def test_a_run_that_is_stopped_goes_on_where_it_was(
        self, cli: Cli, tmp_path: Path, grid: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grid.write_text(GRID + "seeds: 2\n")
        ran: list[str] = []

        def run_trial(trial: Any, *args: Any, **kwargs: Any) -> Any:
            if len(ran) == 3:
                raise KeyboardInterrupt
            ran.append(trial.name)
            return run_fake(trial, *args, **kwargs)

        monkeypatch.setattr(running, "run_trial", run_trial)
        assert cli("run", "grid.yaml", "--workers", "1").code == 130
        before = held(tmp_path)
        assert set(ran) == before.keys()
        monkeypatch.setattr(running, "run_trial", run_fake)
        assert cli("run", "grid.yaml", "--workers", "1").code == 0
        after = held(tmp_path)
        assert len(after) == 6 and before.items() <= after.items()
