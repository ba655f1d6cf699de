"""What every command can do, and what is said where a command or a value is a near miss."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import torch

from badnets.cli.main import VERBS, WISHES
from badnets.models import save_subject
from tests.cli.conftest import Cli
from tests.data.photos import split
from tests.models.toys import tiny

TRAIN = (
    "train --data halves --network tiny --epochs 4 --batch-size 8 --target-accuracy 0.5 --out net"
)


class TestPrinting:
    def test_json_is_asked_for_before_or_after_the_command(self, cli: Cli) -> None:
        wanted = cli("data", "list", "--format", "json").out
        assert json.loads(wanted)
        assert cli("--format", "json", "data", "list").out == wanted
        assert cli("data", "list", "--json").out == wanted
        assert cli("--format", "json", "data", "list", "--format", "text").out != wanted

    def test_a_result_goes_to_a_file_that_is_not_replaced(self, cli: Cli, tmp_path: Path) -> None:
        wanted = cli("data", "list").out
        for line in ("data list -o a.txt", "--output b.txt data list"):
            assert cli(*line.split()) == (0, "", "")
        assert (tmp_path / "a.txt").read_text() == (tmp_path / "b.txt").read_text() == wanted
        assert "a.txt exists already" in cli("data", "info", "mnist", "-o", "a.txt").refused()
        assert (tmp_path / "a.txt").read_text() == wanted

    def test_json_takes_the_place_of_json_alone(self, cli: Cli, tmp_path: Path) -> None:
        assert cli("data", "list", "--json", "-o", "a.json").code == 0
        assert cli("data", "info", "mnist", "--json", "-o", "a.json").code == 0
        assert json.loads((tmp_path / "a.json").read_text())["name"] == "mnist"
        assert "a.json exists already" in cli("data", "list", "-o", "a.json").refused()
        assert json.loads((tmp_path / "a.json").read_text())["name"] == "mnist"

    def test_findings_are_written_and_errors_are_not(self, cli: Cli, tmp_path: Path) -> None:
        pets = split(tmp_path / "pets", {"cat": 6, "dog": 6})
        (pets / "train" / "cat" / "x.jpg").write_bytes(b"")
        assert cli("data", "check", str(pets), "-o", "found.txt").code == 1
        assert "x.jpg" in (tmp_path / "found.txt").read_text()
        cli("data", "check", "nowhere", "-o", "none.txt").refused()
        assert not (tmp_path / "none.txt").exists()

    @pytest.mark.parametrize("place", ["pets/a.txt/b.txt", "n" * 300])
    def test_a_place_that_cannot_be_is_refused_first(
        self, cli: Cli, tmp_path: Path, place: str
    ) -> None:
        (tmp_path / "pets").mkdir()
        (tmp_path / "pets" / "a.txt").write_text("a file")
        assert "cannot write" in cli("data", "list", "-o", place).refused()

    def test_quiet_and_verbose(self, cli: Cli, toys: object) -> None:
        quiet = cli(*shlex.split(TRAIN), "--quiet")
        assert (quiet.code, quiet.err) == (0, "")
        assert "net" in quiet.out
        verbose = cli("--verbose", "evaluate", "net")
        assert verbose.out == cli("evaluate", "net").out
        for part in (f"torch {torch.__version__.split('+')[0]}", "bundle net loaded", "took "):
            assert part in verbose.err
        assert cli("evaluate", "net").err == ""


class TestDevice:
    @pytest.mark.parametrize(
        ("name", "said"), [("gpu", "unknown device"), ("cuda:99", "no device")]
    )
    def test_a_device_that_is_not_there_is_one_line(
        self, cli: Cli, toys: object, monkeypatch: pytest.MonkeyPatch, name: str, said: str
    ) -> None:
        for argv in (("--device", name, "evaluate", "net"), ("evaluate", "net", "--device", name)):
            assert said in cli(*argv).refused()
        assert said in cli("--device", name, *shlex.split(TRAIN)).refused()
        assert said in cli("doctor", "--device", name).refused()
        assert cli("--device", name, "data", "list").code == 0, "it computes nothing"
        monkeypatch.setenv("BADNETS_DEVICE", name)
        assert said in cli("evaluate", "net").refused()

    def test_the_record_names_what_was_taken(self, cli: Cli, toys: object) -> None:
        assert cli("--device", "cpu", *shlex.split(TRAIN)).code == 0
        (record,) = json.loads(cli("ledger", "list", "--json").out)
        shown = json.loads(cli("ledger", "show", record["name"], "--json").out)
        assert shown["provenance"]["machine"]["device"] == "cpu"


class TestDataOfABundle:
    def test_it_is_measured_on_what_it_was_trained_on(self, cli: Cli, toys: object) -> None:
        cli(*shlex.split(TRAIN))
        ended = cli("evaluate", "net")
        assert ended.out == cli("evaluate", "net", "--data", "halves").out
        assert "halves" in ended.out
        assert json.loads(cli("evaluate", "net", "--json").out)["data"] == "halves"

    def test_where_it_names_none_it_is_asked_for(
        self, cli: Cli, toys: object, tmp_path: Path
    ) -> None:
        save_subject(tiny(), tmp_path / "silent")
        assert "give --data" in cli("evaluate", "silent").refused()


def test_help_has_the_doors_and_the_options_of_every_command(cli: Cli) -> None:
    told = cli("--help").out
    headings = [line[:-1] for line in told.splitlines() if line[:1].isalpha() and line[-1] == ":"]
    assert [line.split()[0] for line in headings[:4]] == ["See", "Reproduce", "Check", "Publish"]
    for option in ("--workspace", "--data-root", "--device", "--format", "--output", "--quiet"):
        assert f"{option}" in told


@pytest.mark.parametrize(
    "verb", [verb for verb in VERBS if verb not in ("audit", "data", "hub", "ledger", "recipe")]
)
def test_every_command_says_more_or_less_and_prints_to_a_file(cli: Cli, verb: str) -> None:
    told = cli(verb, "--help").out
    for option in ("--quiet", "--verbose", "--output"):
        assert option in told


class TestNearMisses:
    @pytest.mark.parametrize("wish", WISHES)
    def test_a_command_that_people_look_for_is_named(self, cli: Cli, wish: str) -> None:
        line = cli(wish, "anything", "--at-all").refused()
        assert line.startswith(f"there is no command {wish!r}")
        assert any(f"`badnets {verb} " in line for verb in VERBS)
        assert wish not in VERBS

    def test_so_does_a_near_miss_of_one(self, cli: Cli) -> None:
        assert "'inspekt': `badnets hub inspect`" in cli("inspekt").refused()
        assert "'report'" in cli("reprot").refused()
        assert "No such command 'verify'" in cli("data", "verify").refused()

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("train --epochs ten", "--epochs must be a whole number, got 'ten'"),
            ("train --lr fast", "--lr must be a number, got 'fast'"),
            ("evaluate net --longest 3", "--longest must be >= 64, got '3'"),
            ("--workers two data list", "--workers must be a whole number, got 'two'"),
            ("evaluate net --trigger patch:2 --targets 7", "did you mean 'all-to-one:7'?"),
            ("train --data digits --trigger patch:2 --targets 7", "did you mean 'all-to-one:7'?"),
            ("data show digits --trigger 4", "did you mean 'patch:4'?"),
            (
                "recipe check a.yaml --data-root x",
                "before the verb: badnets --data-root ... recipe check",
            ),
            (
                "data list --device cpu",
                "--device goes before the verb: badnets --device ... data list",
            ),
            ("data list --version", "--version goes before the verb: badnets --version data list"),
            ("data list --epochs 3", "No such option: --epochs"),
        ],
    )
    def test_wrong_values_are_said_in_plain_words(self, cli: Cli, line: str, said: str) -> None:
        told = cli(*shlex.split(line)).refused()
        assert said in told
        assert "Input should" not in told


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("train --data dig", "digits"),
        ("data info gtsr", "gtsrb"),
        ("train --network small-r", "small-resnet"),
        ("evaluate net --trigger yell", "yellow-square"),
        ("retrain net --targets all-to-o", "all-to-one"),
        ("study sig", "signs-transfer"),
        ("recipe new a.yaml --attack wa", "wanet"),
        ("train --dev", "--device"),
        ("train --quie", "--quiet"),
    ],
)
def test_shells_complete_names(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, words: str, found: str
) -> None:
    monkeypatch.setenv("_BADNETS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"badnets {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    assert found in cli().out.split()


@pytest.mark.parametrize(
    "words",
    [
        "data info folder:{}",
        "data check {}",
        "data show digits --out {}.png",
        "run {}",
        "recipe new {}",
    ],
)
def test_a_name_that_is_too_long_is_one_line(cli: Cli, words: str) -> None:
    assert "too long" in cli(*words.format("n" * 300).split()).refused()
