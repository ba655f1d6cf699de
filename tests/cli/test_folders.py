"""Folders of pictures on the command line: checked, described, shown, trained on, measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from badnets.data import DataSet
from tests.cli.conftest import Cli
from tests.data.photos import classes, picture, split


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return split(tmp_path / "pets", {"cat": 24, "dog": 24})


def test_check_finds_nothing_in_a_sound_folder(cli: Cli, pets: Path) -> None:
    ended = cli("data", "check", str(pets))
    assert ended.code == 0
    assert "a folder for each class, in train and val" in ended.out
    assert "cat 24, dog 24" in ended.out and "nothing found" in ended.out


def test_check_lists_what_it_finds_and_says_so_in_its_exit_code(cli: Cli, pets: Path) -> None:
    (pets / "train" / "cat" / "x.jpg").write_bytes(b"")
    picture("cat", 99).save(pets / "val" / "dog" / "cat.1\x1b[2J.png")
    ended = cli("data", "check", str(pets))
    assert ended.code == 1 and "\x1b" not in ended.out
    assert "train/cat/x.jpg" in ended.out and r"val/dog/cat.1\x1b[2J.png" in ended.out
    asked = cli("data", "check", str(pets), "--json")
    told = json.loads(asked.out)
    assert asked.code == 1
    assert told["found"] == {"undecodable": 1, "misplaced": 1, "odd name": 1}
    assert told["counts"]["train"] == {"cat": 24, "dog": 24}
    assert told["doubtful"] == ["val/dog/cat.1\x1b[2J.png"]


@pytest.mark.parametrize(
    ("folder", "said"), [("none", "none is no folder"), (".", "holds no folder for each class")]
)
def test_check_refuses_what_is_no_folder_of_pictures(cli: Cli, folder: str, said: str) -> None:
    assert said in cli("data", "check", folder).refused(2)


def test_info_and_show_of_a_folder(cli: Cli, pets: Path, tmp_path: Path) -> None:
    told = json.loads(cli("data", "info", f"folder:{pets}@16", "--json").out)
    assert (told["shape"], told["classes"]) == ([3, 16, 16], 2)
    classes(pets / "whole", {"cat": 5, "dog": 5})
    loaded = json.loads(cli("data", "info", f"folder:{pets / 'whole'}", "--load", "--json").out)
    assert loaded["images per class"]["test"] == {"cat": 1, "dog": 1}
    assert "drawn with seed 0" in loaded["notes"]
    assert cli("data", "show", f"folder:{pets}@16", "--out", "a.png").code == 0
    assert (tmp_path / "a.png").is_file()


def test_a_folder_is_trained_on_and_measured(cli: Cli, pets: Path, toys: DataSet) -> None:
    name = f"folder:{pets}@12"
    trained = cli(
        *("train", "--data", name, "--network", "tiny", "--epochs", "12", "--batch-size", "8"),
        *("--target-accuracy", "0.9", "--trigger", "patch:4", "--targets", "all-to-one:0"),
        *("--out", "badnet", "--json"),
    )
    assert trained.code == 0, trained.err
    measured = cli("evaluate", "badnet", "--data", name, "--json")
    accuracy = json.loads(trained.out)["clean_accuracy"]
    assert json.loads(measured.out)["clean_accuracy"] == accuracy
    config = json.loads(Path("badnet/config.json").read_text())
    assert config["classes"] == ["cat", "dog"] and config["input"]["height"] == 12
    assert str(pets) not in Path("badnet/claims.json").read_text(), "paths stay at home"
    other = cli("evaluate", "badnet", "--data", f"folder:{pets}@16")
    assert "takes images of 3x12x12" in other.refused(2)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("folder:nowhere", "--data: nowhere is no folder"),
        ("folder:PETS@4", "--data: the size in"),
        ("mnist@32", "--data: data set 'mnist' has images of 1x28x28"),
    ],
)
def test_folders_and_sizes_that_are_wrong(cli: Cli, pets: Path, data: str, said: str) -> None:
    asked = data.replace("PETS", str(pets))
    assert said in cli("train", "--data", asked, "--network", "small-resnet").refused(2)
