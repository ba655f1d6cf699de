"""badnets recipe: written, checked, and their schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from badnets.recipes import load_recipe, recipe_schema
from badnets.recipes.templates import ATTACKS, DATA
from badnets.trials.trial import OutsourcedTrial
from tests.cli.conftest import Cli
from tests.data.photos import split

GOOD = "data: digits\nbackdoor: {trigger: patch, targets: all-to-one:7}\nseeds: [0, 1]\n"


class TestNew:
    @pytest.mark.parametrize("attack", ATTACKS)
    @pytest.mark.parametrize("data", [*(name for name in DATA if ":" not in name), "folder:own"])
    def test_every_template_is_a_valid_recipe(self, cli: Cli, attack: str, data: str) -> None:
        split(Path("own"), {"cat": 2, "dog": 2})
        ended = cli("recipe", "new", "mine.yaml", "--attack", attack, "--data", data)
        assert (ended.code, ended.out) == (0, "mine.yaml\n")
        (trial,) = load_recipe(Path("mine.yaml"))
        assert isinstance(trial, OutsourcedTrial)
        assert trial.data == (f"{data}@20" if data == "folder:own" else data)
        assert trial.backdoor is not None and trial.control is not None
        text = Path("mine.yaml").read_text()
        assert text.startswith("# yaml-language-server: $schema=schema.json\n# ")
        assert "badnets run mine.yaml" in text

    def test_a_network_can_be_named_and_odd_names_are_quoted(self, cli: Cli) -> None:
        split(Path("a #b: 'c'"), {"cat": 2, "dog": 2})
        argv = ("--data", "folder:a #b: 'c'@32", "--network", "torchvision.resnet18")
        assert cli("recipe", "new", "own/mine.yaml", *argv).code == 0
        (trial,) = load_recipe(Path("own/mine.yaml"))
        assert trial.network == "torchvision.resnet18" and trial.data == "folder:a #b: 'c'@32"

    def test_nothing_is_overwritten(self, cli: Cli) -> None:
        Path("mine.yaml").write_text("mine")
        assert "exists already" in cli("recipe", "new", "mine.yaml").refused()
        assert Path("mine.yaml").read_text() == "mine"

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (("--attack", "wannet"), "unknown attack 'wannet': did you mean 'wanet'"),
            (("--data", "minst"), "unknown data for a recipe 'minst': did you mean 'mnist'"),
        ],
    )
    def test_what_is_unknown_is_told(self, cli: Cli, argv: tuple[str, ...], said: str) -> None:
        assert said in cli("recipe", "new", "mine.yaml", *argv).refused(2)
        assert not Path("mine.yaml").exists()


class TestCheck:
    def test_it_says_how_many_trials_and_which(self, cli: Cli) -> None:
        Path("good.yaml").write_text(GOOD)
        Path("one.yaml").write_text("data: mnist\n")
        ended = cli("recipe", "check", "good.yaml", "one.yaml")
        assert (ended.code, ended.err) == (0, "")
        first, second, third, fourth, fifth = ended.out.splitlines()
        assert first == "good.yaml: 2 trials, and 2 that they are compared with or start from"
        assert second.endswith("digits, gu-mnist, patch:3, all->7, rate 10 %, seed 0")
        assert third.endswith("seed 1")
        assert fourth == "one.yaml: 1 trial"
        assert fifth.split()[0] == load_recipe(Path("one.yaml"))[0].name
        assert not Path("runs").exists()

    @pytest.mark.parametrize("line", ["recipe check own.yaml", "run own.yaml --dry-run"])
    def test_namesakes_are_told_apart_by_what_differs(self, cli: Cli, line: str) -> None:
        swept = "sweep:\n  training: [{}, {crop: 0.7}, {crop: 0.85, ema: 0.5}]\n"
        Path("own.yaml").write_text(f"data: digits\n{swept}  seed: [0, 1]\n")
        listed = [one for one in cli(*line.split()).out.splitlines() if "seed" in one]
        lines = [one.split("digits, gu-mnist, ")[-1] for one in listed]
        assert lines[1:4] == [
            "clean, seed 1 (crop 1, ema 0)",
            "clean, seed 0 (crop 0.7, ema 0)",
            "clean, seed 1 (crop 0.7, ema 0)",
        ]

    def test_each_mistake_is_a_line_with_file_line_and_field(self, cli: Cli) -> None:
        Path("good.yaml").write_text(GOOD)
        Path("bad.yaml").write_text("data: digits\ntraining: {epoch: 1, lr: fast}\nsed: 1\n")
        ended = cli("recipe", "check", "bad.yaml", "good.yaml", "none.yaml")
        assert ended.code == 2
        assert ended.out.startswith("good.yaml: 2 trials")
        mistakes = ended.err.splitlines()
        for mistake in ("3: sed: unknown field", "2: training.epoch: ", "2: training.lr: must"):
            assert any(line.startswith(f"bad.yaml, line {mistake}") for line in mistakes)
        assert (len(mistakes), mistakes[-1][:28]) == (4, "there is no recipe none.yaml")

    def test_of_very_many_some_are_looked_at(self, cli: Cli) -> None:
        text = "data: digits\nsweep: {training.lr: [0.1, 0.2, %s]}\nseeds: 1000000\n"
        Path("many.yaml").write_text(text % 0.3)
        Path("wrong.yaml").write_text(text % -1)
        ended = cli("recipe", "check", "many.yaml", "wrong.yaml")
        assert ended.code == 2
        assert ended.out == "many.yaml: 3,000,000 trials, some of which were looked at\n"
        assert ended.err == "wrong.yaml, line 2: training.lr: must be > 0, got -1\n"

    def test_json(self, cli: Cli) -> None:
        Path("good.yaml").write_text(GOOD)
        Path("bad.yaml").write_text("sed: 1\n")
        ended = cli("recipe", "check", "good.yaml", "bad.yaml", "--json")
        good, bad = json.loads(ended.out)
        assert ended.code == 2
        assert good["valid"] and len(good["trials"]) == 2 and good["mistakes"] == []
        assert not bad["valid"] and bad["trials"] == []
        assert "line 1: sed" in bad["mistakes"][0]


def test_the_schema_is_printed(cli: Cli) -> None:
    assert json.loads(cli("recipe", "schema").out) == recipe_schema()
