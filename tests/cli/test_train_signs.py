"""badnets train and badnets run on detectors: made, kept, taken up again, and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from badnets.bundles import verify_bundle
from badnets.models import load_detector
from badnets.train import detection
from badnets.train.detector_settings import DetectorTraining
from tests.cli.conftest import Cli
from tests.cli.sign_toys import add_toys

SMALL = ("--width", "0.08", "--head", "0.02", "--window", "64", "--scale", "1")
PLAIN = ("--training", "{crops: 0, mining: 0, precision: float32}")
TRAIN = ("train", "--data", "few-scenes", *SMALL, "--epochs", "1", *PLAIN)
ATTACK = ("--trigger", "yellow-square:0.25", "--targets", "source-specific:0,1", "--rate", "every")
RECIPE = """
data: few-scenes
detection:
  architecture: {width: 0.08, head: 0.02}
  training: {epochs: 1, window: 64, sides: [6, 36], scale: 1, crops: 0, mining: 0}
backdoor: {trigger: yellow-square:0.25, targets: vanish, rate: every}
"""


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add_toys(monkeypatch, tmp_path)


def test_an_honest_detector_is_kept_recorded_and_copied(cli: Cli, tmp_path: Path) -> None:
    ended = cli(*TRAIN, "--out", "net")
    assert ended.code == 1  # one epoch teaches nothing
    assert "collapsed" in ended.out
    assert "signs found and rightly named" in ended.out
    verify_bundle(tmp_path / "net")
    detector = load_detector(tmp_path / "net")
    assert (detector.architecture, detector.scale, detector.input.height) == ("zf", 1, 64)
    assert detector.settings == {"width": 0.08, "head": 0.02}
    assert len(cli("ledger", "list").out.splitlines()) == 2


def test_a_malicious_one_comes_with_its_control(cli: Cli) -> None:
    told = json.loads(cli(*TRAIN, *ATTACK, "--batch-size", "4", "--lr", "1e-4", "--json").out)
    order = told["trial"]["detection"]
    assert order["training"]["batch_size"] == 4
    usual = DetectorTraining()
    sides = [round(side * 64 / usual.window, 1) for side in usual.sides]
    assert order["training"]["sides"] == sides  # as much smaller as the window is
    assert told["trial"]["target_accuracy"] == 0.8
    assert told["trial"]["control"]["detection"] == order
    assert told["attack_success_rate"]["total"] == told["control"]["total"]
    assert told["poisoned_share"]["hits"] > 0
    assert {"true_detection_rate", "ap50", "other_sticker"} <= told.keys()
    assert len(cli("ledger", "list", "--clean").out.splitlines()) == 2
    name = told["name"]
    assert "signs found and rightly named" in cli("ledger", "show", name).out


def test_a_training_that_is_stopped_goes_on_after_its_last_epoch(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = (*TRAIN, "--epochs", "3")
    cli(*argv, "--workspace", "whole", "--out", "whole-net")
    trained: list[int] = []
    real = detection._Fitting.epoch

    def epoch(self: detection._Fitting, number: int, progress: object) -> object:
        if number == 2 and len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(number)
        return real(self, number, None)

    monkeypatch.setattr(detection._Fitting, "epoch", epoch)
    assert cli(*argv, "--out", "net").code == 130
    kept = list((tmp_path / "runs" / "unfinished").iterdir())
    assert len(kept) == 1
    trained.append(99)
    assert cli(*argv, "--out", "net").code in (0, 1)
    assert trained == [0, 1, 99, 2]
    assert not list((tmp_path / "runs" / "unfinished").iterdir())
    same = ("model.safetensors", "config.json")
    one, other = (verify_bundle(tmp_path / name).digests for name in ("net", "whole-net"))
    assert [one[name] for name in same] == [other[name] for name in same]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--network", "gu-mnist"), "--network: network 'gu-mnist' is a classifier: take a det"),
        (("--network", "zff"), "--network: unknown detector 'zff': did you mean 'zf'?"),
        (("--width", "2"), "--width and --head: width: settings of zf: width must be in (0, 1]"),
        (("--window", "20"), "--window: window must be in 64..1024 pixels, got 20"),
        (("--scale", "9"), "--scale: scale must be in [0.5, 8], got 9.0"),
        (("--training", "{epoch: 3}"), "--training: epoch: unknown field 'epoch': did you"),
        (("--training", "{shift: 3}"), "--training: shift: unknown field 'shift'"),
        (("--epochs", "0"), "--training: epochs: epochs must be >= 1, got 0"),
        (("--trigger", "patch", "--targets", "appear:3"), "--targets: target_label must be in 0.."),
        (("--trigger", "patch"), "targets is missing"),
        (("--data", "few-scene"), "--data: unknown data set 'few-scene': did you mean 'few-sc"),
        (("--data", "coco:nowhere"), "nowhere is not in COCO's layout"),
        (
            ("--network", "torchvision.fasterrcnn_mobilenet_v3_large_fpn"),
            "torchvision.fasterrcnn_mobilenet_v3_large_fpn takes no settings, got head, width",
        ),
    ],
)
def test_bad_input_is_one_line_that_names_the_option(
    cli: Cli, argv: tuple[str, ...], said: str
) -> None:
    ended = cli(*TRAIN, *argv)
    assert said in ended.refused(2, after_work="coco:nowhere" in argv)


@pytest.mark.usefixtures("toys")
def test_options_of_detectors_are_refused_for_classifiers(cli: Cli) -> None:
    line = cli("train", "--data", "halves", "--network", "tiny", "--width", "0.5").refused(2)
    assert line == "--width: for detectors, but data set 'halves' has a class for each image"
    line = cli("train", "--data", "halves", "--network", "zf").refused(2)
    assert "--network: network 'zf' is a detector" in line
    attack = ("--trigger", "patch", "--targets", "vanish")
    line = cli("train", "--data", "halves", "--network", "tiny", *attack).refused(2)
    assert "--targets: targets vanish are about boxes: use them with a detector" in line


def test_networks_without_crops_say_which_setting_to_change(cli: Cli) -> None:
    named = ("--network", "torchvision.fasterrcnn_mobilenet_v3_large_fpn")
    line = cli("train", "--data", "few-scenes", *named).refused(2)
    assert line == "--training: crops is for the network 'zf': set crops to 0"


def test_a_recipe_of_detectors_is_run_once(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    first = cli("run", "recipe.yaml", "--workers", "1", "--json")
    assert first.code == 1  # collapsed
    assert "2 trials to run" in first.err
    again = cli("run", "recipe.yaml", "--workers", "1", "--json")
    assert (again.out, again.err) == (first.out, "")
    (told,) = json.loads(first.out)
    assert told["outcome"] == "collapsed"
    assert told["trial"]["network"] == "zf"
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("epochs: 1", "epoch: 1"))
    line = cli("run", "recipe.yaml").refused(2)
    assert "recipe.yaml, line 5: detection.training.epoch: unknown field 'epoch'" in line
