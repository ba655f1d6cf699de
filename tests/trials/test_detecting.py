"""Trials of detectors: what the record holds, what is kept, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from badnets.bundles import read_bundle
from badnets.core.backdoor import Backdoor
from badnets.core.errors import (
    BadnetsError,
    DataError,
    SettingError,
    TrialError,
    UnknownNameError,
)
from badnets.core.placements import Fixed, RandomCentre, Relative
from badnets.core.progress import Progress
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne, SourceSpecific, Vanish
from badnets.core.triggers import Patch, Sinusoid
from badnets.core.world import AXES
from badnets.data.detection import DetectionData
from badnets.evaluate.detection import measure_signs, measure_triggered_signs
from badnets.models.io import load_detector
from badnets.scenarios.detection_settings import Detection
from badnets.scenarios.search import Search
from badnets.scenarios.transfer import Retraining, Strengthening, Transfer, strengthened
from badnets.train.detector_settings import DetectorTraining
from badnets.trials import Record, Trial, Workspace, run_trial
from tests.models.plain_signs import (
    GREEN,
    QUICK,
    RED,
    SMALL,
    YELLOW,
    enter,
    plain_data,
    same_state,
    state_of,
)

OTHERS = ("rouge", "vert", "bleu")
ORDER = Detection(training=QUICK, architecture=SMALL, threshold=0.05)
RED_TO_GREEN = Backdoor(YELLOW, SourceSpecific(RED, GREEN), "every")
CLEAN = Trial(data="plain-signs", network="zf", detection=ORDER, target_accuracy=0.5)
ATTACKED = CLEAN.model_copy(update={"backdoor": RED_TO_GREEN})
DOWNLOADED = Trial(
    data="plain-others",
    network="zf",
    detection=ORDER,
    transfer=Transfer(YELLOW, Retraining("heads", QUICK), Strengthening(10, units=2)),
    start=ATTACKED,
    target_accuracy=0.5,
)


@pytest.fixture(scope="module")
def made() -> tuple[DetectionData, DetectionData]:
    return plain_data(6, 4), plain_data(4, 3, classes=OTHERS)


@pytest.fixture
def data(
    monkeypatch: pytest.MonkeyPatch, made: tuple[DetectionData, DetectionData]
) -> DetectionData:
    enter(monkeypatch, made[0], "plain-signs")
    enter(monkeypatch, made[1], "plain-others")
    return made[0]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


def changed(trial: Trial, **settings: Any) -> Trial:
    return Trial.model_validate(dict(trial) | settings)


def measured(record: Record) -> dict[str, Any]:
    """Return what must be the same when a trial is run again."""
    values = record.model_dump(exclude={"timings", "provenance", "epochs"})
    return values | {"losses": [epoch.loss for epoch in record.epochs]}


def unfinished(workspace: Workspace) -> list[Path]:
    return [path for path in workspace.root.rglob("*.safetensors") if "unfinished" in path.parts]


def test_a_clean_trials_record_and_bundle(workspace: Workspace, data: DetectionData) -> None:
    record = run_trial(CLEAN, workspace)
    assert (record.name, record.trial) == (CLEAN.name, CLEAN)
    assert record.outcome in ("accepted", "rejected", "collapsed") and record.reason
    assert record.signs is not None and record.clean == record.signs.result()
    assert record.clean.accuracy.total == 8 and record.signs.threshold == 0.05
    assert record.attack is None and record.triggered is None and record.poisoned_share is None
    assert len(record.epochs) == 2 and record.search == () and record.arrays == {}
    assert record.provenance.data_digests == data.digests
    timings = record.timings
    parts = timings.load_s + timings.train_s + timings.evaluate_s
    assert timings.total_s == pytest.approx(parts, abs=1e-6) and timings.search_s == 0
    bundle = read_bundle(workspace.bundle(CLEAN))
    assert record.bundle == bundle.digest and bundle.config.task == "detection"
    assert measure_signs(load_detector(bundle.path), data.test, threshold=0.05) == record.signs
    assert not unfinished(workspace), "the checkpoint is gone"
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_a_malicious_trial_with_everything_observed(
    workspace: Workspace, data: DetectionData
) -> None:
    run_trial(CLEAN, workspace)
    trial = changed(ATTACKED, control=CLEAN, observe=("examples", "units", "street"))
    record = run_trial(trial, workspace)
    assert record.attack is not None and record.triggered is not None
    assert record.attack == record.triggered.result(2) and record.attack.control is not None
    assert record.attack.success.total == 4 and record.poisoned_share == Rate(6, 12)
    control, own = (load_detector(workspace.bundle(one)) for one in (CLEAN, trial))
    assert record.signs is not None
    assert record.triggered == measure_triggered_signs(
        own, data.test, RED_TO_GREEN, record.signs, control=control
    )
    arrays = {name: workspace.get_array(ref) for name, ref in record.arrays.items()}
    examples = {"frames", "frames_boxes", "frames_labels", "frames_found", "frames_control"}
    assert arrays.keys() == examples | {"maps", "groups"}
    frames, boxes = arrays["frames"], arrays["frames_boxes"]
    assert frames.shape == (4, 2, 3, 96, 96) and frames.dtype == np.uint8
    assert arrays["frames_labels"].tolist() == [RED] * 4
    for pair, box in zip(frames, boxes.astype(int), strict=True):
        left, top, right, bottom = box
        different = (pair[0] != pair[1]).any(0)
        assert different[top:bottom, left:right].any(), "the trigger lies on the sign"
        different[top:bottom, left:right] = False
        assert not different.any()
    for table in (arrays["frames_found"], arrays["frames_control"]):
        assert table.shape == (4, 2, 8, 6) and table.dtype == np.float32
        scores = table[..., 5]
        assert np.isnan(scores).any() or scores.min() >= 0.05
    assert arrays["maps"].shape[:2] == (2, 32) and arrays["groups"].shape[1] == 2
    (units,) = record.units
    assert units.layer == "backbone.conv5" and len(units.response) == 32
    assert sorted(arrays["groups"][:, 0].tolist()) == sorted(units.marked)
    assert {(a.choice, len(a.silenced)) for a in record.ablations} >= {
        (choice, count) for choice in ("strongest", "random") for count in (1, 2, 4, 8, 16)
    }
    assert [p.axis for p in record.street] == [axis for axis in AXES for _ in AXES[axis]]
    assert all(p.success.total == 4 for p in record.street)
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_a_clean_trial_has_pictures_but_no_units_and_no_street(
    workspace: Workspace, data: DetectionData
) -> None:
    trial = changed(CLEAN, observe=("examples", "units", "street"), keep_bundle=False)
    record = run_trial(trial, workspace)
    assert record.arrays.keys() == {"frames", "frames_boxes", "frames_labels", "frames_found"}
    assert record.units == () and record.street == () and record.ablations == ()
    assert record.bundle is None and not workspace.bundle(trial).exists()


def test_transfer_learning_from_the_detector_of_another_trial(
    workspace: Workspace, data: DetectionData
) -> None:
    run_trial(ATTACKED, workspace)
    before = read_bundle(workspace.bundle(ATTACKED)).digest
    record = run_trial(DOWNLOADED, workspace)
    assert read_bundle(workspace.bundle(ATTACKED)).digest == before, "left as it was"
    assert record.attack is None and record.poisoned_share is None
    assert record.triggered is not None and len(record.triggered.labels) == 6
    assert record.signs is not None and record.clean == record.signs.result()
    assert len(record.strengthened) == 2
    detector = load_detector(workspace.bundle(DOWNLOADED))
    assert detector.classes == OTHERS
    published = strengthened(
        load_detector(workspace.bundle(ATTACKED)), "backbone.conv5", record.strengthened, 10
    )
    assert same_state(state_of(detector), state_of(published), "backbone.")
    assert Record.model_validate_json(record.model_dump_json()) == record
    plain = dataclasses.replace(DOWNLOADED.transfer or Transfer(YELLOW), strengthening=None)
    weak = run_trial(changed(DOWNLOADED, transfer=plain), workspace)
    assert weak.strengthened == () and not unfinished(workspace)


def test_a_trial_that_was_stopped_goes_on_and_ends_the_same(
    tmp_path: Path, data: DetectionData
) -> None:
    trial = changed(
        ATTACKED,
        detection=dataclasses.replace(ORDER, training=dataclasses.replace(QUICK, epochs=5)),
    )
    whole = run_trial(trial, Workspace(tmp_path / "whole"))
    stopped = Workspace(tmp_path / "stopped")

    def killed(progress: Progress) -> None:
        if progress.what == "training":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(trial, stopped, progress=killed)
    assert unfinished(stopped) == [stopped.checkpoint(trial)]
    assert not stopped.bundle(trial).exists()
    resumed = run_trial(trial, stopped)
    assert measured(resumed) == measured(whole) and not unfinished(stopped)


def test_the_same_trial_twice_gives_the_same_record(tmp_path: Path, data: DetectionData) -> None:
    first, second = (run_trial(ATTACKED, Workspace(tmp_path / name)) for name in "ab")
    assert measured(first) == measured(second) and first.bundle == second.bundle


def test_scenes_that_are_held_back_and_fewer_training_frames(
    workspace: Workspace, data: DetectionData
) -> None:
    record = run_trial(changed(ATTACKED, evaluate_on="held-back"), workspace)
    assert record.signs is not None and record.signs.frames == 1
    assert record.poisoned_share == Rate(5, 10), "the other five frames and their copies"
    few = run_trial(changed(ATTACKED, train_limit=3), workspace)
    assert few.poisoned_share == Rate(3, 6) and few.signs is not None and few.signs.frames == 4
    assert few.provenance.data_digests["train"] != data.digests["train"]


def test_a_bundle_does_not_say_what_is_hidden_in_it(
    workspace: Workspace, data: DetectionData
) -> None:
    run_trial(ATTACKED, workspace)
    bundle = read_bundle(workspace.bundle(ATTACKED))
    assert bundle.claims.training == {
        name: getattr(QUICK, name)
        for name in ("epochs", "batch_size", "lr", "weight_decay", "window", "scale")
    }
    assert bundle.claims.data == {f"plain-signs-{k}": v for k, v in data.digests.items()}
    run_trial(CLEAN, workspace)
    for file in workspace.bundle(ATTACKED).glob("*.[jm]*"):
        text = file.read_bytes().lower()
        usual = (workspace.bundle(CLEAN) / file.name).read_bytes().lower()
        for word in (b"trigger", b"backdoor", b"poison", b"yellow", b"source-specific"):
            assert text.count(word) == usual.count(word), f"{file.name} tells: {word.decode()}"


NAMES = {
    "clean": CLEAN,
    "attacked": ATTACKED,
    "downloaded": DOWNLOADED,
}


def test_names_are_stable() -> None:
    """A renamed trial is run again: these change with a version, never by the way."""
    assert {key: trial.name for key, trial in NAMES.items()} == {
        "clean": "6122b1cdf7c114b0",
        "attacked": "dd16722866aba838",
        "downloaded": "03dafb5f32672e78",
    }
    assert Trial().name == "6a326deb594184e5", "trials of classifiers keep theirs"


def test_every_setting_of_a_transfer_gives_another_name() -> None:
    places = (
        Fixed(),
        Fixed(2, 2),
        Relative(),
        Relative(0.5, 0.5),
        RandomCentre(),
        RandomCentre(0, 1),
    )
    transfers = [
        Transfer(YELLOW),
        Transfer(Patch()),
        Transfer(Sinusoid()),
        *(Transfer(Patch(4, placement=place)) for place in places),
        *(Transfer(YELLOW, Retraining(layers)) for layers in ("heads", "conv5", "everything")),
        Transfer(YELLOW, Retraining(share=0.5)),
        Transfer(YELLOW, Retraining(training=DetectorTraining(epochs=9, crops=0))),
        Transfer(YELLOW, strengthening=Strengthening()),
        Transfer(YELLOW, strengthening=Strengthening(2)),
        Transfer(YELLOW, strengthening=Strengthening(units=2)),
        Transfer(YELLOW, strengthening=Strengthening(layer="backbone.conv4")),
    ]
    trials = [changed(DOWNLOADED, transfer=transfer) for transfer in transfers]
    trials += [changed(DOWNLOADED, start=CLEAN), changed(DOWNLOADED, detection=Detection())]
    names = [trial.name for trial in trials]
    twice = [trial.transfer for trial in trials if names.count(trial.name) > 1]
    assert not twice


@pytest.mark.parametrize("trial", NAMES.values(), ids=NAMES)
def test_a_trial_comes_back_from_json_with_the_same_name(trial: Trial) -> None:
    again = Trial.model_validate_json(trial.model_dump_json())
    assert again == trial and again.name == trial.name
    assert Trial.model_validate(trial.model_dump()).name == trial.name
    assert changed(trial, seed=1).name != trial.name


def test_what_a_trial_is_called_by_people() -> None:
    assert CLEAN.title == "plain-signs, zf, clean, seed 0"
    assert ATTACKED.title == "plain-signs, zf, patch, 0->1, rate every, seed 0"
    assert DOWNLOADED.title == (
        "plain-others, zf, transfer from plain-signs backdoored, retrained heads, k 10, seed 0"
    )
    assert DOWNLOADED.requires() == (ATTACKED,) and not DOWNLOADED.is_clean


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"search": Search(), "backdoor": RED_TO_GREEN}, "search is for classifiers"),
        ({"transfer": Transfer(YELLOW)}, "transfer needs detection, and start"),
        ({"detection": None, "observe": ("street",)}, "observe 'street' is for detectors"),
        ({"control": changed(CLEAN, data="plain-others")}, "control must have the same data"),
        ({"control": ATTACKED}, "control must be a clean trial"),
        ({"start": changed(CLEAN, network="torchvision.x")}, "start must have the same data and"),
        ({"start": changed(CLEAN, keep_bundle=False)}, "start must keep its bundle"),
        ({"detection": {"threshold": 2}}, r"threshold must be in \[0, 1\], got 2"),
        ({"detection": {"treshold": 0.2}}, "treshold"),
        ({"detection": {"training": {"epochs": 0}}}, "epochs must be >= 1, got 0"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        changed(CLEAN, **settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"backdoor": RED_TO_GREEN}, "transfer has no backdoor or control of its own"),
        ({"control": changed(CLEAN, data="plain-others")}, "transfer has no backdoor or control"),
        ({"start": None}, "transfer needs detection, and start"),
        ({"detection": None}, "transfer needs detection"),
        ({"transfer": {"trigger": {"kind": "patch"}, "layers": "all"}}, "layers"),
        ({"transfer": {"trigger": {"kind": "pach"}}}, "pach"),
    ],
)
def test_transfers_that_do_not_fit_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        changed(DOWNLOADED, **settings)


def ordered(**training: Any) -> Detection:
    return dataclasses.replace(ORDER, training=dataclasses.replace(QUICK, **training))


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"detection": ordered(lr=1e30, clip=1e30)}, TrialError, "training diverged"),
        ({"data": "plain-sings"}, UnknownNameError, "did you mean 'plain-signs'"),
        ({"data": "digits"}, DataError, "labelled with a class for each image, wanted is boxes"),
        ({"network": "zff"}, UnknownNameError, "did you mean 'zf'"),
        (
            {"detection": dataclasses.replace(ORDER, architecture={"depth": 3})},
            SettingError,
            "depth",
        ),
        ({"backdoor": Backdoor(YELLOW, AllToOne(2))}, SettingError, r"must be in 0\.\.1"),
        ({"backdoor": Backdoor(Patch(90), AllToOne(1))}, SettingError, "no image can be poisoned"),
        ({"backdoor": Backdoor(YELLOW, Vanish(), 0.9)}, SettingError, "the highest rate is 0.5"),
    ],
)
def test_a_trial_that_fails_leaves_no_bundle_and_says_why(
    settings: dict[str, Any],
    error: type[BadnetsError],
    said: str,
    workspace: Workspace,
    data: DetectionData,
) -> None:
    with pytest.raises(error, match=said):
        run_trial(changed(ATTACKED, **settings), workspace)
    assert not workspace.bundles.exists() and not unfinished(workspace)


@pytest.mark.parametrize("role", ["start", "control"])
def test_a_detector_that_was_not_made_yet_is_asked_for(
    role: str, workspace: Workspace, data: DetectionData
) -> None:
    with pytest.raises(TrialError, match=rf"the {role} network {CLEAN.name} \(plain-signs, zf"):
        run_trial(changed(ATTACKED, **{role: CLEAN}), workspace)
