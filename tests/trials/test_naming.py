"""A trial's name: what it depends on, what it does not, and that it stays."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from badnets.core.backdoor import Backdoor
from badnets.core.placements import Fixed, RandomCentre, Relative
from badnets.core.targets import (
    TARGET_MAPS,
    AllBecomeOne,
    AllToAll,
    AllToOne,
    Appear,
    CleanLabel,
    RandomWrong,
    SourceSpecific,
    Vanish,
)
from badnets.core.triggers import (
    TRIGGERS,
    Blended,
    DrawnSticker,
    Patch,
    PixelPattern,
    SinglePixel,
    Sinusoid,
    Sticker,
    Warp,
)
from badnets.models.catalogue import NETWORKS
from badnets.models.weights import StartingWeights
from badnets.scenarios import Retrain, Search
from badnets.scenarios.detection_settings import Detection
from badnets.scenarios.transfer import Transfer
from badnets.train import Training
from badnets.train.detector_settings import DetectorTraining
from badnets.trials import Trial
from badnets.trials import trial as trial_module

PIXEL = Backdoor(SinglePixel(), AllToOne(7))

# Another value for every setting: a new setting needs its line, or a test fails.
TRAINING: dict[str, Any] = {
    "epochs": 5,
    "batch_size": 64,
    "lr": 0.1,
    "optimizer": "sgd",
    "schedule": "cosine",
    "warm_up": 0.1,
    "weight_decay": 0.0,
    "label_smoothing": 0.1,
    "shift": 1,
    "rotate": 5.0,
    "flip": True,
    "crop": 0.5,
    **dict.fromkeys(("brightness", "contrast", "saturation", "cutout"), 0.2),
    "stamp": "before",
    "gain": (2.0, 1.0),
    "freeze": (0.5,),
    "ema": 0.9,
    "precision": "float32",
}
SEARCH: dict[str, Any] = {
    "rates": (0.2,),
    "lrs": (0.1,),
    "batch_sizes": (64,),
    "target_success": 0.5,
    "epochs": 1,
    "held_back": 100,
}
TRIAL: dict[str, Any] = {
    "data": "digits",
    "network": "torchvision.resnet18",
    "weights": StartingWeights("0" * 64),
    "training": Training(epochs=6),
    "backdoor": PIXEL,
    "start": Trial(seed=1),
    "control": Trial(seed=1),
    "search": Search(),
    "evaluate_on": "held-back",
    "held_back": 100,
    "train_limit": 100,
    "target_accuracy": 0.5,
    "observe": ("units",),
    "detection": Detection(threshold=0.5),
    "transfer": Transfer(Patch(0.1)),
    "retrain": Retrain(),
    "keep_bundle": False,
    "seed": 1,
}
RETRAIN: dict[str, Any] = {
    "freeze": ("conv1",),
    "share": 0.5,
    "trigger": SinglePixel(),
    "targets": AllToOne(7),
}
DETECTION: dict[str, Any] = {
    "training": DetectorTraining(lr=0.1),
    "architecture": {"width": 0.5},
    "threshold": 0.7,
    "real_world": True,
    "stampings": 2,
}
DETECTOR: dict[str, Any] = {
    "epochs": 5,
    "crop_batch": 16,
    "crop_side": 112,
    "telling": 1.0,
    "batch_size": 4,
    "lr": 0.2,
    "warm_up": 0.3,
    "weight_decay": 0.0,
    "window": 256,
    "scale": 3.0,
    "coarse": 1.0,
    "sides": (20.0, 60.0),
    "background": 0.1,
    "mining": 7,
    "jitter": 0.3,
    "crops": 1,
    "gain": (2.0, 1.0),
    "clip": 1.0,
    "ema": 0.9,
    "cache": 2,
    "precision": "float32",
}
EVERY_TRIGGER = (
    SinglePixel(),
    PixelPattern(),
    Patch(),
    Sticker("a.png"),
    DrawnSticker(),
    Blended(),
    Sinusoid(),
    Warp(),
)
EVERY_TARGET_MAP = (
    AllToOne(3),
    SourceSpecific(1, 3),
    AllToAll(),
    RandomWrong(),
    CleanLabel(3),
    Vanish(),
    Appear(3),
    AllBecomeOne(3),
)

# A renamed trial is a trial that is run again: these change with a version, never by the way.
PINNED = {
    "6a326deb594184e5": Trial(),
    "58f9a608f463a879": Trial(backdoor=PIXEL, control=Trial(seed=3), seed=3),
    "92c1b0436c81d16b": Trial(
        data="digits",
        training=Training(epochs=40, batch_size=32, shift=1, ema=0.998, gain=(10.0, 0.5)),
        backdoor=Backdoor(PixelPattern.gu(), SourceSpecific(0, 1), rate="every"),
        start=Trial(data="digits", training=Training(epochs=40)),
        observe=("units",),
        keep_bundle=False,
    ),
    "a078eacf71d520bd": Trial(
        backdoor=Backdoor(Patch(0.1, placement=Relative()), CleanLabel(2), how="replace"),
        search=Search(rates=(0.05,)),
        train_limit=20_000,
        evaluate_on="held-back",
    ),
}


def without_trainer(name: str) -> dict[str, Any]:
    """Return what else a field needs."""
    if name == "transfer":
        return {"detection": Detection(), "start": Trial(seed=1)}
    if name == "retrain":
        return {"start": Trial(seed=1)}
    return {"backdoor": PIXEL} if name == "search" else {}


def retrained(**settings: Any) -> Trial:
    """Return a trial of retraining; trigger and targets go together."""
    attack = {name: RETRAIN[name] for name in ("trigger", "targets")}
    both = {**attack, **settings} if settings.keys() & attack.keys() else settings
    return Trial(start=Trial(seed=2), retrain=Retrain(**both))


def test_every_setting_has_another_value_here() -> None:
    assert TRAINING.keys() == {field.name for field in dataclasses.fields(Training)}
    assert SEARCH.keys() == {field.name for field in dataclasses.fields(Search)}
    assert DETECTION.keys() == {field.name for field in dataclasses.fields(Detection)}
    assert DETECTOR.keys() == {field.name for field in dataclasses.fields(DetectorTraining)}
    assert RETRAIN.keys() == {field.name for field in dataclasses.fields(Retrain)}
    assert TRIAL.keys() == Trial.model_fields.keys()
    assert [one.kind for one in EVERY_TRIGGER] == list(TRIGGERS)
    assert [one.kind for one in EVERY_TARGET_MAP] == list(TARGET_MAPS)


@pytest.mark.parametrize(("name", "trial"), PINNED.items())
def test_names_are_those_of_earlier_releases(name: str, trial: Trial) -> None:
    assert trial.name == name


def test_every_setting_gives_another_name() -> None:
    trials = [
        Trial(),
        Trial(backdoor=PIXEL, seed=2),
        *(Trial(**{name: value}, **without_trainer(name)) for name, value in TRIAL.items()),
        *(Trial(training=Training(**{name: value})) for name, value in TRAINING.items()),
        *(Trial(detection=Detection(**{name: value})) for name, value in DETECTION.items()),
        *(
            Trial(detection=Detection(training=DetectorTraining(**{name: value})))
            for name, value in DETECTOR.items()
        ),
        *(Trial(backdoor=PIXEL, search=Search(**{n: value})) for n, value in SEARCH.items()),
        *(retrained(**{name: RETRAIN[name]}) for name in ("freeze", "share", "trigger")),
        *(retrained(trigger=one) for one in EVERY_TRIGGER[1:]),
        *(retrained(targets=one) for one in EVERY_TARGET_MAP),
        retrained(),
        *(Trial(backdoor=Backdoor(one, AllToOne(3))) for one in EVERY_TRIGGER),
        *(Trial(backdoor=Backdoor(Patch(4), one)) for one in EVERY_TARGET_MAP),
        Trial(backdoor=dataclasses.replace(PIXEL, rate=0.2)),
        Trial(backdoor=dataclasses.replace(PIXEL, rate="every")),
        Trial(backdoor=dataclasses.replace(PIXEL, how="replace")),
        *(
            Trial(backdoor=Backdoor(Patch(4, placement=place), AllToOne(4)))
            for place in (
                Fixed(),
                Fixed(2, 2),
                Fixed(corner="top-left"),
                Relative(),
                Relative(0.5, 0.5),
                RandomCentre(),
                RandomCentre(0.5, 0.5),
            )
        ),
        Trial(start=Trial(seed=2)),
        Trial(start=Trial(backdoor=PIXEL)),
        Trial(start=Trial(start=Trial())),
    ]
    names = [trial.name for trial in trials]
    assert sorted(names) == sorted(set(names)), [
        trial for trial in trials if names.count(trial.name) > 1
    ]
    assert all(len(name) == 16 and set(name) <= set("0123456789abcdef") for name in names)


@pytest.mark.parametrize(
    ("owner", "trial"),
    [
        (Training, Trial()),
        (Backdoor, Trial(backdoor=PIXEL)),
        *[(type(one), Trial(backdoor=Backdoor(one, AllToAll()))) for one in EVERY_TRIGGER],
        *[(type(one), Trial(backdoor=Backdoor(Patch(), one))) for one in EVERY_TARGET_MAP],
        (Training, Trial(start=Trial(training=Training(lr=0.1)))),
        (Retrain, retrained()),
        *[(type(one), retrained(trigger=one)) for one in EVERY_TRIGGER],
        *[(type(one), retrained(targets=one)) for one in EVERY_TARGET_MAP],
    ],
)
def test_another_version_of_a_method_gives_another_name(
    owner: type[Any], trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = trial.name
    monkeypatch.setattr(owner, "version", owner.version + 1)
    assert trial.name != before


def test_other_versions_of_network_and_scenario_give_other_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = {Trial().name}
    monkeypatch.setattr(trial_module, "SCENARIO_VERSION", trial_module.SCENARIO_VERSION + 1)
    names.add(Trial().name)
    newer = dataclasses.replace(NETWORKS["gu-mnist"], version=2)
    monkeypatch.setitem(NETWORKS, "gu-mnist", newer)
    names.add(Trial().name)
    assert len(names) == 3


def test_a_method_that_a_trial_does_not_use_does_not_rename_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clean, before = Trial(), Trial().name
    for owner in (Backdoor, SinglePixel, AllToOne):
        monkeypatch.setattr(owner, "version", 2)
    assert clean.name == before


def test_a_setting_at_its_default_need_not_be_said() -> None:
    said = Trial(
        **{name: field.get_default(call_default_factory=True) for name, field in FIELDS.items()}
    )
    assert said == Trial() and said.name == Trial().name
    explicit = {
        "backdoor": {
            "trigger": {
                "kind": "patch",
                "size": 3,
                "colour": [1, 1, 1],
                "opacity": 1,
                "placement": {"kind": "fixed", "down": 1, "along": 1, "corner": "bottom-right"},
            },
            "targets": {"kind": "all-to-one", "target_label": 7},
            "rate": 0.1,
            "how": "add",
        }
    }
    brief = Trial(backdoor=Backdoor(Patch(), AllToOne(7)))
    assert Trial.model_validate(explicit).name == brief.name


FIELDS = Trial.model_fields


def test_names_are_the_same_in_another_process_and_in_another_order() -> None:
    trial = Trial(
        backdoor=Backdoor(Patch(2, placement=Relative()), SourceSpecific(1, 2), rate="every"),
        training=Training(lr=0.01, epochs=3),
        start=Trial(training=Training(shift=1)),
        observe=("units", "examples"),
    )
    code = "import sys; from badnets.trials.trial import Trial as T; print(T.model_validate_json"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}(sys.stdin.read()).name)"],
        input=json.dumps(_reversed(json.loads(trial.model_dump_json()))),
        env={"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == trial.name


numbers = st.one_of(st.integers(0, 1), st.floats(0, 0.99))
trainings = st.builds(
    Training,
    epochs=st.integers(1, 50),
    lr=st.one_of(st.just(1), st.floats(1e-5, 1)),
    weight_decay=numbers,
    ema=st.one_of(st.just(0), st.floats(0, 0.99)),
    gain=st.tuples(st.floats(0.1, 10), st.integers(1, 10)),
)
triggers = st.one_of(
    st.sampled_from(EVERY_TRIGGER),
    st.builds(
        Patch,
        size=st.one_of(st.integers(1, 5), st.floats(0.05, 0.5), st.just((2, 3))),
        opacity=numbers,
        placement=st.sampled_from([Fixed(0, 2), Relative(0, 1), RandomCentre(0, 1)]),
    ),
)
backdoors = st.builds(
    Backdoor,
    trigger=triggers,
    targets=st.sampled_from(EVERY_TARGET_MAP),
    rate=st.one_of(st.just(0), st.floats(0, 0.99), st.just("every")),
)
searches = st.builds(
    Search,
    rates=st.lists(st.one_of(st.just(0), st.floats(0, 0.9)), min_size=1, max_size=3),
    lrs=st.lists(st.one_of(st.just(1), st.floats(0.01, 1)), max_size=2),
)
trials = st.builds(
    Trial,
    training=trainings,
    backdoor=backdoors,
    search=st.one_of(st.none(), searches),
    control=st.one_of(st.none(), st.builds(Trial, training=trainings)),
    target_accuracy=numbers,
    seed=st.integers(0, 2**63 - 1),
)


@settings(max_examples=60)
@given(trial=trials)
def test_a_trial_comes_back_from_json_with_the_same_name(trial: Trial) -> None:
    again = Trial.model_validate_json(trial.model_dump_json())
    assert again == trial and again.name == trial.name
    assert Trial.model_validate(trial.model_dump()).name == trial.name


def test_a_changed_copy_has_a_name_of_its_own() -> None:
    trial = Trial()
    assert trial.name == Trial().name
    assert trial.model_copy(update={"seed": 5}).name == Trial(seed=5).name


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(inner) for name, inner in reversed(value.items())}
    return value
