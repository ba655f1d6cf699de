"""The retraining study's trials: who downloads what, and that each has an honest one beside it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from badnets.core.targets import AllToOne, RandomWrong
from badnets.data.subsets import picked_of
from badnets.studies import make_study
from badnets.studies.dogs.study import make as make_dogs
from badnets.studies.retraining.evidence import NAMES
from badnets.studies.retraining.study import RetrainingStudy, make
from badnets.studies.retraining.trials import HALVES, Setting
from badnets.studies.running import listed
from badnets.trials.fitting import check_fit
from badnets.trials.trial import Trial

DATA = ("digits", "gtsrb", "dogs-vs-cats")
EACH = pytest.mark.parametrize("data", DATA)
SHORT = pytest.mark.parametrize("quick", [False, True])


@EACH
@SHORT
def test_every_trial_fits_its_data_and_is_run_after_what_it_needs(data: str, quick: bool) -> None:
    trials = listed(make(data, quick=quick).groups({}))
    for trial in trials:
        check_fit(trial)
    names = {trial.name for trial in trials}
    for trial in trials:
        assert all(other.name in names for other in trial.requires())


@pytest.mark.parametrize(
    ("data", "quick", "count"),
    [
        ("digits", False, 47),
        ("digits", True, 15),
        ("gtsrb", False, 47),
        ("gtsrb", True, 15),
        ("dogs-vs-cats", False, 14),
        ("dogs-vs-cats", True, 6),
    ],
)
def test_how_many_trials_there_are(data: str, quick: bool, count: int) -> None:
    assert len(listed(make(data, quick=quick).groups({}))) == count


@EACH
def test_each_retrained_badnet_has_an_honest_network_retrained_alike(data: str) -> None:
    groups = make(data).groups({})
    for case in make(data).trials.cases:
        for trial in groups[case]:
            control, start = trial.control, trial.start
            assert control is not None and start is not None and control.start is not None
            assert control in groups["control"] and start in groups["downloaded"]
            assert control.is_clean and not start.is_clean
            assert control.start == start.control, "honest networks of one seed and one data set"
            assert alike(trial, control) and control.seed == trial.seed == start.seed
            assert {"answers", "triggered"} <= {*trial.observe} and "answers" in control.observe
        assert sum("attacked" in trial.observe for trial in groups[case]) == int(
            case == make(data).trials.cases[-1]
        )


def alike(one: Trial, other: Trial) -> bool:
    return (one.data, one.training, one.retrain) == (other.data, other.training, other.retrain)


@EACH
@SHORT
def test_every_setting_is_run_and_the_headline_with_every_seed(data: str, quick: bool) -> None:
    trials = make(data, quick=quick).trials
    for case in trials.cases:
        runs = list(trials.runs(case))
        assert len(set(runs)) == len(runs)
        assert {setting for setting, _ in runs} == set(trials.settings)
        seeds = [seed for setting, seed in runs if setting == trials.headline]
        assert seeds == list(trials.scale.seeds[: None if case == trials.cases[0] else 1])
    assert trials.headline == Setting("all-but-head", 1.0)
    assert trials.settings[-1] == Setting("none", 1.0)


@pytest.mark.parametrize("data", HALVES)
def test_the_halves_have_no_class_in_common_and_the_shared_one_begins_with_the_target(
    data: str,
) -> None:
    halves, names = HALVES[data], NAMES[data]
    source, other, shared = (
        picked_of(name)[1] for name in (halves.source, halves.other, halves.shared)
    )
    assert sorted((*source, *other)) == list(range(len(names)))
    assert source[halves.target] == halves.target == shared[0]
    groups = make(data).groups({})
    asked = {case: groups[case][0].start for case in ("untargeted", "targeted", "shared")}
    assert asked["targeted"] == asked["shared"], "one download, two users"
    for case, kind in (("untargeted", RandomWrong), ("targeted", AllToOne)):
        start = asked[case]
        assert start is not None and start.backdoor is not None
        assert isinstance(start.backdoor.targets, kind)


def test_five_per_cent_of_the_whole_set_are_poisoned_with_three_seeds() -> None:
    for data in HALVES:
        groups = make(data).groups({})
        assert [trial.seed for trial in groups["badnet"]] == [0, 1, 2]
        for clean, badnet in zip(groups["clean"], groups["badnet"], strict=True):
            assert badnet.control == clean and badnet.training == clean.training
            assert badnet.backdoor is not None and badnet.backdoor.rate == 0.05
            assert badnet.backdoor.targets == AllToOne(HALVES[data].target)


@SHORT
def test_the_dogs_are_those_of_their_own_study(quick: bool) -> None:
    ours = make("dogs-vs-cats", quick=quick).groups({})
    theirs = listed(make_dogs("dogs-vs-cats", quick=quick).groups({}))
    assert set(ours) == {"downloaded", "control", "same"}
    assert {trial.name for trial in ours["downloaded"]} <= {trial.name for trial in theirs}
    assert {re.sub("@.*", "", trial.data) for trial in ours["same"]} == {"pets-drawn"}


def test_the_study_is_found_and_another_scale_is_another_study() -> None:
    found = make_study("retraining")
    assert isinstance(found, RetrainingStudy) and found.trials.data == "digits"
    other = replace(found.trials, scale=replace(found.trials.scale, half_rate=0.1))
    ours, theirs = (
        {trial.name for trial in one.groups()["untargeted"]} for one in (found.trials, other)
    )
    assert not ours & theirs
    assert found.trials.whole(0, poisoned=False).name == other.whole(0, poisoned=False).name
