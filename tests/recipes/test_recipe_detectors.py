"""Recipes of detectors: what they describe, and each mistake with its field and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllBecomeOne, Appear, RandomWrong, SourceSpecific, Vanish
from badnets.core.triggers import DrawnSticker, Patch
from badnets.train.detector_settings import DetectorTraining, TriggerLearning
from badnets.trials import OutsourcedTrial
from tests.recipes.test_recipe import loaded, refused, write

__all__ = ["write"]  # the fixture

BAD = """data: scenes
training:
  epochs: 3
architecture: {width: 0.5}
backdoor:
  trigger: yellow-square
  targets: source-specific:0,1
"""


def one(path: Path, text: str) -> OutsourcedTrial:
    (trial,) = loaded(path, text)
    assert isinstance(trial, OutsourcedTrial)
    return trial


def hidden(path: Path, text: str) -> Backdoor:
    backdoor = one(path, text).backdoor
    assert backdoor is not None
    return backdoor


def test_a_recipe_of_a_detector_is_a_trial_with_its_control(write: Path) -> None:
    trial = one(write, BAD + "target_accuracy: 0.8\nobserve: [street]\nseed: 2")
    assert (trial.network, trial.training) == ("zf", DetectorTraining(epochs=3))
    assert trial.backdoor == Backdoor(Patch.yellow_square(), SourceSpecific(0, 1))
    honest: dict[str, Any] = {"architecture": {"width": 0.5}, "target_accuracy": 0.8, "seed": 2}
    expected = OutsourcedTrial(data="scenes", training=DetectorTraining(epochs=3), **honest)
    assert trial.control == expected and trial.control.name == expected.name


def test_the_control_of_an_attack_on_the_real_world_is_trained_plainly(write: Path) -> None:
    learning = "{trigger: {real_world: true, trigger_discrimination: 1}, epochs: 3}"
    trial = one(write, BAD.replace("\n  epochs: 3", f" {learning}"))
    plain = one(write, BAD.replace("\n  epochs: 3", f" {learning.replace('true', 'false')}"))
    assert isinstance(trial.training, DetectorTraining)
    assert trial.training.trigger == TriggerLearning(trigger_discrimination=1, real_world=True)
    assert trial.control is not None and trial.control == plain.control
    assert trial.name != plain.name


@pytest.mark.parametrize(
    ("short", "meant"),
    [
        ("vanish", Vanish()),
        ("vanish:2", Vanish(2)),
        ("appear:1", Appear(1)),
        ("{kind: appear, target_label: 1, side: 20}", Appear(1, 20)),
        ("all-become-one:1", AllBecomeOne(1)),
        ("random-wrong", RandomWrong()),
    ],
)
def test_target_maps_of_boxes_are_known(write: Path, short: str, meant: object) -> None:
    assert hidden(write, BAD.replace("source-specific:0,1", short)).targets == meant


@pytest.mark.parametrize(
    ("short", "meant"),
    [
        ("yellow-square:0.2", Patch.yellow_square(0.2)),
        ("{kind: yellow-square, size: 0.3}", Patch.yellow_square(0.3)),
        ("bomb", DrawnSticker("bomb")),
        ("flower:0.25", DrawnSticker("flower", 0.25)),
        ("patch:4", Patch(4)),
    ],
)
def test_stickers_have_short_names(write: Path, short: str, meant: object) -> None:
    assert hidden(write, BAD.replace("yellow-square", short)).trigger == meant


def test_a_detector_can_start_from_a_clean_one_trained_otherwise(write: Path) -> None:
    more = "train_limit: 50\nstart: {training: {batch_size: 9}, seed: 7}"
    trial = one(write, BAD + more)
    start = trial.start
    assert start is not None and start == trial.control
    assert start.training == DetectorTraining(epochs=3, batch_size=9)
    assert start.architecture == {"width": 0.5}
    assert (start.seed, start.train_limit, start.is_clean) == (7, 50, True)


RCNN = "data: scenes\nnetwork: torchvision.fasterrcnn_resnet50_fpn\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "data: scenes\ntraining: {task: classification}",
            "line 1: data: data set 'scenes' is labelled with boxes, wanted is a class",
        ),
        (
            "data: digits\ntraining: {task: detection}",
            "line 1: data: data set 'digits' is labelled with a class for each image, wanted is",
        ),
        ("data: digits\nnetwork: zf", "line 2: network: network 'zf' is a detector: take a clas"),
        ("data: scenes\nnetwork: gu-mnist", "line 2: network: network 'gu-mnist' is a classifier"),
        ("data: scenes\nnetwork: timm.resnet18", "'timm.resnet18' is a classifier"),
        ("data: scenes\nnetwork: zff", "network: unknown detector 'zff': did you mean 'zf'"),
        (
            "data: scenes\nnetwork: torchvision.fcos_resnet5_fpn",
            "line 2: network: unknown torchvision detector",
        ),
        (
            RCNN + "architecture: {width: 1}",
            "line 3: architecture.width: 'torchvision.fasterrcnn_resnet50_fpn' takes no settings",
        ),
        (
            RCNN + "training:\n  crops:\n    passes: 2",
            "line 5: training.crops.passes: crops are for the network 'zf': set passes to 0",
        ),
        ("data: scenes\ntraining:\n  shift: 2", "line 3: training.shift: unknown field 'shift'"),
        ("data: scenes\nheld_back: 9", "line 2: held_back: held_back is for images"),
        ("data: digits\narchitecture: {width: 1}", "line 2: architecture.width: 'gu-mnist' takes"),
        (
            "data: digits\nbackdoor:\n  trigger: patch\n  targets: vanish",
            "line 4: backdoor.targets: targets vanish are about boxes: use them with a detector, "
            "or take all-to-one, source-specific, all-to-all, random-wrong, clean-label",
        ),
        ("data: digits\nobserve: [street]", "line 2: observe: observe 'street' is for detection"),
        (
            "data: scenes\ntraining:\n  trigger: {real_world: true}",
            "line 3: training.trigger.real_world: real_world is about a backdoor's stickers",
        ),
        (
            "data: scenes\ntraining:\n  trigger: {poisoned_copies: 3}",
            "line 3: training.trigger.poisoned_copies: poisoned_copies is about poisoned copies",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_field(write: Path, text: str, said: str) -> None:
    assert said in refused(write, text)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs: 3", "epoch: 3", "line 3: training.epoch: unknown field 'epoch': did you"),
        ("epochs: 3", "epochs: 0", "line 3: training.epochs: must be >= 1, got 0"),
        ("epochs: 3", "windows: {side: 9}", "line 3: training.windows.side: must be >= 64, got 9"),
        ("epochs: 3", "windows: {sides: 9}", "line 3: training.windows.sides: unknown field"),
        ("epochs: 3", "scales: {second_scale: 3}", "line 3: training.scales: second_scale must be"),
        ("epochs: 3", "threshold: 2", "line 3: training.threshold: must be <= 1, got 2"),
        ("width: 0.5", "width: 2", "line 4: architecture.width: ZfSettings: width must be <= 1"),
        ("width: 0.5", "wdth: 1", "line 4: architecture.wdth: ZfSettings: wdth: unknown field"),
        ("0,1", "0,3", "line 7: backdoor.targets: target_label must be in 0..2 for 3 classes"),
        ("source-specific:0,1", "appear:9", "line 7: backdoor.targets: target_label must be in"),
        ("source-specific:0,1", "appear", "line 7: backdoor.targets.target_label: is missing"),
        ("yellow-square", "yellow", "line 6: backdoor.trigger: unknown trigger 'yellow'"),
        ("yellow-square", "yellow-square:9.5", "line 6: backdoor.trigger.size: must be whole"),
        ("yellow-square", "sticker:none.png", "line 6: backdoor.trigger"),
        ("source-specific:0,1\n", "vanish\nobserve: [street]", "line 8: observe: street needs a t"),
    ],
)
def test_a_part_that_does_not_fit_is_told_once(write: Path, old: str, new: str, said: str) -> None:
    told = refused(write, BAD.replace(old, new))
    assert said in told and "\n" not in told


def test_the_street_and_the_real_world_need_a_sticker_on_signs(write: Path) -> None:
    faint = BAD.replace("yellow-square", "warp")
    assert "line 8: observe: street needs a trigger" in refused(write, faint + "observe: [street]")
    real = faint.replace("epochs: 3", "trigger: {real_world: true}")
    said = "line 3: training.trigger.real_world: real_world needs a sticker as trigger"
    assert said in refused(write, real)
