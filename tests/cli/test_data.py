"""badnets data: what there is, and what it looks like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from badnets.data import mnist
from tests.cli.conftest import Cli
from tests.data.test_signs import coco


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
    coco(tmp_path / "own", "train")
    coco(tmp_path / "own", "val")
    told = json.loads(cli("data", "info", f"coco:{tmp_path / 'own'}", "--load", "--json").out)
    assert told["boxes per class"]["train"] == {"cat": 0, "dog": 1}
    assert cli("data", "show", f"coco:{tmp_path / 'own'}", "--out", "own.png").code == 0
    missing = cli("data", "info", f"coco:{tmp_path}", "--load")
    assert missing.code == 2 and "not in COCO's layout" in missing.err


def test_signs_are_refused_where_classes_are_wanted(cli: Cli, signs: Path) -> None:
    ended = cli("train", "--data", "lisa", "--network", "gu-mnist", "--data-root", str(signs))
    assert "--network: network 'gu-mnist' is a classifier" in ended.refused(2)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("info", "minst"), "did you mean 'mnist'"),
        (("show", "digit"), "did you mean 'digits'"),
        (
            ("show", "digits", "--trigger", "pach"),
            "--trigger: kind: unknown trigger 'pach': did you",
        ),
        (("show", "digits", "--trigger", "{kind: patch, sise: 4}"), "did you mean 'size'"),
        (("show", "digits", "--trigger", "{kind: patch"), "--trigger, line 1: not valid YAML"),
        (("show", "digits", "--trigger", "patch:40"), "does not fit a region of 28x28"),
        (("show", "digits", "--trigger", "patch:-1"), "--trigger: size"),
        (("show", "digits", "--trigger", "sticker:none.png"), "none.png"),
    ],
)
def test_bad_names_and_triggers_are_one_line(cli: Cli, argv: tuple[str, ...], said: str) -> None:
    assert said in cli("data", *argv).refused(2)


def test_a_missing_data_root_says_what_is_missing_and_what_would_serve(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist.load, "__kwdefaults__", {"progress": None, "mirrors": ()})
    line = cli("data", "show", "mnist", "--data-root", "nowhere").refused(2)
    for part in ("train-images-idx3-ubyte", "--data-root", "'digits' needs no download"):
        assert part in line


def test_a_place_that_cannot_be_written_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert "cannot write file/a.png" in cli(
        "data", "show", "digits", "--out", "file/a.png"
    ).refused(3)
