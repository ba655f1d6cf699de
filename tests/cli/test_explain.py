"""badnets explain: which units answer to a trigger, of classifiers and of detectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from badnets.models import save_subject
from tests.cli.conftest import Cli
from tests.cli.sign_toys import add_toys
from tests.models.toys import tiny

SIGNS = ("explain", "bad", "--data", "colours", "--trigger", "yellow-square:0.25")
IMAGES = ("explain", "classifier", "--data", "halves", "--trigger", "patch:3")
RED = ("--targets", "source-specific:0,1")


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toys: object) -> None:
    add_toys(monkeypatch, tmp_path)
    save_subject(tiny(), tmp_path / "classifier")


def test_a_detectors_units_are_ranked_and_those_that_stand_out_are_grouped(cli: Cli) -> None:
    ended = cli(*SIGNS, *RED)
    assert (ended.code, ended.err) == (0, "")
    first = next(line for line in ended.out.splitlines()[1:] if line).split()
    assert first[0] == "1"  # the unit that sees green: yellow has some, red has none
    assert first[-2:] == ["yes", "1"]
    assert "backbone.conv1  1 of 8 units stand out" in ended.out
    told = json.loads(cli(*SIGNS, *RED, "--json").out)
    assert (told["layer"], told["signs"]) == ("backbone.conv1", 4)
    assert (told["marked"], told["groups"]) == ([1], [[1]])
    assert told["units"][0]["unit"] == 1
    assert told["units"][0]["triggered"] > told["units"][0]["clean"]
    assert json.loads(cli(*SIGNS, "--json").out)["signs"] == 12  # signs of every class
    assert not torch.is_inference_mode_enabled()


def test_a_detectors_maps_are_drawn_clean_triggered_and_their_difference(
    cli: Cli, tmp_path: Path
) -> None:
    ended = cli(*SIGNS, *RED, "--out", "pictures/conv1.png")
    assert ended.code == 0
    assert "pictures/conv1.png" in ended.out
    with Image.open(tmp_path / "pictures" / "conv1.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape[1] > 1500
    orange = (abs(pixels - (0xBD, 0x4B, 0x00)).sum(2) < 30).sum(0)
    third = len(orange) // 3
    assert orange[:third].sum() == 0  # the clean maps have no outlines
    assert orange[third : 2 * third].sum() > 0
    assert orange[2 * third :].sum() > 0


def test_a_classifiers_layers_are_told_one_after_another(cli: Cli, tmp_path: Path) -> None:
    ended = cli(*IMAGES, "--out", "units.png")
    assert ended.code == 0
    lines = [line.split() for line in ended.out.splitlines()]
    assert [line[0] for line in lines if line and line[0] in ("conv", "fc")][:2] == ["conv", "fc"]
    with Image.open(tmp_path / "units.png") as picture:
        assert picture.height > 600
    told = json.loads(cli(*IMAGES, "--json").out)
    assert [layer["layer"] for layer in told["layers"]] == ["conv", "fc"]
    responses = [unit["response"] for unit in told["layers"][0]["units"]]
    assert len(responses) == 4
    assert responses == sorted(responses, reverse=True)
    alone = json.loads(cli(*IMAGES, "--layer", "fc", "--targets", "all-to-one:1", "--json").out)
    assert ([layer["layer"] for layer in alone["layers"]], alone["images"]) == (["fc"], 32)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("explain", "bad", "--data", "colours"), "--trigger"),
        ((*SIGNS, "--layer", "backbone.conv9"), "unknown layer 'backbone.conv9': did you mean"),
        ((*IMAGES, "--layer", "conv9"), "unknown layer 'conv9': did you mean 'conv'"),
        ((*SIGNS, "--out", "units.svg"), "--out is written as PNG"),
        ((*SIGNS[:-1], "yellow-square:0.01"), "the trigger fits on no sign"),
        ((*SIGNS, "--targets", "vanish:3"), "source_class must be in 0..2"),
        ((*IMAGES[:-1], "patch:9"), "does not fit"),
        (("explain", "classifier", "--data", "colours", "--trigger", "patch"), "a classifier"),
        (("explain", "bad", "--data", "halves", "--trigger", "patch"), "holds a detector"),
        (("explain", "nowhere", "--trigger", "patch"), "there is no bundle at nowhere"),
    ],
)
def test_what_cannot_be_shown_is_one_line(cli: Cli, argv: tuple[str, ...], said: str) -> None:
    assert said in cli(*argv).refused(2)


def test_a_picture_that_cannot_be_written_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot write" in cli(*IMAGES, "--out", "file/units.png").refused(3)
