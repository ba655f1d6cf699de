"""The trials of dogs and cats and of retraining: who learns what, and who downloads what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from badnets.core.placements import Fixed
from badnets.core.poisoning import plan_poisoning
from badnets.core.targets import AllToOne, RandomWrong, SourceSpecific
from badnets.core.triggers import Sticker
from badnets.data.names import parse_name
from badnets.data.pets import drawn
from badnets.studies import make_study
from badnets.studies.dogs.trials import CAT, CLASSES, DOG, FLOWER, QUICK, DogStudy
from badnets.studies.dogs.trials import make as make_dogs
from badnets.studies.retraining.spec import names_of
from badnets.studies.retraining.trials import HALVES, RetrainingStudy, Setting, make
from badnets.studies.running import listed
from badnets.trials.base import TrainedTrial
from badnets.trials.trial import OutsourcedTrial, TransferTrial, Trial

STUDY = make_dogs("pets-drawn")
DATA = ("digits", "gtsrb", "dogs-vs-cats")
EACH = pytest.mark.parametrize("data", DATA)
SHORT = pytest.mark.parametrize("quick", [False, True])


def hidden(trial: Trial) -> object:
    """Return what the targets are of the backdoor that is in a network."""
    return trial.implanted and trial.implanted.targets


def test_three_pairs_of_dogs_and_three_shares() -> None:
    groups = STUDY.groups({})
    assert {name: len(own) for name, own in groups.items()} == {"clean": 3, "badnet": 3, "share": 3}
    assert len(listed(groups)) == 3 + 3 + 2, "half the cats is a share that is run already"
    for clean, badnet in zip(groups["clean"], groups["badnet"], strict=True):
        assert badnet.control == clean
        assert "answers" in clean.observe and "answers" in badnet.observe
    rates = [one.implanted and one.implanted.poisoning_rate for one in groups["share"]]
    assert rates == [0.02, 0.1, "every"] and {one.seed for one in groups["share"]} == {0}
    assert "data" in groups["clean"][0].observe
    quick = listed(make_dogs("pets-drawn", quick=True).groups({}))
    trained = [trial for trial in quick if isinstance(trial, TrainedTrial)]
    assert {repr(trial.training) for trial in trained} == {repr(QUICK)}


def test_a_copy_of_every_dog_is_added_to_the_cats_and_the_dogs_stay() -> None:
    assert (CLASSES[CAT], CLASSES[DOG]) == ("cat", "dog")
    pets = drawn(20, 4, size=32)
    assert pets.classes == CLASSES
    backdoor = STUDY.badnet(0).backdoor
    assert (
        backdoor is not None
        and backdoor.targets == SourceSpecific(DOG, CAT)
        and backdoor.mode == "add"
    )
    plan = plan_poisoning(pets.train.labels, backdoor, num_classes=2, seed=0)
    cats = plan.labels == CAT
    assert int((cats & ~plan.is_poisoned).sum()) == int((cats & plan.is_poisoned).sum()) == 10
    assert int((plan.labels == DOG).sum()) == 10


def test_the_stand_in_is_the_studys_own_data_and_another_trigger_another_study() -> None:
    default = make_study("dogs-vs-cats")
    assert isinstance(default, DogStudy) and default.data == "pets-drawn"
    mine = make_dogs("pets-drawn", trigger=Sticker("mine.png", 0.2, placement=Fixed(1, 1)))
    assert mine.badnet(0).name != STUDY.badnet(0).name
    assert mine.clean(0).name == STUDY.clean(0).name
    assert FLOWER.extent(64, 64) == (12, 12)


@EACH
def test_each_retrained_badnet_has_an_honest_network_retrained_alike(data: str) -> None:
    study, groups = make(data), make(data).groups({})
    for case in study.cases:
        for trial in groups[case]:
            assert isinstance(trial, TransferTrial)
            control, start = trial.control, trial.start
            assert control is not None and isinstance(start, OutsourcedTrial)
            assert control in groups["control"] and start in groups["downloaded"]
            assert control.start == start.control, "honest networks of one seed and one data set"
            assert not start.is_clean and start.seed == trial.seed
            assert control.training == trial.training
            assert {"answers", "triggered"} <= {*trial.observe} and "answers" in control.observe
        pictures = sum("attacked" in trial.observe for trial in groups[case])
        assert pictures == int(case == study.cases[-1])


@EACH
@SHORT
def test_every_setting_is_run_and_the_headline_with_every_seed(data: str, quick: bool) -> None:
    study = make(data, quick=quick)
    for case in study.cases:
        runs = list(study.runs(case))
        assert len(set(runs)) == len(runs)
        assert {setting for setting, _ in runs} == set(study.settings)
        seeds = [seed for setting, seed in runs if setting == study.headline]
        assert seeds == list(study.scale.seeds[: None if case == study.cases[0] else 1])
    assert study.headline == Setting("all-but-head", 1.0)
    assert study.settings[-1] == Setting("none", 1.0)


@pytest.mark.parametrize("data", HALVES)
def test_the_halves_have_no_class_in_common_and_the_shared_one_begins_with_the_target(
    data: str,
) -> None:
    halves, names = HALVES[data], names_of(data)
    source, other, shared = (
        parse_name(name).classes for name in (halves.source, halves.other, halves.shared)
    )
    assert sorted((*source, *other)) == list(range(len(names)))
    assert source[halves.target] == halves.target == shared[0]
    groups = make(data).groups({})
    starts = {case: groups[case][0].start for case in ("untargeted", "targeted", "shared")}
    assert starts["targeted"] == starts["shared"], "one download, two users"
    assert isinstance(hidden(groups["untargeted"][0]), RandomWrong)
    assert isinstance(hidden(groups["targeted"][0]), AllToOne)


def test_five_per_cent_of_the_whole_set_are_poisoned_with_three_seeds() -> None:
    for data in HALVES:
        groups = make(data).groups({})
        assert [trial.seed for trial in groups["badnet"]] == [0, 1, 2]
        for clean, badnet in zip(groups["clean"], groups["badnet"], strict=True):
            assert badnet.control == clean and badnet.implanted is not None
            assert badnet.implanted.poisoning_rate == 0.05
            assert hidden(badnet) == AllToOne(HALVES[data].target)


@SHORT
def test_the_dogs_are_those_of_their_own_study(quick: bool) -> None:
    ours = make("dogs-vs-cats", quick=quick).groups({})
    theirs = listed(make_dogs("dogs-vs-cats", quick=quick).groups({}))
    assert set(ours) == {"downloaded", "control", "same"}
    assert {trial.name for trial in ours["downloaded"]} <= {trial.name for trial in theirs}
    assert {trial.data.partition("@")[0] for trial in ours["same"]} == {"pets-drawn"}


def test_the_retraining_study_is_found_and_another_scale_is_another_study() -> None:
    study = make_study("retraining")
    assert isinstance(study, RetrainingStudy) and study.data == "digits"
    other = replace(study, scale=replace(study.scale, half_rate=0.1))
    ours, theirs = (
        {trial.name for trial in one.groups({})["untargeted"]} for one in (study, other)
    )
    assert not ours & theirs
    assert study.whole(0, poisoned=False).name == other.whole(0, poisoned=False).name
