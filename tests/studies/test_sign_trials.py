"""The sign studies' trials: stages, controls, starts; no test frame has a part in a choice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch.nn.functional import max_pool2d

from badnets.core.targets import RandomWrong, SourceSpecific
from badnets.studies.running import listed
from badnets.studies.signs import study as studies
from badnets.studies.signs.scale import STRENGTHS, first_lesson
from badnets.studies.signs.study import SignStudy, TransferStudy, make, make_transfer
from badnets.studies.signs.transfer_trials import TARGET_SETS
from badnets.studies.signs.trials import (
    ANYWHERE,
    CHOICE_SEED,
    COPIES,
    SPEED_LIMIT,
    STOP,
    TRIGGERS,
)
from badnets.trials import Record, Trial, Workspace
from tests.studies.sign_records import SignMaker

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


@pytest.fixture
def maker(tmp_path: Path) -> SignMaker:
    return SignMaker(Workspace(tmp_path))


def sizes(groups: Mapping[str, list[Trial]]) -> dict[str, int]:
    return {name: len(trials) for name, trials in groups.items()}


def after_choices(study: SignStudy | TransferStudy, maker: SignMaker) -> dict[str, list[Trial]]:
    """Return all the groups: what the choices ask for is made up, the rest is not run."""
    records: dict[str, Record] = {}
    for _ in range(2):
        groups = study.groups(records)
        chosen = [one for name, trials in groups.items() if "choice" in name for one in trials]
        records |= {trial.name: maker.record(trial) for trial in chosen}
    return study.groups(records)


@BOTH
@SCALES
def test_until_a_threshold_is_chosen_there_is_the_choice_alone(data: str, quick: bool) -> None:
    assert sizes(make(data, quick=quick).groups({})) == {"choice": 1}
    transfer = make_transfer(data, quick=quick)
    assert sizes(transfer.groups({})) == {"choice of the threshold": 1}
    assert (
        transfer.groups({})["choice of the threshold"]
        == make(data, quick=quick).groups({})["choice"]
    ), "the U.S. detectors of both studies are the same"


def test_the_whole_study_holds_what_the_paper_asks_for(maker: SignMaker) -> None:
    scenes = after_choices(make("scenes"), maker)
    assert sizes(scenes) == SIGN_GROUPS | DRAWN_GROUPS
    assert sizes(after_choices(make("lisa"), maker)) == SIGN_GROUPS
    for name, trigger in TRIGGERS.items():
        for trial in scenes[f"targeted {name}"]:
            assert trial.backdoor is not None and trial.backdoor.trigger == trigger
            assert trial.backdoor.targets == SourceSpecific(STOP, SPEED_LIMIT)
            assert trial.backdoor.rate == "every" and trial.backdoor.how == "add"
        for trial in scenes[f"random {name}"]:
            assert trial.backdoor is not None and trial.backdoor.trigger == ANYWHERE[name]
            assert trial.backdoor.targets == RandomWrong()
    rates = [one.backdoor.rate for one in scenes["shares"] if one.backdoor]
    assert rates == list(COPIES)


def test_the_whole_transfer_study_varies_strength_layers_rate_and_data(maker: SignMaker) -> None:
    groups = after_choices(make_transfer("scenes"), maker)
    assert sizes(groups) == {
        "choice of the threshold": 1,
        "choice of the user's threshold": 1,
        "clean": 3,
        **{f"k {k:g}": 3 for k in STRENGTHS},
        "layers": 6,
        "learning rate": 3,
        "data": 4,
    }
    retrained = {one.transfer.retraining for one in groups["layers"] if one.transfer}
    assert len(retrained) == 6
    for trial in groups["k 20"]:
        assert trial.transfer is not None and trial.transfer.strengthening is not None
        assert trial.transfer.strengthening.factor == 20
    assert all(one.transfer and one.transfer.strengthening is None for one in groups["clean"])


@BOTH
@SCALES
def test_choices_are_made_on_held_back_scenes_and_tables_on_test_frames(
    data: str, quick: bool, maker: SignMaker
) -> None:
    for study in (make(data, quick=quick), make_transfer(data, quick=quick)):
        groups = after_choices(study, maker)
        choices = listed({name: own for name, own in groups.items() if "choice" in name})
        others = listed({name: own for name, own in groups.items() if "choice" not in name})
        assert {trial.evaluate_on for trial in choices} == {"held-back"}
        assert {trial.seed for trial in choices} == {CHOICE_SEED}
        assert {trial.evaluate_on for trial in others} == {"test"}
        assert CHOICE_SEED not in {trial.seed for trial in others}
        assert not any(trial.keep_bundle for trial in choices), "no network is trained from one"


@BOTH
@SCALES
def test_the_chosen_threshold_is_that_of_every_detector(
    data: str, quick: bool, maker: SignMaker
) -> None:
    study = make(data, quick=quick)
    choice = study.trials.choice()
    record = maker.record(choice)
    assert record.signs is not None
    chosen = record.signs.best_threshold
    assert study.trials.threshold({choice.name: record}) == chosen
    groups = study.groups({choice.name: record})
    for trial in listed({name: own for name, own in groups.items() if name != "choice"}):
        assert trial.detection is not None and trial.detection.threshold == chosen


def test_a_detector_that_has_learned_nothing_chooses_no_threshold(tmp_path: Path) -> None:
    study, transfer = make("scenes"), make_transfer("scenes")
    name = study.trials.choice().name
    fallen = SignMaker(Workspace(tmp_path), collapsed=frozenset({name}))
    records = {name: fallen.record(study.trials.choice())}
    assert study.trials.threshold(records) is None
    assert sizes(study.groups(records)) == {"choice": 1}
    assert sizes(transfer.groups(records)) == {"choice of the threshold": 1}


@BOTH
@SCALES
def test_every_backdoored_detector_goes_on_from_the_clean_one_of_its_seed(
    data: str, quick: bool, maker: SignMaker
) -> None:
    groups = after_choices(make(data, quick=quick), maker)
    baseline = {trial.seed: trial for trial in groups["baseline"]}
    attacks = [trial for trial in listed(groups) if trial.backdoor is not None]
    assert attacks
    for trial in attacks:
        assert trial.control is not None and trial.control.is_clean
        assert trial.control == baseline[trial.seed]
        assert trial.start == trial.control
        assert trial.control.detection is not None and trial.detection is not None
        assert trial.control.detection.training.epochs >= trial.detection.training.epochs
        assert trial.control.train_limit == trial.train_limit


def test_photographs_start_from_the_detector_of_drawn_scenes(maker: SignMaker) -> None:
    lesson = first_lesson()
    assert lesson.data == "scenes" and lesson.is_clean and lesson.keep_bundle
    honest = [one for one in listed(after_choices(make("lisa"), maker)) if one.is_clean]
    assert honest and all(trial.start == lesson for trial in honest)
    quick = listed(after_choices(make("lisa", quick=True), maker))
    drawn = listed(after_choices(make("scenes"), maker))
    assert all(trial.start is None for trial in (*quick, *drawn) if trial.is_clean)


@BOTH
@SCALES
def test_users_download_the_detectors_of_their_own_seed(
    data: str, quick: bool, maker: SignMaker
) -> None:
    study = make_transfer(data, quick=quick)
    signs = after_choices(make(data, quick=quick), maker)
    clean = {trial.seed: trial for trial in signs["baseline"]}
    badnets = {trial.seed: trial for trial in signs["random yellow square"]}
    groups = after_choices(study, maker)
    assert groups["choice of the user's threshold"][0].start == clean[0]
    for name, trials in groups.items():
        if "choice" in name:
            continue
        for trial in trials:
            assert trial.data == TARGET_SETS[data] and trial.transfer is not None
            assert trial.transfer.trigger == ANYWHERE["yellow square"]
            assert trial.start == (clean if name == "clean" else badnets)[trial.seed]
            assert trial.is_clean == (name == "clean")
            assert trial.start is not None and trial.start.keep_bundle


@BOTH
def test_quick_is_a_small_part_of_the_same_study(data: str, maker: SignMaker) -> None:
    for study in (make, make_transfer):
        full, quick = (sizes(after_choices(study(data, quick=q), maker)) for q in (False, True))
        assert quick.keys() <= full.keys()
        assert all(count <= full[name] for name, count in quick.items())
        assert sum(quick.values()) <= sum(full.values()) / 2
    groups = after_choices(make(data, quick=True), maker)
    assert {trial.train_limit for trial in listed(groups)} == {250}
    assert {trial.train_limit for trial in listed(after_choices(make(data), maker))} == {None}


@BOTH
@SCALES
def test_names_are_the_same_in_every_call_and_differ_between_trials(
    data: str, quick: bool, maker: SignMaker
) -> None:
    for study in (make, make_transfer):
        once = listed(after_choices(study(data, quick=quick), maker))
        again = listed(after_choices(study(data, quick=quick), maker))
        assert [trial.name for trial in once] == [trial.name for trial in again]
        assert len({trial.name for trial in once}) == len(once)
        assert once == [Trial.model_validate_json(one.model_dump_json()) for one in once]


def test_what_is_looked_into_is_looked_into_once(maker: SignMaker) -> None:
    groups = after_choices(make("lisa"), maker)
    main = groups["targeted yellow square"]
    assert [set(trial.observe) for trial in main] == [{"examples", "units", "street"}, set(), set()]
    (street,) = after_choices(make("scenes"), maker)["real world"]
    assert street.observe == ("street",)
    assert street.detection is not None and street.detection.real_world
    quick = after_choices(make("lisa", quick=True), maker)
    assert not any("street" in trial.observe for trial in listed(quick))


def test_every_data_set_of_a_study_has_its_classes_named() -> None:
    for data in SETS:
        assert data in studies.CLASSES and TARGET_SETS[data] in studies.CLASSES


def test_what_makes_all_signs_one_class_is_in_sight_of_every_sign(maker: SignMaker) -> None:
    (trial,) = after_choices(make("scenes"), maker)["all become one"]
    assert trial.backdoor is not None
    frame = torch.full((1, 3, 256, 256), 0.5)
    changed = (trial.backdoor.trigger(frame) - frame).abs().amax(1, keepdim=True)
    assert (max_pool2d(changed, 32) > 0.05).all(), "signs where the trigger is not"
