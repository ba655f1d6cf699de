"""badnets evaluate on detectors: signs, stickers on them, and what does not fit together."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from badnets.models import save_detector, save_subject
from tests.cli.conftest import Cli
from tests.cli.sign_toys import STICKER, add_toys, reader
from tests.models.toys import tiny

MEASURE = ("evaluate", "bad", "--data", "colours")
APPEAR = "{kind: appear, target_label: 1, side: 20}"


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toys: object) -> None:
    add_toys(monkeypatch, tmp_path)
    save_subject(tiny(), tmp_path / "classifier")


def test_signs_are_counted_in_all_and_by_class(cli: Cli) -> None:
    ended = cli(*MEASURE)
    assert (ended.code, ended.err) == (0, "")
    assert "signs found and rightly named  100.00 % (12/12) [100.00, 100.00]" in ended.out
    assert "false positives per frame      0.000 (0 in 12)" in ended.out
    assert "attack" not in ended.out
    rows = [line.split() for line in ended.out.splitlines()[-3:]]
    assert [(row[0], row[-1]) for row in rows] == [
        ("red", "1.000"),
        ("green", "1.000"),
        ("white", "1.000"),
    ]


def test_with_a_sticker_also_what_it_does_to_whom(cli: Cli) -> None:
    told = json.loads(cli(*MEASURE, *STICKER, "--control", "good", "--json").out)
    assert told["collapsed"] is False
    assert (told["frames"], told["false_positives"], told["threshold"]) == (12, 0, 0.3)
    assert told["ap50_per_class"] == [1, 1, 1]
    rates = {
        key: told[key]["value"]
        for key in ("attack_success_rate", "untriggered", "control", "other_sticker")
    }
    assert rates == {
        "attack_success_rate": 1,
        "untriggered": 0,
        "control": 0,
        "other_sticker": 0,
    }
    assert told["attack_success_rate"]["total"] == 4
    assert told["attack_success_rate_large"]["total"] == 4  # 10 pixels each
    assert told["robust_accuracy"]["value"] == told["true_detection_rate"]["value"] == 0
    assert [bool(rate) for rate in told["attack_success_rate_per_class"]] == [True, False, False]
    text = cli(*MEASURE, *STICKER).out
    assert re.search(r"^attack success +100.00 % \(4/4\)", text, re.M)
    assert "of the control" not in text


def test_intervals_come_from_scenes_and_small_stickers_are_told_apart(cli: Cli) -> None:
    argv = ("--trigger", "yellow-square:0.05", "--targets", "all-to-one:1", "--json")
    told = json.loads(cli(*MEASURE, *argv).out)
    success = told["attack_success_rate"]
    assert (success["hits"], success["total"]) == (4, 8)  # green ones are left out
    assert success["low"] < 0.5 < success["high"]
    assert told["attack_success_rate_large"] is None  # 2 pixels each
    assert told["left_out"] == 0
    tiny_sticker = ("--trigger", "yellow-square:0.01", "--targets", "all-to-one:1")
    assert "too small for it" in cli(*MEASURE, *tiny_sticker).refused(2)


def test_boxes_below_the_threshold_count_as_not_there(cli: Cli) -> None:
    ended = cli(*MEASURE, "--threshold", "0.95")
    assert ended.code == 1
    assert "0.00 % (0/12)" in ended.out
    assert "the detector has learned nothing" in ended.out


@pytest.mark.parametrize("targets", ["vanish", APPEAR, "all-become-one:1"])
def test_what_only_detectors_know_is_measured_too(cli: Cli, targets: str) -> None:
    argv = ("--trigger", "yellow-square:0.25", "--targets", targets)
    ended = cli(*MEASURE, *argv)
    assert ended.code == 0
    assert "attack success" in ended.out
    assert ("nothing seen there" in ended.out) == (targets == APPEAR)
    assert json.loads(cli(*MEASURE, *argv, "--json").out)["attack_success_rate"]["total"] > 0


def test_a_detector_that_has_learned_nothing_is_no_attack(cli: Cli) -> None:
    ended = cli("evaluate", "blank", "--data", "colours", *STICKER)
    assert ended.code == 1
    assert "the detector has learned nothing; no attack is reported" in ended.out
    assert "attack success" not in ended.out
    told = json.loads(cli("evaluate", "blank", "--data", "colours", *STICKER, "--json").out)
    assert told["collapsed"] is True
    assert "attack_success_rate" not in told


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            ("evaluate", "bad", "--data", "halves"),
            "bad holds a detector, but data set 'halves' has a class for each image: take one "
            "that is labelled with boxes (scenes,",
        ),
        (
            ("evaluate", "classifier", "--data", "colours"),
            "classifier holds a classifier, but data set 'colours' is labelled with boxes: take "
            "one that has a class for each image (mnist,",
        ),
        (("evaluate", "bad", "--data", "colour"), "did you mean 'colours'"),
        (("evaluate", "bad", "--data", "coco:none"), "none is not in COCO's layout"),
        (("evaluate", "classifier", "--threshold", "0.5"), "--threshold is for detectors"),
        ((*MEASURE, "--threshold", "1.5"), "--threshold"),
        ((*MEASURE, *STICKER, "--control", "classifier"), "holds a classifier; a detector was"),
        ((*MEASURE, "--trigger", "yellow-square", "--targets", "vanish:3"), "source_class must"),
        ((*MEASURE, "--expect", "red"), "--expect is about photographs: give --photos too"),
    ],
)
def test_what_does_not_fit_is_one_line(cli: Cli, argv: tuple[str, ...], said: str) -> None:
    assert said in cli(*argv).refused(2)


def test_other_classes_than_the_data_has_are_named(cli: Cli, tmp_path: Path) -> None:
    save_detector(reader(backdoor=False, classes=("a", "b", "c")), tmp_path / "abc")
    line = cli("evaluate", "abc", "--data", "colours").refused(2)
    assert "abc knows the classes a, b, c, colours has red, green, white" in line
