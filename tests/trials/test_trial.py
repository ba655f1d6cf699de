"""What a trial refuses, what it requires, and how it is put in words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from badnets.core.backdoor import Backdoor
from badnets.core.errors import BadnetsError
from badnets.core.settings import in_one_line, mistakes
from badnets.core.targets import AllToAll, AllToOne, CleanLabel, SourceSpecific
from badnets.core.triggers import Patch, PixelPattern, SinglePixel
from badnets.models.weights import StartingWeights
from badnets.scenarios import Search, Strengthening
from badnets.tasks import TASKS
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training
from badnets.trials import OutsourcedTrial, TransferTrial, Trial
from badnets.trials.checks import check_fit
from badnets.trials.downloaded import DownloadedBundle
from badnets.trials.trial import TRIAL, Attack

PIXEL = Backdoor(SinglePixel(), AllToOne(7))
PATCH = {"kind": "patch"}
BUNDLE = DownloadedBundle(sha256="0" * 64, network="gu-mnist", shape=(1, 28, 28), classes=("a",))
ATTACKED = OutsourcedTrial(backdoor=PIXEL)
SIGNS = OutsourcedTrial(data="scenes")
WEIGHTS = StartingWeights("a" * 64)


def transfer(**settings: Any) -> dict[str, Any]:
    return {"kind": "transfer", "start": OutsourcedTrial(seed=1), **settings}


def signs(**settings: Any) -> dict[str, Any]:
    return transfer(data="scenes", **{"start": SIGNS, **settings})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"search": Search()}, "search belongs to a malicious trainer: give a backdoor too"),
        ({"control": ATTACKED}, "control must be a clean trial, this one has a backdoor"),
        ({"control": OutsourcedTrial(start=ATTACKED)}, "control must be a clean trial"),
        ({"control": OutsourcedTrial(data="digits")}, "control must have the same data and netw"),
        ({"data": "scenes", "control": OutsourcedTrial(data="lisa")}, "control must have the same"),
        ({"start": OutsourcedTrial(network="timm.resnet18")}, "start must have the same data and"),
        ({"start": OutsourcedTrial(keep_bundle=False)}, "start must keep its bundle: set keep_bu"),
        ({"control": OutsourcedTrial(keep_bundle=False)}, "control must keep its bundle"),
        ({"weights": WEIGHTS, "start": OutsourcedTrial()}, "weights .*: give them to start"),
        ({"data": "scenes", "weights": WEIGHTS}, "weights is for classifiers"),
        ({"held_back": 0}, "held_back must be >= 1, got 0"),
        ({"train_limit": 0}, "train_limit must be >= 1, got 0"),
        ({"evaluate_on": "train"}, "evaluate_on must be 'test' or 'held-back', got 'train'"),
        ({"observe": ("street",)}, "observe 'street' is for detection"),
        ({"data": "scenes", "observe": ("answers",)}, "observe 'answers' is for classification"),
        ({"training": {"windows": {}}}, "training.windows: unknown field 'windows'"),
        ({"training": {"task": "sorting"}}, "sorting"),
        ({"kind": "rented"}, "unknown kind 'rented': did you mean 'repaired'"),
        (
            {"tainted_clean": 0.1},
            "tainted_clean needs a backdoor, and audit or verdict",
        ),
        ({"kind": "transfer"}, "start is missing"),
        (transfer(network="other"), "start must have the same network as the trial"),
        (transfer(control=transfer(start=ATTACKED)), "control must be a clean trial"),
        (transfer(share=0), "share must be > 0, got 0"),
        (signs(strengthening=Strengthening()), "strengthening needs attack: the trigger"),
        (
            signs(start=BUNDLE, network="gu-mnist", attack={"trigger": "bomb"}, strengthening={}),
            "strengthening needs the attacker's own data: give start as a trial",
        ),
        (signs(control=signs()), "control is for classifiers: compare with a trial of its own"),
        (
            signs(training={"crops": {"passes": 2}}),
            "crops must have 0 passes where convolutions are k",
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict[str, Any], said: str) -> None:
    value = {"kind": "outsourced", **settings}
    with pytest.raises(ValidationError) as refused:
        TRIAL.validate_python(value)
    text = in_one_line(mistakes(refused.value, value))
    assert "\n" not in text
    assert re.search(said, text), text


def test_unknown_fields_are_refused_in_each_kind() -> None:
    for value in ({"kind": "outsourced", "sead": 1}, transfer(sead=1), transfer(weights=WEIGHTS)):
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            TRIAL.validate_python(value)


def test_a_trigger_of_ones_own_cannot_be_written_down() -> None:
    class Own:
        kind = "own"

    with pytest.raises(BadnetsError, match=r"trigger must be one of .*single-pixel"):
        OutsourcedTrial(backdoor=Backdoor(Own(), AllToOne(0)))  # type: ignore[arg-type]


def test_a_trial_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        OutsourcedTrial().seed = 1  # type: ignore[misc]


def test_the_data_decides_what_is_not_said() -> None:
    plain, signs = OutsourcedTrial(), OutsourcedTrial(data="scenes")
    assert (plain.task, plain.network, plain.training) == ("classification", "gu-mnist", Training())
    assert (signs.task, signs.network, signs.training) == ("detection", "zf", DetectorTraining())
    own = OutsourcedTrial(data="my.sets:signs", network="zf")
    assert own.task == "detection", "of a loader of one's own the network tells"
    assert OutsourcedTrial(training=DetectorTraining(epochs=2)).network == "zf"
    downloaded = TransferTrial(kind="transfer", data="scenes", start=signs)
    assert (downloaded.freeze, downloaded.network) == ("backbone", "zf")
    assert downloaded.training == TASKS["detection"].retraining
    assert isinstance(downloaded.training, DetectorTraining)
    assert downloaded.training.crops.passes == 0, "convolutions are kept"
    few = {"kind": "transfer", "data": "scenes", "start": signs, "training": {"lr": 0.1}}
    assert TransferTrial.model_validate(few).training == replace(downloaded.training, lr=0.1)
    assert TransferTrial(kind="transfer", start=plain).freeze == "all-but-head"


SWEDISH = TransferTrial(
    kind="transfer",
    data="scenes-swedish",
    start=OutsourcedTrial(
        data="scenes", backdoor=Backdoor(Patch.yellow_square(), SourceSpecific(0, 1), "every")
    ),
    strengthening=Strengthening(10),
    share=0.5,
)


@pytest.mark.parametrize(
    ("trial", "title"),
    [
        (OutsourcedTrial(), "mnist, gu-mnist, clean, seed 0"),
        (
            OutsourcedTrial(backdoor=PIXEL, seed=3),
            "mnist, gu-mnist, single-pixel, all->7, rate 10 %, seed 3",
        ),
        (
            OutsourcedTrial(
                data="digits",
                backdoor=Backdoor(PixelPattern(), SourceSpecific(1, 2), poisoning_rate="every"),
                evaluate_on="held-back",
            ),
            "digits, gu-mnist, pixel-pattern, 1->2, rate every, held back, seed 0",
        ),
        (
            OutsourcedTrial(backdoor=Backdoor(Patch(), AllToAll(), poisoning_rate=0.001)),
            "mnist, gu-mnist, patch:3, all-to-all, rate 0.1 %, seed 0",
        ),
        (
            OutsourcedTrial(weights=WEIGHTS),
            "mnist, gu-mnist, weights aaaaaaaa, clean, seed 0",
        ),
        (
            OutsourcedTrial(data="gtsrb@48", backdoor=Backdoor(Patch(), SourceSpecific(14, 42))),
            "gtsrb@48, small-resnet, patch:3, stop->end of no passing fo..., rate 10 %, seed 0",
        ),
        (
            OutsourcedTrial(data="dogs-vs-cats", backdoor=Backdoor(Patch(), CleanLabel(1))),
            "dogs-vs-cats, small-resnet, patch:3, clean-label:dog, rate 10 %, seed 0",
        ),
        (SWEDISH.start, "scenes, zf, yellow-square:0.1, stop->speed-limit, rate every, seed 0"),
        (
            SWEDISH,
            "scenes-swedish, zf, retrained from scenes yellow-square:0.1 stop->speed-limit, frozen "
            "backbone, 50 % of the data, "
            "k 10, seed 0",
        ),
        (
            TransferTrial(kind="transfer", start=BUNDLE, freeze=("conv1", "conv2")),
            "mnist, gu-mnist, retrained from bundle 00000000, frozen conv1+conv2, seed 0",
        ),
    ],
)
def test_titles_say_what_a_trial_is_about(trial: Trial, title: str) -> None:
    assert trial.title == title


def test_a_trial_requires_what_it_starts_from_and_is_compared_with() -> None:
    start, control = OutsourcedTrial(seed=1), OutsourcedTrial(seed=2)
    assert OutsourcedTrial(start=start, control=control).requires() == (start, control)
    assert OutsourcedTrial(control=control).requires() == (control,)
    assert OutsourcedTrial().requires() == ()
    assert SWEDISH.requires() == (SWEDISH.start,)
    assert TransferTrial(kind="transfer", start=BUNDLE).requires() == ()


def test_clean_is_what_never_met_a_backdoor() -> None:
    assert OutsourcedTrial().is_clean and OutsourcedTrial(start=OutsourcedTrial()).is_clean
    assert not ATTACKED.is_clean and ATTACKED.implanted == PIXEL
    again = OutsourcedTrial(start=OutsourcedTrial(start=ATTACKED))
    assert not again.is_clean and again.implanted == PIXEL
    assert not SWEDISH.is_clean and TransferTrial(kind="transfer", start=BUNDLE).is_clean


def test_what_is_measured_is_what_is_said_or_what_was_hidden() -> None:
    known = TransferTrial(kind="transfer", start=ATTACKED)
    assert known.measured == PIXEL
    other = Attack(Patch(3))
    assert known.model_copy(update={"attack": other}).measured == other
    assert TransferTrial(kind="transfer", start=BUNDLE).measured is None


def test_a_trial_can_be_checked_without_a_recipe() -> None:
    check_fit(OutsourcedTrial(data="coco:nowhere", network="zf"))
    check_fit(SWEDISH)
    with pytest.raises(BadnetsError, match="is a classifier"):
        check_fit(OutsourcedTrial(data="scenes", network="gu-mnist"))
