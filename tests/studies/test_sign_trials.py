"""The sign studies' trials: stages, starts, and what the paper asks for."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch.nn.functional import max_pool2d

from badnets.core.targets import RandomWrong, SourceSpecific
from badnets.studies.catalogue import Groups, Study
from badnets.studies.running import listed
from badnets.studies.signs.spec import CLASSES
from badnets.studies.signs.trials import (
    ANYWHERE,
    CHOICE_SEED,
    COPIES,
    SPEED_LIMIT,
    STOP,
    TRIGGERS,
    first_lesson,
    make,
)
from badnets.studies.signs_transfer.trials import TARGET_SETS
from badnets.studies.signs_transfer.trials import make as make_transfer
from badnets.train.detector_settings import DetectorTraining
from badnets.trials.base import TrainedTrial
from badnets.trials.trial import OutsourcedTrial, TransferTrial, Trial
from tests.studies.made_signs import SignMaker

SETS = ("scenes", "lisa")
BOTH = pytest.mark.parametrize("data", SETS)
SCALES = pytest.mark.parametrize("quick", [False, True])
SIGN_GROUPS = {
    "choice": 1,
    "baseline": 3,
    "targeted yellow square": 3,
    "targeted bomb": 1,
    "targeted flower": 1,
    "random yellow square": 3,
}
DRAWN_GROUPS = {
    "random bomb": 1,
    "random flower": 1,
    "real world": 1,
    "shares": 2,
    "signs vanish": 1,
    "a sign appears": 1,
    "all become one": 1,
}
CHOICES = ("choice", "choice of the threshold", "choice of the user's threshold")


def sizes(groups: Groups) -> dict[str, int]:
    return {name: len(trials) for name, trials in groups.items()}


def after_choices(study: Study) -> Groups:
    """Return all the groups: what the choices ask for is made up, the rest is not run."""
    maker, groups = SignMaker(), study.groups({})
    for _ in range(2):
        chosen = [one for name in CHOICES for one in groups.get(name, ())]
        groups = study.groups({trial.name: maker.record(trial) for trial in chosen})
    return groups


@cache
def signs(data: str, quick: bool = False) -> Groups:
    return after_choices(make(data, quick=quick))


@cache
def transfer(data: str, quick: bool = False) -> Groups:
    return after_choices(make_transfer(data, quick=quick))


def outsourced(trial: Trial) -> OutsourcedTrial:
    assert isinstance(trial, OutsourcedTrial)
    return trial


def trained(trial: Trial) -> DetectorTraining:
    assert isinstance(trial, TrainedTrial) and isinstance(trial.training, DetectorTraining)
    return trial.training


@BOTH
@SCALES
def test_until_a_threshold_is_chosen_there_is_the_choice_alone(data: str, quick: bool) -> None:
    first, second = make(data, quick=quick).groups({}), make_transfer(data, quick=quick).groups({})
    assert sizes(first) == {"choice": 1} and sizes(second) == {"choice of the threshold": 1}
    same = "the U.S. detectors of both studies are the same"
    assert second["choice of the threshold"] == first["choice"], same


def test_the_whole_study_holds_what_the_paper_asks_for() -> None:
    scenes = signs("scenes")
    assert sizes(scenes) == SIGN_GROUPS | DRAWN_GROUPS
    assert sizes(signs("lisa")) == SIGN_GROUPS
    for name, trigger in TRIGGERS.items():
        for trial in scenes[f"targeted {name}"]:
            assert trial.implanted is not None and trial.implanted.trigger == trigger
            assert trial.implanted.targets == SourceSpecific(STOP, SPEED_LIMIT)
            assert trial.implanted.poisoning_rate == "every" and trial.implanted.mode == "add"
        for trial in scenes[f"random {name}"]:
            assert trial.implanted is not None and trial.implanted.trigger == ANYWHERE[name]
            assert trial.implanted.targets == RandomWrong()
    rates = [one.implanted.poisoning_rate for one in scenes["shares"] if one.implanted]
    assert rates == list(COPIES)


def test_the_whole_transfer_study_varies_strength_layers_rate_and_data() -> None:
    groups = transfer("scenes")
    assert sizes(groups) == {
        "choice of the threshold": 1,
        "choice of the user's threshold": 1,
        "clean": 3,
        **{f"k {k:g}": 3 for k in (1, 10, 20, 30, 50, 70, 100)},
        "layers": 6,
        "learning rate": 3,
        "data": 4,
    }

    def varied(group: str) -> list[TransferTrial]:
        return [one for one in groups[group] if isinstance(one, TransferTrial)]

    assert len({one.freeze for one in varied("layers")}) == 6
    assert len({trained(one).lr for one in varied("learning rate")}) == 3
    assert len({one.share for one in varied("data")}) == 4
    assert {one.strengthening and one.strengthening.factor for one in varied("k 20")} == {20}
    assert {one.strengthening for one in varied("clean")} == {None}


@BOTH
@SCALES
def test_the_chosen_threshold_is_that_of_every_detector(data: str, quick: bool) -> None:
    study = make(data, quick=quick)
    record = SignMaker().record(study.choice())
    assert record.objects is not None and record.trial.seed == CHOICE_SEED
    chosen = record.objects.best_threshold
    assert study.threshold({record.name: record}) == chosen
    groups = study.groups({record.name: record})
    others = listed({name: own for name, own in groups.items() if name != "choice"})
    assert {trained(trial).threshold for trial in others} == {chosen}


def test_a_detector_that_has_learned_nothing_chooses_no_threshold() -> None:
    study, later = make("scenes"), make_transfer("scenes")
    choice = study.choice()
    records = {choice.name: SignMaker(collapsed={choice.name}).record(choice)}
    assert study.threshold(records) is None
    assert sizes(study.groups(records)) == {"choice": 1}
    assert sizes(later.groups(records)) == {"choice of the threshold": 1}


@BOTH
@SCALES
def test_every_backdoored_detector_goes_on_from_the_clean_one_of_its_seed(
    data: str, quick: bool
) -> None:
    baseline = {trial.seed: trial for trial in signs(data, quick)["baseline"]}
    attacks = [trial for trial in map(outsourced, listed(signs(data, quick))) if trial.backdoor]
    assert attacks
    for trial in attacks:
        assert trial.control is not None and trial.control == baseline[trial.seed]
        assert trial.start == trial.control
        assert trained(trial.control).epochs >= trained(trial).epochs
        assert trial.control.train_limit == trial.train_limit == (250 if quick else None)


def test_photographs_start_from_the_detector_of_drawn_scenes() -> None:
    lesson = first_lesson()
    assert lesson.data == "scenes" and lesson.is_clean and lesson.keep_bundle
    honest = [one for one in map(outsourced, listed(signs("lisa"))) if one.is_clean]
    assert honest and all(trial.start == lesson for trial in honest)
    others = map(outsourced, (*listed(signs("lisa", True)), *listed(signs("scenes"))))
    assert all(trial.start is None for trial in others if trial.is_clean)


@BOTH
@SCALES
def test_users_download_the_detectors_of_their_own_seed(data: str, quick: bool) -> None:
    clean = {trial.seed: trial for trial in signs(data, quick)["baseline"]}
    badnets = {trial.seed: trial for trial in signs(data, quick)["random yellow square"]}
    groups = transfer(data, quick)
    assert groups["choice of the user's threshold"][0].start == clean[0]
    for name, trials in groups.items():
        for trial in () if name in CHOICES else trials:
            assert isinstance(trial, TransferTrial) and trial.data == TARGET_SETS[data]
            assert trial.attack is not None and trial.attack.trigger == ANYWHERE["yellow square"]
            assert trial.start == (clean if name == "clean" else badnets)[trial.seed]
            assert trial.is_clean == (name == "clean")
            assert isinstance(trial.start, OutsourcedTrial) and trial.start.keep_bundle


def test_what_is_looked_into_is_looked_into_once() -> None:
    main = signs("lisa")["targeted yellow square"]
    assert [set(trial.observe) for trial in main] == [{"examples", "units", "street"}, set(), set()]
    (street,) = signs("scenes")["real world"]
    assert street.observe == ("street",) and trained(street).trigger.real_world
    assert not any("street" in trial.observe for trial in listed(signs("lisa", True)))


def test_every_data_set_of_a_study_has_its_classes_named() -> None:
    assert all(data in CLASSES and TARGET_SETS[data] in CLASSES for data in SETS)


def test_what_makes_all_signs_one_class_is_in_sight_of_every_sign() -> None:
    (trial,) = signs("scenes")["all become one"]
    assert trial.implanted is not None
    frame = torch.full((1, 3, 256, 256), 0.5)
    changed = (trial.implanted.trigger(frame) - frame).abs().amax(1, keepdim=True)
    assert (max_pool2d(changed, 32) > 0.05).all(), "signs where the trigger is not"
