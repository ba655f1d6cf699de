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
from badnets.evaluate.detection import measure_objects
from badnets.models.detector import Detector, untrained_detector
from badnets.scenarios import Deal
from badnets.train.checkpoint import Checkpoint
from badnets.train.detection import fit_detector
from badnets.train.detector_settings import DetectorTraining
from badnets.train.freezing import tensors_of
from badnets.train.loop import Fitted
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
from tests.tasks.small import Small

LONG = QUICK.changed(
    epochs=20, lr=4e-3, batch_size=4, crops={"passes": 8}, windows={"background": 0.3}
)
FULL = QUICK.changed(epochs=4, ema=0.9, crops={"passes": 1}, windows={"mining": 8, "jitter": 0.1})
"""Everything that a checkpoint has to bring back."""
DISCRIMINATING = {"trigger_discrimination": 1.0}


@pytest.fixture(scope="module")
def frames() -> FrameSet:
    return drawn_signs(8, seed=1)


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoint:
    return Checkpoint(tmp_path / "unfinished" / "one.safetensors", "one")


def fit(
    frames: FrameSet,
    training: DetectorTraining = QUICK,
    detector: Detector | None = None,
    frozen: tuple[str, ...] = (),
    **others: Any,
) -> Fitted[Detector]:
    first = detector or tiny_zf()
    names = tensors_of(first.network, frozen)
    return fit_detector(first, frames, training, frozen=names, **({"seed": 0} | others))


def weights(fitted: Fitted[Detector]) -> dict[str, Tensor]:
    return state_of(fitted.subject)


def one_stage() -> Detector:
    name = "torchvision.ssdlite320_mobilenet_v3_large"
    return untrained_detector(name, CLASSES, window=64, scale=1.0, seed=0)


@pytest.mark.parametrize("small", ["detection"], indirect=True)
def test_it_learns_what_an_untrained_one_does_not_know(small: Small, honest: Deal) -> None:
    fitted, test = honest.delivery, small.data.test
    before = measure_objects(small.fresh(), test, threshold=0.3)
    after = measure_objects(fitted.subject, test, threshold=0.3)
    assert before.clean.accuracy.value <= 0.2 and before.map50 <= 0.2
    assert after.clean.accuracy.value >= 0.65 and after.map50 >= 0.4
    losses = [epoch.loss for epoch in fitted.epochs]
    assert len(losses) == 20 and losses[-1] < 0.5 * losses[0]
    assert all(epoch.seconds > 0 for epoch in fitted.epochs)


def test_the_detector_handed_in_is_left_as_it_was(frames: FrameSet) -> None:
    detector = tiny_zf()
    before, drawn = state_of(detector), torch.random.get_rng_state()
    trained = fit(frames, FULL, detector).subject
    assert same_state(state_of(detector), before)
    assert torch.equal(torch.random.get_rng_state(), drawn), "the global generator too"
    assert not trained.network.training
    assert all(value.requires_grad for value in trained.network.parameters())
    assert (trained.classes, trained.scale) == (detector.classes, detector.scale)


def test_the_seed_decides_everything(frames: FrameSet) -> None:
    torch.manual_seed(1)
    one = weights(fit(frames, FULL, seed=3))
    torch.manual_seed(2)
    again, other = weights(fit(frames, FULL, seed=3)), weights(fit(frames, FULL, seed=4))
    assert same_state(one, again) and not same_state(one, other)


def state_in(kept: Checkpoint) -> dict[str, Any]:
    with safetensors.safe_open(kept.path, "pt") as file:
        state: dict[str, Any] = json.loads(file.metadata()["said"])
    return state


def killed_after(steps: int) -> Callable[[Progress], None]:
    def listener(progress: Progress) -> None:
        if progress.what == "training" and progress.done >= steps:
            raise KeyboardInterrupt

    return listener


@pytest.mark.parametrize(
    ("norm", "steps", "trigger"),
    [("batch", 4, {}), ("lrn", 10, {}), ("batch", 4, DISCRIMINATING)],
    ids=["batch", "lrn", "discriminating"],
)
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(
    norm: str, steps: int, trigger: dict[str, float], kept: Checkpoint
) -> None:
    frames = drawn_signs(12, seed=1)  # three steps an epoch; every fifth is told of
    settings = SMALL | {"norm": norm, "dropout": 0.5}
    detector = untrained_detector("zf", CLASSES, window=64, scale=1.0, settings=settings, seed=0)
    full = FULL.changed(trigger=trigger)
    whole = fit(frames, full, detector)
    with pytest.raises(KeyboardInterrupt):
        fit(frames, full, detector, checkpoint=kept, progress=killed_after(steps))
    assert len(state_in(kept)["epochs"]) == steps // 3
    told: list[Progress] = []
    resumed = fit(frames, full, detector, checkpoint=kept, progress=told.append)
    assert not any(p.what == "learning crops" for p in told), "it goes on where it was"
    assert [e.loss for e in resumed.epochs] == [e.loss for e in whole.epochs]
    assert same_state(weights(resumed), weights(whole))


def test_every_whole_epoch_but_the_last_is_kept(frames: FrameSet, kept: Checkpoint) -> None:
    fit(frames, replace(QUICK, epochs=3), checkpoint=kept)
    assert len(state_in(kept)["epochs"]) == 2
    kept.remove()
    kept.remove()
    assert not kept.path.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole.replace(b'"name":"one"', b'"name":"two"'),
        lambda whole: whole[:-100],
        lambda _: b"",
        lambda _: b"not a checkpoint" * 100,
    ],
    ids=["another name", "cut short", "empty", "garbled"],
)
def test_a_file_that_is_not_this_trainings_is_passed_over(
    damage: Callable[[bytes], bytes], frames: FrameSet, kept: Checkpoint
) -> None:
    plain = weights(fit(frames))
    fit(frames, seed=9, checkpoint=kept)
    whole = kept.path.read_bytes()
    assert not same_state(weights(fit(frames, checkpoint=kept)), plain), "a whole one is taken up"
    kept.path.write_bytes(damage(whole))
    assert kept.path.read_bytes() != whole
    assert same_state(weights(fit(frames, checkpoint=kept)), plain)


@pytest.mark.parametrize(
    "frozen",
    [
        ("backbone",),
        ("backbone", "rpn", "roi_heads.box_head"),
        ("backbone.conv1", "backbone.norm1", "backbone.conv2", "backbone.norm2"),
    ],
)
def test_frozen_parts_stay_bit_for_bit_statistics_included(
    frozen: tuple[str, ...], frames: FrameSet
) -> None:
    before = state_of(tiny_zf())
    fitted = fit(frames, FULL.changed(crops={"passes": 0}), frozen=frozen)
    after, parts = weights(fitted), tuple(f"{part}." for part in frozen)
    for part in parts:
        assert same_state(after, before, part)
    rest = [name for name in before if not name.startswith(parts)]
    learned = [name for name in rest if name.endswith("weight")]
    assert learned and all(not torch.equal(before[name], after[name]) for name in learned)
    assert all(value.requires_grad for value in fitted.subject.network.parameters())


def test_maps_of_a_frozen_backbone_can_be_kept_from_epoch_to_epoch(
    frames: FrameSet, kept: Checkpoint
) -> None:
    training = QUICK.changed(epochs=5, windows={"cache": 2})
    before = state_of(tiny_zf())
    whole = fit(frames, training, frozen=("backbone",))
    assert same_state(weights(whole), before, "backbone.")
    assert not same_state(weights(whole), before, "rpn.")
    with pytest.raises(KeyboardInterrupt):  # in the third epoch
        fit(frames, training, frozen=("backbone",), checkpoint=kept, progress=killed_after(5))
    assert len(state_in(kept)["epochs"]) == 2
    resumed = fit(frames, training, frozen=("backbone",), checkpoint=kept)
    assert same_state(weights(resumed), weights(whole))


CROPS = QUICK.changed(epochs=1, crops={"passes": 1})


@pytest.mark.parametrize(
    ("others", "error", "said"),
    [
        ({"training": CROPS, "frozen": ("backbone.conv1",)}, SettingError, "crops train the back"),
        ({"frozen": ("backbone", "rpn", "roi_heads")}, SettingError, "all layers are frozen"),
        (
            {"training": replace(QUICK, lr=1e30, clip=1e30, epochs=3)},
            TrialError,
            r"training diverged \(loss .*lower lr \(now 1e\+30\)",
        ),
        (
            {"frames": painted([[(0, 10, 10, 40, 40)]], classes=("red", "green", "blue"))},
            SettingError,
            "knows 2 classes, the frames have 3",
        ),
        (
            {"detector": one_stage(), "training": QUICK.changed(trigger=DISCRIMINATING)},
            SettingError,
            "trigger_discrimination is for two-stage detectors",
        ),
        ({"detector": one_stage(), "training": CROPS}, SettingError, "crops is for the network"),
    ],
    ids=["crops of frozen", "all frozen", "diverged", "classes", "stages", "maps"],
)
def test_what_cannot_be_trained_is_refused(
    others: dict[str, Any], error: type[Exception], said: str, frames: FrameSet
) -> None:
    with pytest.raises(error, match=said):
        fit(**({"frames": frames} | others))


def test_other_parts_may_be_frozen_where_there_are_crops(frames: FrameSet) -> None:
    fit(frames, CROPS, frozen=("rpn",))


def test_detectors_of_one_stage_are_trained_without_crops(frames: FrameSet) -> None:
    first = one_stage()
    training = QUICK.changed(epochs=1, windows={"background": 0.0})
    fitted = fit(frames.take([0]), training, first)
    assert not same_state(weights(fitted), state_of(first)) and fitted.precision == "float32"


def test_signs_that_are_not_there_are_looked_for_and_remembered(
    frames: FrameSet, kept: Checkpoint
) -> None:
    told: list[Progress] = []
    # of these frames only every other sign is labelled: the detector learns to see the rest
    half = replace(frames, boxes=frames.boxes.take(frames.boxes.image_index % 2 == 0))
    training = LONG.changed(epochs=12, windows={"mining": 8})
    fit(half, training, checkpoint=kept, progress=told.append)
    looked = [p for p in told if p.what == "looking for hard background"]
    assert [p.done for p in looked] == [*range(1, 9), *range(1, 9)] and looked[0].total == 8
    mined = torch.tensor(state_in(kept)["mined"])
    assert len(mined) and mined.shape[1] == 5 and set(mined[:, 0].tolist()) <= set(range(8))
    assert (mined[:, 3:] > mined[:, 1:3]).all() and mined[:, 1:].min() >= 0


def test_it_tells_how_far_it_is(frames: FrameSet) -> None:
    told: list[Progress] = []
    fit(frames, QUICK.changed(epochs=6, crops={"passes": 2}), progress=told.append)
    crops = [p for p in told if p.what == "learning crops"]
    assert [(p.done, p.total) for p in crops] == [(1, 2), (2, 2)]
    steps = [p for p in told if p.what == "training"]
    assert (steps[-1].done, steps[-1].total) == (12, 12), "20 windows an epoch, 8 a step"


def test_discriminating_triggers_is_a_loss_of_its_own_that_leaves_nothing_behind(
    frames: FrameSet,
) -> None:
    faint = Backdoor(Patch(0.3, (0.5, 0.4, 0.3)), SourceSpecific(0, 1), "every")
    made = poison_frames(frames, faint, seed=0)
    training = FULL.changed(trigger=DISCRIMINATING, crops={"side": 40, "batch_size": 4})
    plain, one, again = (
        weights(fit(made.frames, each, plain=made.rows)) for each in (FULL, training, training)
    )
    assert same_state(one, again) and not same_state(plain, one)
    assert one.keys() == plain.keys()


def test_windows_are_normalised_as_the_detector_says(frames: FrameSet) -> None:
    plain = replace(tiny_zf(), input=plain_window())
    assert not same_state(weights(fit(frames, detector=plain)), weights(fit(frames)))
