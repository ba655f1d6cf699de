"""A trial's name: what it depends on, what it does not, and that it stays."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from badnets.core.backdoor import Backdoor, Cover
from badnets.core.errors import SettingError
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
    Saved,
    SinglePixel,
    Sinusoid,
    Sticker,
    Warp,
)
from badnets.models.catalogue import NETWORKS
from badnets.models.weights import StartingWeights
from badnets.observations import OBSERVATIONS
from badnets.scenarios import Search, Strengthening
from badnets.scenarios.resisting import AntiBackdoor
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training
from badnets.trials import OutsourcedTrial, TransferTrial, Trial
from badnets.trials.downloaded import DownloadedBundle
from badnets.trials.trial import TRIAL, Attack
from tests.data.photos import split

_PIXEL = (SinglePixel(), AllToOne(7))
PIXEL = Backdoor(*_PIXEL)
CLEAN = OutsourcedTrial()
ATTACKED = OutsourcedTrial(backdoor=PIXEL)
BUNDLE = DownloadedBundle(sha256="0" * 64, network="gu-mnist", shape=(1, 28, 28), classes=("a",))


def others(one: Any) -> Iterator[Any]:
    """Give settings that differ from these in one field each, for every field that there is.

    Settings that can have no other value must be told by hand here, or a test fails.
    """
    for field in dataclasses.fields(one):
        if field.name not in ("kind", "task"):
            own = getattr(one, field.name)
            yield next(_changed(one, field.name, own))


def _changed(one: Any, name: str, own: Any) -> Iterator[Any]:
    if dataclasses.is_dataclass(own):
        candidates = list(others(own))
    elif isinstance(own, bool):
        candidates = [not own]
    elif isinstance(own, int | float):
        candidates = [2 * own, own / 2, own + 1, 0.5, 0.2, 1]
    elif isinstance(own, tuple):
        candidates = [(0.2,), (64,), (2.0, 1.0), (24.0, 60.0), (0.5, 0.5, 0.5), ("mask",)]
        candidates.append((Cover(rate=0.1),))
    else:
        candidates = [*CHOICES, f"{own}x"]
    for candidate in candidates:
        with contextlib.suppress(SettingError):
            other = dataclasses.replace(one, **{name: candidate})
            if other != one:
                yield other


CHOICES = (3, "sgd", "cosine", "before", "float32", "flower", "top-left", "top-right", "x")

# Another value for every field of a trial: a new one needs its line, or a test fails.
SHARED: dict[str, Any] = {
    "data": "digits",
    "network": "torchvision.resnet18",
    "architecture": {"width": 0.5},
    "training": Training(epochs=6),
    "target_accuracy": 0.5,
    "evaluate_on": "held-back",
    "held_back": 100,
    "train_limit": 100,
    "observe": ("units",),
    "keep_bundle": False,
    "seed": 1,
    "contents": {"a.png": "0" * 64},
}
OUTSOURCED: dict[str, Any] = {
    **SHARED,
    "kind": "outsourced",
    "weights": StartingWeights("0" * 64),
    "backdoor": PIXEL,
    "start": OutsourcedTrial(seed=1),
    "control": OutsourcedTrial(seed=1),
    "search": Search(),
    "resist": AntiBackdoor(),
    "tainted_clean": 0.1,
}
TRANSFER: dict[str, Any] = {
    **SHARED,
    "kind": "transfer",
    "start": OutsourcedTrial(seed=1),
    "control": TransferTrial(kind="transfer", start=CLEAN),
    "freeze": ("conv1",),
    "share": 0.5,
    "attack": Attack(Patch(0.1)),
    "strengthening": Strengthening(),
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
    Saved("a.png"),
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
PLACES = (
    Fixed(),
    Fixed(2, 2),
    Fixed(corner="top-left"),
    Relative(),
    Relative(0.5, 0.5),
    RandomCentre(),
    RandomCentre(0.5, 0.5),
)


def attacked(*backdoor: Any, **settings: Any) -> OutsourcedTrial:
    return OutsourcedTrial(backdoor=Backdoor(*backdoor), **settings)


def transfer(**settings: Any) -> TransferTrial:
    """Return a trial of transfer learning, with what else such settings need."""
    usual: dict[str, Any] = {"kind": "transfer", "start": OutsourcedTrial(seed=2)}
    if "strengthening" in settings:
        usual |= {"data": "scenes", "attack": Attack(Patch()), "start": detector()}
    if "network" in settings:
        usual["start"] = OutsourcedTrial(network=settings["network"])
    return TransferTrial(**{**usual, **settings})


def detector(**settings: Any) -> OutsourcedTrial:
    training = settings.pop("training", DetectorTraining())
    return OutsourcedTrial(data="scenes", training=training, **settings)


def outsourced(name: str) -> OutsourcedTrial:
    """Return a trial with another value of one field, with what else it needs."""
    own = {name: OUTSOURCED[name]}
    if name == "contents":
        return attacked(Sticker("a.png"), AllToOne(1), **own)
    if name == "search":
        own["backdoor"] = PIXEL
    if name == "tainted_clean":
        own |= {"backdoor": PIXEL, "observe": ("audit",)}
    return OutsourcedTrial(**own)


def different() -> Iterator[Trial]:
    """Give trials that differ in one setting each."""
    yield from (CLEAN, ATTACKED.model_copy(update={"seed": 2}), transfer(), detector())
    yield from (outsourced(name) for name in OUTSOURCED if name != "kind")
    yield from (
        transfer(**{name: TRANSFER[name]})
        for name in TRANSFER
        if name not in ("kind", "contents")  # files are those of a trigger, or of the data
    )
    yield from (OutsourcedTrial(training=one) for one in others(Training()))
    yield from (detector(training=one) for one in others(DetectorTraining()))
    for group in ("windows", "scales", "crops", "trigger"):
        _, *rest = others(getattr(DetectorTraining(), group))  # the first is given above
        yield from (detector(training=DetectorTraining(**{group: one})) for one in rest)
    yield from (attacked(*_PIXEL, search=one, seed=3) for one in others(Search()))
    yield from (transfer(strengthening=one) for one in others(Strengthening()))
    for one in EVERY_TRIGGER:
        yield attacked(one, AllToOne(3))
        yield transfer(attack=Attack(one))
        yield from (attacked(other, AllToOne(5)) for other in others(one))
    for targets in EVERY_TARGET_MAP:
        yield attacked(Patch(4), targets)
        yield from (attacked(Patch(5), other) for other in others(targets))
        if targets != RandomWrong():
            yield transfer(attack=Attack(Patch(), targets))
    yield attacked(*_PIXEL, 0.2)
    yield attacked(*_PIXEL, "every")
    yield attacked(*_PIXEL, 0.1, "replace")
    yield from (attacked(Patch(4, placement=place), AllToOne(4)) for place in PLACES)
    yield OutsourcedTrial(start=OutsourcedTrial(seed=2))
    yield OutsourcedTrial(start=ATTACKED)
    yield OutsourcedTrial(start=OutsourcedTrial(start=CLEAN))
    yield transfer(start=transfer())
    yield transfer(start=ATTACKED)
    yield transfer(start=BUNDLE)
    yield transfer(start=BUNDLE.model_copy(update={"sha256": "1" * 64}))


# A renamed trial is a trial that is run again: these change with a version, never by the way.
PINNED: dict[str, Trial] = {
    "b4d630342ca7c17a": CLEAN,
    "0ea50407d6fef7fb": attacked(*_PIXEL, control=OutsourcedTrial(seed=3), seed=3),
    "f30917adb6e55266": attacked(
        PixelPattern.gu(),
        SourceSpecific(0, 1),
        "every",
        data="digits",
        training=Training(epochs=40, batch_size=32, shift=1, ema=0.998, trigger_gain=(10.0, 0.5)),
        target_accuracy=0.99,
        start=OutsourcedTrial(data="digits", training=Training(epochs=40), target_accuracy=0.99),
        observe=("units",),
        keep_bundle=False,
    ),
    "2ac2734414a7be24": attacked(
        Patch(0.1, placement=Relative()),
        CleanLabel(2),
        0.1,
        "replace",
        search=Search(rates=(0.05,)),
        train_limit=20_000,
        evaluate_on="held-back",
    ),
    "d5954bb24a7beea2": detector(architecture={"width": 0.125, "head": 0.03}),
    "eb42c773e4a4c295": detector(
        backdoor=Backdoor(Patch.yellow_square(), Vanish(0), "every"),
        training=DetectorTraining().changed(windows={"side": 256}),
    ),
    "fd62712992d91a14": transfer(
        attack=Attack(Patch(3), AllToOne(1)), freeze=("conv1",), share=0.5
    ),
    "68f2df6502ad89df": transfer(start=BUNDLE),
    "c60ffe51c62781c6": transfer(strengthening=Strengthening(10)),
}


def test_every_setting_has_another_value_here() -> None:
    for one in (Training(), DetectorTraining(), Search(), Strengthening()):
        fields = [field.name for field in dataclasses.fields(one) if field.name != "task"]
        assert len(list(others(one))) == len(fields)
    assert OUTSOURCED.keys() == OutsourcedTrial.model_fields.keys()
    assert TRANSFER.keys() == TransferTrial.model_fields.keys()
    assert tuple(one.kind for one in EVERY_TRIGGER) == TRIGGERS.names
    assert tuple(one.kind for one in EVERY_TARGET_MAP) == TARGET_MAPS.names


@pytest.mark.parametrize(("name", "trial"), PINNED.items())
def test_names_are_those_of_earlier_releases(name: str, trial: Trial) -> None:
    assert trial.name == name


def test_every_setting_gives_another_name() -> None:
    trials = list(different())
    names = [trial.name for trial in trials]
    assert sorted(names) == sorted(set(names)), [
        trial for trial in trials if names.count(trial.name) > 1
    ]
    assert all(len(name) == 16 and set(name) <= set("0123456789abcdef") for name in names)


@pytest.mark.parametrize(
    ("owner", "trial"),
    [
        (Training, CLEAN),
        (Training, OutsourcedTrial(start=OutsourcedTrial(training=Training(lr=0.1)))),
        (DetectorTraining, detector()),
        (Backdoor, ATTACKED),
        (OBSERVATIONS["units"], OutsourcedTrial(observe=("units",))),
        (OutsourcedTrial, CLEAN),
        (OutsourcedTrial, transfer()),
        (TransferTrial, transfer()),
        *[(type(one), attacked(one, AllToAll())) for one in EVERY_TRIGGER],
        *[(type(one), attacked(Patch(), one)) for one in EVERY_TARGET_MAP],
        *[(type(one), transfer(attack=Attack(one))) for one in EVERY_TRIGGER],
        *[(type(one), transfer(attack=Attack(Patch(), one))) for one in EVERY_TARGET_MAP],
    ],
)
def test_another_version_of_a_method_gives_another_name(
    owner: type[Any], trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, unused = trial.name, OutsourcedTrial(network="small-resnet", data="cifar10").name
    monkeypatch.setattr(owner, "version", owner.version + 1)
    assert TRIAL.validate_json(trial.model_dump_json()).name != before
    if owner not in (Training, OutsourcedTrial):
        assert OutsourcedTrial(network="small-resnet", data="cifar10").name == unused


def test_another_version_of_a_network_gives_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = CLEAN.name
    monkeypatch.setitem(NETWORKS, "gu-mnist", dataclasses.replace(NETWORKS["gu-mnist"], version=2))
    assert CLEAN.model_copy().name != before


def test_a_setting_at_its_default_need_not_be_said() -> None:
    for trial in (CLEAN, detector(), transfer()):
        fields = type(trial).model_fields
        usual = {
            name: field.get_default(call_default_factory=True)
            for name, field in fields.items()
            if not field.is_required() and name not in ("data", "network", "training", "freeze")
        }
        said = trial.model_copy(update=usual)
        again = TRIAL.validate_python({name: getattr(said, name) for name in fields})
        assert again.name == (CLEAN if trial == CLEAN else trial).name
    explicit = {
        "backdoor": {
            "trigger": {
                "kind": "patch",
                "size": 0.1,
                "colour": [1, 1, 1],
                "opacity": 1,
                "placement": {"kind": "fixed", "down": 1, "along": 1, "corner": "bottom-right"},
            },
            "targets": {"kind": "all-to-one", "target_label": 7},
            "poisoning_rate": 0.1,
            "mode": "add",
        }
    }
    assert OutsourcedTrial.model_validate(explicit).name == attacked(Patch(0.1), AllToOne(7)).name


def test_0_and_0_0_are_the_same_settings() -> None:
    whole = {"training": {"weight_decay": 0, "lr": 1, "trigger_gain": [2, 1]}, "target_accuracy": 1}
    broken = {"training": {"weight_decay": 0.0, "lr": 1.0, "trigger_gain": [2.0, 1.0]}}
    broken |= {"target_accuracy": 1.0}  # type: ignore[dict-item]
    one, other = (OutsourcedTrial.model_validate(value) for value in (whole, broken))
    assert one == other and one.name == other.name
    rates = [attacked(*_PIXEL, rate, search=Search(rates=(rate,))).name for rate in (0, 0.0)]
    assert rates[0] == rates[1]
    widths = [detector(architecture={"width": value}).name for value in (1, 1.0)]
    assert widths[0] == widths[1]


def test_where_files_of_weights_and_bundles_lie_does_not_rename_a_trial() -> None:
    places = ("/here", "/there")
    here, there = (OutsourcedTrial(weights=StartingWeights("a" * 64, path)) for path in places)
    assert here == there and here.name == there.name
    attack = OutsourcedTrial(backdoor=PIXEL, weights=here.weights, control=here)
    plain = attack.without_paths()
    assert plain == attack and plain.name == attack.name
    assert "here" in attack.model_dump_json() and "here" not in plain.model_dump_json()
    one, other = (transfer(start=BUNDLE.model_copy(update={"path": path})) for path in places)
    assert one.name == other.name and "here" not in one.without_paths().model_dump_json()


@pytest.mark.parametrize("place", ["sticker", "blended", "folder", "attack of a download"])
def test_one_other_byte_of_a_file_that_is_read_gives_another_name(
    place: str, tmp_path: Path
) -> None:
    file = tmp_path / "picture.png"
    Image.fromarray(np.full((8, 8, 3), 200, dtype=np.uint8)).save(file)
    folder = split(tmp_path / "pictures", {"cat": 2, "dog": 2})
    inside = next(folder.rglob("*.png"))

    def trial() -> Trial:
        if place == "sticker":
            return attacked(Sticker(str(file)), AllToOne(1))
        if place == "blended":
            return attacked(Blended(key=str(file)), AllToOne(1))
        if place == "folder":
            return OutsourcedTrial(data=f"folder:{folder}", network="small-resnet")
        return transfer(attack=Attack(Sticker(str(file))))

    before = trial()
    assert before.name == trial().name and len(before.contents) == 1
    read = inside if place == "folder" else file
    read.write_bytes(read.read_bytes() + b" ")
    after = trial()
    assert after.name != before.name
    again = TRIAL.validate_json(before.model_dump_json())
    assert again.name == before.name, "a record's trial says what the files were"
    assert before.model_copy(update={"seed": 1}).contents == before.contents


def test_names_are_the_same_in_another_process_and_in_another_order() -> None:
    trial = attacked(
        Patch(2, placement=Relative()),
        SourceSpecific(1, 2),
        "every",
        training=Training(lr=0.01, epochs=3),
        start=OutsourcedTrial(training=Training(shift=1)),
        observe=("units", "examples"),
    )
    code = "import sys; from badnets.trials.trial import TRIAL as T; print(T.validate_json"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}(sys.stdin.read()).name)"],
        input=json.dumps(_reversed(json.loads(trial.model_dump_json()))),
        env={"PYTHONHASHSEED": "12345", "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == trial.name


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(inner) for name, inner in reversed(value.items())}
    return value


numbers = st.one_of(st.integers(0, 1), st.floats(0, 0.99))
trainings = st.builds(
    Training,
    epochs=st.integers(1, 50),
    lr=st.one_of(st.just(1), st.floats(1e-5, 1)),
    weight_decay=numbers,
    ema=st.one_of(st.just(0), st.floats(0, 0.99)),
    trigger_gain=st.tuples(st.floats(0.1, 10), st.integers(1, 10)),
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
    poisoning_rate=st.one_of(st.just(0), st.floats(0, 0.99), st.just("every")),
)
searches = st.builds(
    Search,
    rates=st.lists(st.one_of(st.just(0), st.floats(0, 0.9)), min_size=1, max_size=3),
    lrs=st.lists(st.one_of(st.just(1), st.floats(0.01, 1)), max_size=2),
)
outsourced_trials = st.builds(
    OutsourcedTrial,
    training=trainings,
    backdoor=backdoors,
    search=st.one_of(st.none(), searches),
    control=st.one_of(st.none(), st.builds(OutsourcedTrial, training=trainings)),
    target_accuracy=numbers,
    seed=st.integers(0, 2**63 - 1),
)
transfer_trials = st.builds(
    TransferTrial,
    kind=st.just("transfer"),
    start=outsourced_trials,
    freeze=st.sampled_from(["none", "all-but-head", ("conv1",), ("conv1", "conv2")]),
    share=st.one_of(st.just(1), st.floats(0.01, 1)),
    attack=st.one_of(st.none(), st.builds(Attack, trigger=triggers)),
)
trials = st.one_of(outsourced_trials, transfer_trials)


@settings(max_examples=60)
@given(trial=trials)
def test_a_trial_comes_back_from_json_with_the_same_name(trial: Trial) -> None:
    again = TRIAL.validate_json(trial.model_dump_json())
    assert again == trial and again.name == trial.name
    assert TRIAL.validate_python(trial.model_dump()).name == trial.name
    assert trial.model_copy(update={"target_accuracy": 0.995}).name != trial.name
