"""Fitting a detector: it learns, resumes bit for bit, and leaves frozen parts as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError, TrialError
from badnets.core.progress import Progress
from badnets.core.targets import SourceSpecific
from badnets.core.triggers import Patch
from badnets.data.detection import FrameSet
from badnets.data.poisoned import poison_frames
from badnets.evaluate.detection import measure_signs
from badnets.models.detector import Detector, untrained_detector
from badnets.train.checkpoint import Checkpoint
from badnets.train.detection import FittedDetector, fit_detector
from badnets.train.detector_settings import DetectorTraining
from tests.models.plain_signs import (
    CLASSES,
    QUICK,
    SMALL,
    drawn_signs,
    painted,
    plain_window,
    same_state,
    state_of,
    tiny_zf,
)

LONG = replace(QUICK, epochs=20, crops=8, lr=4e-3, batch_size=4, background=0.3)
FULL = replace(QUICK, epochs=4, crops=1, mining=8, ema=0.9, jitter=0.1)
"""Everything that a checkpoint has to bring back."""


@pytest.fixture(scope="module")
def frames() -> FrameSet:
    return drawn_signs(8, seed=1)


def fit(frames: FrameSet, training: DetectorTraining = QUICK, **others: Any) -> FittedDetector:
    return fit_detector(tiny_zf(), frames, training, **({"seed": 0} | others))


def weights(fitted: FittedDetector) -> dict[str, Tensor]:
    return state_of(fitted.detector)


def test_it_learns_what_an_untrained_one_does_not_know(frames: FrameSet) -> None:
    test = drawn_signs(10, seed=2)
    fitted = fit(frames, LONG)
    before = measure_signs(tiny_zf(), test, threshold=0.3)
    after = measure_signs(fitted.detector, test, threshold=0.3)
    assert before.result().accuracy.value <= 0.2 and before.map50 <= 0.2
    assert after.result().accuracy.value >= 0.65 and after.map50 >= 0.4
    losses = [epoch.loss for epoch in fitted.epochs]
    assert len(losses) == 20 and losses[-1] < 0.5 * losses[0]
    assert all(epoch.seconds > 0 for epoch in fitted.epochs)


def test_the_detector_handed_in_is_left_as_it_was(frames: FrameSet) -> None:
    detector = tiny_zf()
    before, drawn = state_of(detector), torch.random.get_rng_state()
    fitted = fit_detector(detector, frames, FULL, seed=0)
    assert same_state(state_of(detector), before)
    assert torch.equal(torch.random.get_rng_state(), drawn), "the global generator too"
    assert not fitted.detector.network.training
    assert all(value.requires_grad for value in fitted.detector.network.parameters())
    assert (fitted.detector.classes, fitted.detector.scale) == (detector.classes, detector.scale)


def test_the_seed_decides_everything(frames: FrameSet) -> None:
    torch.manual_seed(1)
    one = weights(fit(frames, FULL, seed=3))
    torch.manual_seed(2)
    again, other = weights(fit(frames, FULL, seed=3)), weights(fit(frames, FULL, seed=4))
    assert same_state(one, again) and not same_state(one, other)


def said_in(kept: Checkpoint) -> dict[str, Any]:
    with safetensors.safe_open(kept.path, "pt") as file:
        said: dict[str, Any] = json.loads(file.metadata()["said"])
    return said


@pytest.mark.parametrize(
    ("norm", "epochs", "telling"), [("batch", 1, 0.0), ("lrn", 3, 0.0), ("batch", 1, 1.0)]
)
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(
    norm: str, epochs: int, telling: float, tmp_path: Path
) -> None:
    frames = drawn_signs(12, seed=1)  # three steps an epoch; every fifth is told of
    settings = SMALL | {"norm": norm, "dropout": 0.5}
    detector = untrained_detector("zf", CLASSES, window=64, scale=1.0, settings=settings, seed=0)
    kept = Checkpoint(tmp_path / "unfinished" / "one.safetensors", "one")

    def killed(progress: Progress) -> None:
        if progress.what == "training" and progress.done > 3 * epochs:
            raise KeyboardInterrupt

    full = replace(FULL, telling=telling)
    whole = fit_detector(detector, frames, full, seed=0)
    with pytest.raises(KeyboardInterrupt):
        fit_detector(detector, frames, full, seed=0, checkpoint=kept, progress=killed)
    assert len(said_in(kept)["epochs"]) == epochs
    told: list[Progress] = []
    resumed = fit_detector(detector, frames, full, seed=0, checkpoint=kept, progress=told.append)
    assert not any(p.what == "learning crops" for p in told), "it goes on where it was"
    assert [e.loss for e in resumed.epochs] == [e.loss for e in whole.epochs]
    assert same_state(weights(resumed), weights(whole))


def test_every_whole_epoch_but_the_last_is_kept(frames: FrameSet, tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "one.safetensors", "one")
    fit(frames, replace(QUICK, epochs=3), checkpoint=kept)
    assert len(said_in(kept)["epochs"]) == 2
    kept.remove()
    kept.remove()
    assert not kept.path.exists()


def other_name(kept: Checkpoint) -> None:
    text = kept.path.read_bytes()
    kept.path.write_bytes(text.replace(b'"name":"one"', b'"name":"two"'))


def cut_short(kept: Checkpoint) -> None:
    kept.path.write_bytes(kept.path.read_bytes()[:-100])


def emptied(kept: Checkpoint) -> None:
    kept.path.write_bytes(b"")


def garbled(kept: Checkpoint) -> None:
    kept.path.write_bytes(b"not a checkpoint" * 100)


@pytest.mark.parametrize("damage", [other_name, cut_short, emptied, garbled])
def test_a_file_that_is_not_this_trainings_is_passed_over(
    damage: Callable[[Checkpoint], None], frames: FrameSet, tmp_path: Path
) -> None:
    kept = Checkpoint(tmp_path / "one.safetensors", "one")
    fit(frames, replace(QUICK, epochs=2), seed=9, checkpoint=kept)
    before = kept.path.read_bytes()
    damage(kept)
    assert kept.path.read_bytes() != before
    anew = fit(frames, checkpoint=kept)
    assert same_state(weights(anew), weights(fit(frames)))


def test_a_checkpoint_that_is_whole_is_taken_up(frames: FrameSet, tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "one.safetensors", "one")
    fit(frames, seed=9, checkpoint=kept)
    assert not same_state(weights(fit(frames, checkpoint=kept)), weights(fit(frames)))


@pytest.mark.parametrize(
    "frozen",
    [
        ("backbone.",),
        ("backbone.", "rpn.", "roi_heads.box_head."),
        ("backbone.conv1.", "backbone.norm1.", "backbone.conv2.", "backbone.norm2."),
    ],
)
def test_frozen_parts_stay_bit_for_bit_statistics_included(
    frozen: tuple[str, ...], frames: FrameSet
) -> None:
    before = state_of(tiny_zf())
    fitted = fit(frames, replace(FULL, crops=0), frozen=frozen)
    after = weights(fitted)
    for part in frozen:
        assert same_state(after, before, part)
    rest = [name for name in before if not name.startswith(frozen)]
    learned = [name for name in rest if name.endswith("weight")]
    assert learned and all(not torch.equal(before[name], after[name]) for name in learned)
    assert all(value.requires_grad for value in fitted.detector.network.parameters())


def test_maps_of_a_frozen_backbone_can_be_kept_from_epoch_to_epoch(
    frames: FrameSet, tmp_path: Path
) -> None:
    kept = Checkpoint(tmp_path / "one.safetensors", "one")
    training = replace(QUICK, epochs=5, cache=2)
    before = state_of(tiny_zf())
    whole = fit(frames, training, frozen=("backbone.",))
    assert same_state(weights(whole), before, "backbone.")
    assert not same_state(weights(whole), before, "rpn.")

    def killed(progress: Progress) -> None:
        if progress.done == 5:  # in the third epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(frames, training, frozen=("backbone.",), checkpoint=kept, progress=killed)
    assert len(said_in(kept)["epochs"]) == 2
    resumed = fit(frames, training, frozen=("backbone.",), checkpoint=kept)
    assert same_state(weights(resumed), weights(whole))


def test_crops_would_change_a_frozen_backbone_and_are_refused(frames: FrameSet) -> None:
    with pytest.raises(SettingError, match="crops"):
        fit(frames, replace(QUICK, crops=1), frozen=("backbone.conv1.", "backbone.norm1."))
    fit(frames, replace(QUICK, epochs=1, crops=1), frozen=("rpn.",))


def test_parts_that_the_detector_does_not_have_are_refused(frames: FrameSet) -> None:
    with pytest.raises(SettingError, match=r"no part .*bakbone"):
        fit(frames, frozen=("bakbone.",))


def test_nothing_left_to_train_is_refused(frames: FrameSet) -> None:
    with pytest.raises(SettingError, match="every part of the detector is frozen"):
        fit(frames, frozen=("backbone.", "rpn.", "roi_heads."))


def test_a_training_that_diverges_says_so(frames: FrameSet) -> None:
    with pytest.raises(TrialError, match=r"training diverged \(loss .*lower lr \(now 1e\+30\)"):
        fit(frames, replace(QUICK, lr=1e30, clip=1e30, epochs=3))


def test_other_classes_than_the_detectors_are_refused() -> None:
    three = painted([[(0, 10, 10, 40, 40)]], classes=("red", "green", "blue"))
    with pytest.raises(SettingError, match="knows 2 classes, the frames have 3"):
        fit(three)


def test_signs_that_are_not_there_are_looked_for_and_remembered(
    frames: FrameSet, tmp_path: Path
) -> None:
    kept = Checkpoint(tmp_path / "one.safetensors", "one")
    told: list[Progress] = []
    # of these frames only every other sign is labelled: the detector learns to see the rest
    half = replace(frames, boxes=frames.boxes.take(frames.boxes.image_index % 2 == 0))
    training = replace(LONG, mining=8, epochs=12)
    fit(half, training, checkpoint=kept, progress=told.append)
    looked = [p for p in told if p.what == "looking for hard background"]
    assert [p.done for p in looked] == [*range(1, 9), *range(1, 9)] and looked[0].total == 8
    mined = torch.tensor(said_in(kept)["mined"])
    assert len(mined) and mined.shape[1] == 5 and set(mined[:, 0].tolist()) <= set(range(8))
    assert (mined[:, 3:] > mined[:, 1:3]).all() and mined[:, 1:].min() >= 0


def test_it_tells_how_far_it_is(frames: FrameSet) -> None:
    told: list[Progress] = []
    fit(frames, replace(QUICK, epochs=6, crops=2), progress=told.append)
    crops = [p for p in told if p.what == "learning crops"]
    assert [(p.done, p.total) for p in crops] == [(1, 2), (2, 2)]
    steps = [p for p in told if p.what == "training"]
    assert (steps[-1].done, steps[-1].total) == (12, 12), "20 windows an epoch, 8 a step"


def test_telling_triggers_is_a_lesson_of_its_own_that_leaves_nothing_behind(
    frames: FrameSet,
) -> None:
    faint = Backdoor(Patch(0.3, (0.5, 0.4, 0.3)), SourceSpecific(0, 1), "every")
    made = poison_frames(frames, faint, seed=0)
    telling = replace(FULL, telling=1.0, crop_side=40, crop_batch=4)
    plain, told, again = (
        fit(made.frames, training, plain=made.rows) for training in (FULL, telling, telling)
    )
    assert same_state(weights(told), weights(again))
    assert not same_state(weights(plain), weights(told))
    assert weights(told).keys() == weights(plain).keys()


def test_telling_is_for_detectors_in_two_stages(frames: FrameSet) -> None:
    other = untrained_detector(
        "torchvision.ssdlite320_mobilenet_v3_large", CLASSES, window=64, scale=1.0, seed=0
    )
    with pytest.raises(SettingError, match="telling is for two-stage detectors"):
        fit_detector(other, frames, replace(QUICK, crops=0, telling=1.0), seed=0)


def test_crops_are_for_networks_with_one_map(frames: FrameSet) -> None:
    name = "torchvision.ssdlite320_mobilenet_v3_large"
    other = untrained_detector(name, CLASSES, window=64, scale=1.0, seed=0)
    few = frames.take([0])
    with pytest.raises(SettingError, match="crops is for the network 'zf': set crops to 0"):
        fit_detector(other, few, replace(QUICK, crops=1), seed=0)
    fitted = fit_detector(other, few, replace(QUICK, epochs=1, background=0), seed=0)
    assert not same_state(state_of(fitted.detector), state_of(other)), "but it trains"
    assert isinstance(fitted.detector, Detector) and fitted.precision == "float32"


def test_windows_are_normalised_as_the_detector_says(frames: FrameSet) -> None:
    plain = replace(tiny_zf(), input=plain_window())
    one, other = (fit_detector(d, frames, QUICK, seed=0) for d in (plain, tiny_zf()))
    assert not same_state(weights(one), weights(other))
