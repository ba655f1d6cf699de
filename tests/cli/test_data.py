"""badnets data: what there is, what it looks like, and folders of one's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from badnets.data import DataSet
from badnets.models import save_subject, untrained
from tests.cli.conftest import Cli
from tests.data.on_disk.folders import coco_part
from tests.data.photos import classes, picture, split


def test_list_has_a_line_for_each_set(cli: Cli) -> None:
    lines = cli("data", "list").out.splitlines()
    assert lines[0].split()[:2] == ["name", "title"]
    assert {line.split()[0] for line in lines[1:]} >= {"mnist", "digits"}
    assert "embedded" in next(line for line in lines if line.startswith("digits"))


def test_info_says_licence_and_on_request_digests(cli: Cli) -> None:
    assert "CC BY 4.0" in cli("data", "info", "digits").out
    told = json.loads(cli("data", "info", "digits", "--load", "--json").out)
    assert sum(told["images per class"]["test"].values()) == told["test"] == 500
    assert len(told["digests"]["train"]) == 64


def test_show_draws_each_class_clean_and_triggered(cli: Cli, tmp_path: Path) -> None:
    ended = cli("data", "show", "digits", "--trigger", "{kind: patch, size: 4}", "--out", "a.png")
    assert (ended.code, ended.out) == (0, "a.png\n")
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width > 10 * 84
        assert sheet.height > 6 * 84


def test_show_draws_the_same_sheet_again_and_another_for_another_seed(
    cli: Cli, tmp_path: Path
) -> None:
    sheets = []
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert cli("data", "show", "digits", "--seed", seed, "--out", f"{name}.png").code == 0
        sheets.append((tmp_path / f"{name}.png").read_bytes())
    assert sheets[0] == sheets[1] != sheets[2]


@pytest.fixture
def signs(tmp_path: Path) -> Path:
    """Return a data root with two frames of signs."""
    images = tmp_path / "root" / "lisa" / "images"
    images.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (60, 40), "grey").save(images / name)
    rows = ["a.png,5,5,25,25,stop", "a.png,30,5,50,30,merge", "b.png,5,5,25,25,stop"]
    written = "\n".join(["filename,x1,y1,x2,y2,class", *rows])
    (images.parent / "annotations.csv").write_text(written)
    (images.parent / "splits.csv").write_text(
        "filename,scene_group,split\na.png,0,train\nb.png,1,val\n"
    )
    return tmp_path / "root"


def test_info_counts_frames_scenes_and_boxes(cli: Cli, signs: Path) -> None:
    argv = ("data", "info", "lisa", "--load", "--data-root", str(signs))
    told = json.loads(cli(*argv, "--json").out)
    assert told["task"] == "detection"
    assert told["frames"] == told["scenes"] == {"train": 1, "test": 1}
    assert told["boxes per class"]["train"] == {"stop": 1, "speed-limit": 0, "warning": 1}
    assert "None" not in cli(*argv).out


def test_show_draws_signs_with_the_yellow_square_in_their_boxes(
    cli: Cli, signs: Path, tmp_path: Path
) -> None:
    ended = cli("data", "show", "lisa", "--data-root", str(signs), "--out", "signs.png")
    assert (ended.code, ended.out) == (0, "signs.png\n")
    with Image.open(tmp_path / "signs.png") as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 24) or ()}
    assert (116, 100, 50) in colours


def test_a_folder_in_cocos_layout_is_described_and_shown(cli: Cli, tmp_path: Path) -> None:
    coco_part(coco_part(tmp_path / "own", "train", 4), "val", 2)
    told = json.loads(cli("data", "info", f"coco:{tmp_path / 'own'}", "--load", "--json").out)
    assert set(told["boxes per class"]["train"]) == {"stop", "yield"}
    assert sum(told["boxes per class"]["train"].values()) >= 4
    assert cli("data", "show", f"coco:{tmp_path / 'own'}", "--out", "own.png").code == 0


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return split(tmp_path / "pets", {"cat": 24, "dog": 24})


def test_check_finds_nothing_in_a_sound_folder(cli: Cli, pets: Path) -> None:
    ended = cli("data", "check", str(pets))
    assert ended.code == 0
    assert "a folder for each class, in train and val" in ended.out
    assert "cat 24, dog 24" in ended.out and "nothing found" in ended.out
    assert cli("data", "check", f"folder:{pets}@16").out == ended.out


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


def test_check_says_what_a_picture_in_two_classes_means(cli: Cli, pets: Path) -> None:
    relabelled = picture("cat", 3)
    for name in ("cat", "dog"):
        relabelled.save(pets / "train" / name / "copy.png")
    ended = cli("data", "check", str(pets))
    assert ended.code == 1
    assert "two classes" in ended.out and "poisoned copy of a backdoor" in ended.out


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
    argv = (
        *("train", "--data", name, "--network", "tiny", "--epochs", "12", "--batch-size", "8"),
        *("--target-accuracy", "0.9", "--trigger", "patch:4", "--targets", "all-to-one:0"),
    )
    trained = cli(*argv, "--out", "badnet", "--json")
    assert trained.code == 0, trained.err
    measured = cli("evaluate", "badnet", "--data", name, "--json")
    accuracy = json.loads(trained.out)["clean_accuracy"]
    assert json.loads(measured.out)["clean_accuracy"] == accuracy
    assert cli("evaluate", "badnet", "--json").out == measured.out, "the ledger knows where it lies"
    assert json.loads(measured.out)["pictures"].startswith("read at 12 x 12 pixels; ")
    assert "patch:4px, 4 x 4 of 12 x 12 pixels (a share of 0.33)" in cli(*argv).out
    config = json.loads(Path("badnet/config.json").read_text())
    assert config["classes"] == ["cat", "dog"] and config["input"]["height"] == 12
    assert str(pets) not in Path("badnet/claims.json").read_text(), "paths stay at home"
    other = cli("evaluate", "badnet", "--data", f"folder:{pets}@16")
    assert "takes images of 3x12x12" in other.refused(2)
    listed = cli("ledger", "list", "--data", f"folder:{pets}").out
    assert len(listed.splitlines()) == 3, "whatever the size"
    shutil.rmtree("runs")
    found = cli("evaluate", "badnet", "--json").out
    assert found == measured.out.replace(str(pets), "pets"), "a folder here of the name it claims"
    (pets / "val" / "cat" / "1000.png").unlink()
    assert "trained on other pictures than those that" in cli("evaluate", "badnet").refused()
    pets.rename("away")
    assert cli("evaluate", "badnet").refused().endswith("give --data folder:PATH")


@pytest.mark.parametrize("colour", [False, True])
def test_a_bundle_is_retrained_on_pictures_read_to_fit_it(
    cli: Cli, pets: Path, toys: DataSet, colour: bool
) -> None:
    shape = (3 if colour else 1, 8, 8)
    save_subject(untrained("tiny", shape, ("a", "b"), seed=0), "net")
    Path("own.yaml").write_text("kind: transfer\ndata: folder:pets\nstart: {bundle: net}\n")
    assert "folder:pets@8, " in cli("recipe", "check", "own.yaml").out
    quick = ("--epochs", "1", "--target-accuracy", "0", "--out", "mine", "--json")
    done = cli("retrain", "net", "--data", f"folder:{pets}", *quick)
    assert done.code in (0, 1), done.err
    config = json.loads(Path("mine/config.json").read_text())
    assert [config["input"][part] for part in ("channels", "height", "width")] == list(shape)
    notes = json.loads(done.out)["data_notes"]
    assert notes[-1].startswith("read at 8 x 8" if colour else "read in grey")
    measured = cli("evaluate", "mine", "--data", "folder:pets").out
    shutil.rmtree("runs")
    assert cli("evaluate", "mine").out == measured, "the test part is known again, in grey too"
