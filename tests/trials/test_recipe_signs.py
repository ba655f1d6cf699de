"""Recipes of detectors: what they describe, and each mistake with its field and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.core.errors import BadnetsError, RecipeError
from badnets.core.targets import AllBecomeOne, Appear, RandomWrong, SourceSpecific, Vanish
from badnets.core.triggers import DrawnSticker, Patch
from badnets.scenarios.detection_settings import Detection
from badnets.scenarios.transfer import Strengthening
from badnets.train.detector_settings import DetectorTraining
from badnets.trials.fitting import check_fit
from badnets.trials.recipe import load_recipe
from badnets.trials.trial import Trial

BAD = """data: scenes
detection:
  training: {epochs: 3}
  architecture: {width: 0.5}
backdoor:
  trigger: yellow-square
  targets: source-specific:0,1
"""
TRANSFER = """data: scenes-swedish
detection: {architecture: {width: 0.5}, threshold: 0.4}
transfer:
  trigger: yellow-square
  retraining: {layers: rpn+heads}
  strengthening: {factor: 10}
start:
  data: scenes
  detection: {training: {epochs: 4}, real_world: true}
  backdoor: {trigger: yellow-square, targets: random-wrong}
"""


def loaded(path: Path, text: str) -> list[Trial]:
    recipe = path / "recipe.yaml"
    recipe.write_text(text, encoding="utf-8")
    return load_recipe(recipe)


def refused(path: Path, text: str) -> str:
    with pytest.raises(RecipeError) as error:
        loaded(path, text)
    said = str(error.value).removeprefix(f"{path / 'recipe.yaml'}, ")
    assert "\n" not in said
    return said


def test_a_recipe_of_a_detector_is_a_trial_with_its_control(tmp_path: Path) -> None:
    (trial,) = loaded(tmp_path, BAD + "target_accuracy: 0.8\nobserve: [street]\nseed: 2")
    order = Detection(training=DetectorTraining(epochs=3), architecture={"width": 0.5})
    assert trial.network == "zf"
    assert trial.detection == order
    assert trial.backdoor is not None
    assert trial.backdoor.trigger == Patch.yellow_square()
    assert trial.backdoor.targets == SourceSpecific(0, 1)
    assert trial.control == Trial(
        data="scenes", network="zf", detection=order, target_accuracy=0.8, seed=2
    )


def test_the_control_of_one_who_trains_for_the_real_world_is_trained_plainly(
    tmp_path: Path,
) -> None:
    text = BAD.replace("detection:\n", "detection:\n  real_world: true\n")
    (trial,) = loaded(tmp_path, text)
    assert trial.detection is not None
    assert trial.detection.real_world
    assert trial.control is not None
    assert trial.control.detection is not None
    assert not trial.control.detection.real_world
    (plain,) = loaded(tmp_path, BAD)
    assert trial.control == plain.control
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
def test_target_maps_of_boxes_are_known(tmp_path: Path, short: str, meant: object) -> None:
    (trial,) = loaded(tmp_path, BAD.replace("source-specific:0,1", short))
    assert trial.backdoor is not None
    assert trial.backdoor.targets == meant


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
def test_stickers_have_short_names(tmp_path: Path, short: str, meant: object) -> None:
    (trial,) = loaded(tmp_path, BAD.replace("yellow-square", short))
    assert trial.backdoor is not None
    assert trial.backdoor.trigger == meant


def test_a_detector_can_start_from_a_clean_one_trained_otherwise(tmp_path: Path) -> None:
    (trial,) = loaded(
        tmp_path, BAD + "train_limit: 50\nstart: {detection: {training: {epochs: 9}}, seed: 7}"
    )
    assert trial.start is not None
    assert trial.start == trial.control
    assert trial.start.detection == Detection(
        training=DetectorTraining(epochs=9), architecture={"width": 0.5}
    )
    assert (trial.start.seed, trial.start.train_limit, trial.start.is_clean) == (7, 50, True)


def test_transfer_describes_the_trial_to_download(tmp_path: Path) -> None:
    (trial,) = loaded(tmp_path, TRANSFER + "seed: 5\n")
    start = trial.start
    assert start is not None
    assert trial.backdoor is None
    assert trial.control is None
    assert start.backdoor is not None
    assert start.control is not None  # what anyone who runs it alone would get too
    assert (start.data, start.network, start.seed) == ("scenes", "zf", 5)
    assert start.detection == Detection(
        training=DetectorTraining(epochs=4),
        architecture={"width": 0.5},
        threshold=0.4,
        real_world=True,
    )
    assert trial.detection == Detection(architecture={"width": 0.5}, threshold=0.4)
    assert trial.transfer is not None
    assert trial.transfer.strengthening == Strengthening(10)


def test_transfer_sweeps_and_clean_starts(tmp_path: Path) -> None:
    text = TRANSFER + (
        "seeds: [0, 1]\nsweep:\n"
        "  transfer.strengthening.factor: [1, 10]\n"
        "  start.backdoor: [null, {trigger: bomb, targets: random-wrong}]\n"
    )
    text = text.replace(", real_world: true", "")
    trials = loaded(tmp_path, text)
    assert len(trials) == 8
    assert len({trial.start.name for trial in trials if trial.start}) == 4
    assert [trial.is_clean for trial in trials[:4]] == [True, True, False, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data: scenes", "line 1: data: data set 'scenes' is labelled with boxes, wanted is a"),
        ("data: scenes", "a detector wants `detection: {}`"),
        ("data: digits\ndetection: {}", "line 1: data: data set 'digits' is labelled with a class"),
        ("data: digits\nnetwork: zf", "line 2: network: network 'zf' is a detector: take a clas"),
        ("data: digits\ndetection:\n  epochs: 2", "line 3: detection.epochs: unknown field"),
        ("data: scenes\ndetection: 3", "line 2: detection: expected a mapping"),
        (
            "data: scenes\nnetwork: gu-mnist\ndetection: {}",
            "line 2: network: network 'gu-mnist' is",
        ),
        ("data: scenes\nnetwork: timm.resnet18\ndetection: {}", "'timm.resnet18' is a classifier"),
        ("data: scenes\nnetwork: zff\ndetection: {}", "network: unknown detector 'zff': did you"),
        (
            "data: scenes\nnetwork: torchvision.fcos_resnet5_fpn\ndetection: {}",
            "line 2: network: unknown torchvision detector",
        ),
        (
            "data: scenes\nnetwork: torchvision.fasterrcnn_resnet50_fpn\n"
            "detection:\n  architecture: {width: 1}",
            "line 4: detection.architecture.width: torchvision.fasterrcnn_resnet50_fpn takes no",
        ),
        (
            "data: scenes\nnetwork: torchvision.fasterrcnn_resnet50_fpn\n"
            "detection:\n  training:\n    crops: 2",
            "line 5: detection.training.crops: crops is for the network 'zf': set crops to 0",
        ),
        (
            "data: scenes\ndetection: {}\ntraining: {epochs: 2}",
            "line 3: training: training is for classifiers: give `training` inside `detection`",
        ),
        ("data: scenes\ndetection: {}\nheld_back: 9", "line 3: held_back: held_back is for class"),
        ("data: scenes\ndetection: {}\nsearch: {}", "line 3: search: search is for classifiers"),
        (
            "data: digits\nbackdoor:\n  trigger: patch\n  targets: vanish",
            "line 4: backdoor.targets: targets vanish are about boxes: use them with a detector, "
            "or take all-to-one, source-specific, all-to-all, random-wrong, clean-label",
        ),
        ("data: digits\nobserve: [street]", "observe: observe 'street' is for detectors"),
        (
            "data: scenes\ndetection: {real_world: true}",
            "line 2: detection.real_world: real_world is about a backdoor's stickers",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_field(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs: 3", "epoch: 3", "line 3: detection.training.epoch: unknown field 'epoch'"),
        ("epochs: 3", "epochs: 0", "line 3: detection.training.epochs: epochs must be >= 1"),
        ("width: 0.5", "width: 2", "line 4: detection.architecture.width: settings of zf: width"),
        ("width: 0.5", "wdth: 1", "line 4: detection.architecture.wdth: settings of zf: wdth"),
        ("0,1", "0,3", "line 7: backdoor.targets: target_label must be in 0..2 for 3 classes"),
        ("source-specific:0,1", "appear:9", "line 7: backdoor.targets: target_label must be in"),
        ("source-specific:0,1", "appear", "line 7: backdoor.targets: target_label is missing"),
        ("yellow-square", "yellow", "line 6: backdoor.trigger.kind: unknown trigger 'yellow'"),
        ("yellow-square", "yellow-square:9.5", "line 6: backdoor.trigger.size: size must be who"),
        ("yellow-square", "sticker:none.png", "line 6: backdoor.trigger"),
        ("detection:\n", "detection:\n  threshold: 2\n", "detection.threshold: threshold must"),
    ],
)
def test_a_part_that_does_not_fit_is_told_once(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert said in refused(tmp_path, BAD.replace(old, new))


@pytest.mark.parametrize(
    ("extra", "trigger", "targets", "said"),
    [
        ("observe: [street]", "yellow-square", "vanish", "line 8: observe: street needs a trig"),
        ("observe: [street]", "warp", "random-wrong", "line 8: observe: street needs a trigger"),
    ],
)
def test_the_street_needs_a_sticker_on_signs(
    tmp_path: Path, extra: str, trigger: str, targets: str, said: str
) -> None:
    text = BAD.replace("yellow-square", trigger).replace("source-specific:0,1", targets) + extra
    assert said in refused(tmp_path, text)
    real = BAD.replace("yellow-square", "warp").replace(
        "detection:\n", "detection:\n  real_world: true\n"
    )
    assert "line 3: detection.real_world: real_world needs a trigger that" in refused(
        tmp_path, real
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "  retraining: {layers: rpn+heads}\n",
            "  retraining: {layers: rpn}\n",
            "line 5: transfer.retraining.layers: expected 'outputs', 'heads'",
        ),
        ("factor: 10", "layer: conv6", "line 6: transfer.strengthening.layer: unknown layer"),
        ("factor: 10", "factor: 0.5", "transfer.strengthening.factor: factor must be in [1, 1000]"),
        ("data: scenes\n", "data: digits\n", "line 8: start.data: data set 'digits' is labelled"),
        ("epochs: 4", "epochs: 0", "line 9: start.detection.training.epochs: epochs must be"),
        ("random-wrong", "all-to-one:5", "line 10: start.backdoor.targets: target_label must be"),
        ("start:\n", "start:\n  transfer: {}\n", "line 8: start.transfer: unknown field"),
        ("{training: {epochs: 4}", "{architecture: {width: 1}", "architecture is that of start"),
        ("transfer:\n", "backdoor: {trigger: bomb, targets: vanish}\ntransfer:\n", "transfer has"),
    ],
)
def test_what_does_not_fit_transfer_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in refused(tmp_path, TRANSFER.replace(old, new, 1))


def test_transfer_without_its_parts_is_told(tmp_path: Path) -> None:
    head = "data: scenes\ndetection: {}\ntransfer: {trigger: bomb}\n"
    assert "line 3: transfer: transfer needs detection, and start" in refused(tmp_path, head)
    said = refused(tmp_path, head + "start: clean")
    assert "line 4: start: expected a mapping, the trial to download (data, network" in said
    cut = head.replace("detection: {}\n", "")
    assert "transfer needs detection, and start" in refused(tmp_path, cut + "start: {data: lisa}")
    network = "network: torchvision.fasterrcnn_resnet50_fpn\n"
    other = head.replace("bomb}", "bomb, retraining: {layers: conv4}}")
    said = refused(tmp_path, network + other + "start: {detection: {training: {crops: 0}}}")
    assert "line 4: transfer.retraining.layers: layers 'conv4' cannot be told apart" in said


def test_a_trial_can_be_checked_without_a_recipe() -> None:
    check_fit(Trial(data="coco:nowhere", network="zf", detection=Detection()))
    with pytest.raises(BadnetsError, match="is a classifier"):
        check_fit(Trial(data="scenes", network="gu-mnist", detection=Detection()))
