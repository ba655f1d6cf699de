"""What holds of every study's trials: they fit, are named once, and choose on held-back data."""

from __future__ import annotations

import re
from functools import cache

import pytest

from badnets.core.errors import UnknownNameError
from badnets.data.catalogue import DATASETS, entry_of
from badnets.studies import STUDIES, make_study
from badnets.studies.audit.zoos import ZOOS
from badnets.studies.catalogue import Groups, Study
from badnets.studies.mnist.trials import MnistStudy
from badnets.studies.running import listed
from badnets.trials.base import TrainedTrial
from badnets.trials.checks import check_fit
from badnets.trials.trial import TRIAL, OutsourcedTrial, RepairedTrial, TransferTrial
from tests.studies.made_digits import DigitMaker
from tests.studies.made_pictures import DogMaker, RetrainingMaker
from tests.studies.made_records import Maker
from tests.studies.made_signs import SignMaker

MAKERS: dict[str, type[Maker]] = {
    "mnist": DigitMaker,
    "signs": SignMaker,
    "signs-transfer": SignMaker,
    "dogs-vs-cats": DogMaker,
    "retraining": RetrainingMaker,
    "audit": DigitMaker,
    "repair": DigitMaker,
    "defended": DigitMaker,
    "model-zoo": DigitMaker,
    "data-audit": DigitMaker,
}
SETS = [(name, data) for name, one in STUDIES.items() for data in (one.data, *one.alternatives)]
EACH = pytest.mark.parametrize(("name", "data"), SETS)
SHORT = pytest.mark.parametrize("quick", [False, True])
SIZES = {  # of the whole study and of the quick one, choices included
    ("mnist", "mnist"): (218, 16),
    ("mnist", "digits"): (212, 16),
    ("signs", "scenes"): (20, 6),
    ("signs", "lisa"): (12, 6),
    ("signs-transfer", "scenes"): (36, 5),
    ("signs-transfer", "lisa"): (36, 5),
    ("dogs-vs-cats", "pets-drawn"): (8, 4),
    ("dogs-vs-cats", "dogs-vs-cats"): (8, 4),
    ("retraining", "digits"): (47, 15),
    ("retraining", "gtsrb"): (47, 15),
    ("retraining", "dogs-vs-cats"): (14, 6),
    ("audit", "digits"): (397, 44),
    ("audit", "mnist"): (394, 44),
    ("audit", "gtsrb"): (54, 22),
    ("audit", "cifar10-jpeg"): (44, 17),
    ("audit", "dogs-vs-cats"): (44, 17),
    ("audit", "dogs-imagenet"): (44, 17),
    ("audit", "digits-vit"): (40, 20),
    ("repair", "digits"): (351, 12),
    ("repair", "mnist"): (351, 12),
    ("repair", "gtsrb"): (351, 12),
    ("repair", "cifar10-jpeg"): (72, 12),
    ("repair", "dogs-vs-cats"): (144, 12),
    ("defended", "digits"): (195, 6),
    ("defended", "mnist"): (195, 6),
    ("defended", "gtsrb"): (205, 6),
    ("defended", "cifar10-jpeg"): (50, 6),
    ("defended", "dogs-vs-cats"): (90, 6),
    ("model-zoo", "digits"): (13, 5),
    ("model-zoo", "gtsrb"): (13, 5),
    ("data-audit", "all"): (29, 8),
    ("data-audit", "digits"): (7, 2),
}


study_of = cache(make_study)


@cache
def groups_of(name: str, data: str, quick: bool) -> Groups:
    """Return all groups: what the choices ask for is made up."""
    maker, size = MAKERS[name](), -1
    groups: Groups = {}
    study = study_of(name, data, quick=quick)
    while len(groups) > size:
        size = len(groups)
        choices = [own for group, own in groups.items() if "choice" in group]
        records = {one.name: maker.record(one) for own in choices for one in own}
        groups = study.groups(records)
    return groups


@EACH
@SHORT
def test_every_trial_fits_its_data_and_is_named_once(name: str, data: str, quick: bool) -> None:
    trials = listed(groups_of(name, data, quick))
    assert len(trials) == SIZES[name, data][quick]
    names = {trial.name for trial in trials}
    assert len(names) == len(trials)
    for trial in trials:
        if not getattr(trial, "weights", None):  # a file that has to be there
            check_fit(trial)
        assert TRIAL.validate_json(trial.model_dump_json()) == trial
    first = make_study(name, data, quick=quick).groups({})
    assert {group: [one.name for one in own] for group, own in first.items()} == {
        group: [one.name for one in study_of(name, data, quick=quick).groups({})[group]]
        for group in first
    }
    if name not in ("signs", "signs-transfer"):  # theirs start from networks of other studies
        assert all(other.name in names for trial in trials for other in trial.requires())


@EACH
@SHORT
def test_choices_are_made_on_held_back_examples_and_tables_on_the_test_set(
    name: str, data: str, quick: bool
) -> None:
    groups = groups_of(name, data, quick)
    choices = listed({group: own for group, own in groups.items() if "choice" in group})
    others = listed({group: own for group, own in groups.items() if "choice" not in group})
    assert {trial.evaluate_on for trial in choices} <= {"held-back"}
    assert {trial.evaluate_on for trial in others} == {"test"}
    assert not {trial.seed for trial in choices} & {trial.seed for trial in others}
    assert not any(trial.keep_bundle for trial in choices), "no network is trained from one"


@EACH
@SHORT
def test_every_control_is_a_clean_network_of_the_same_order(
    name: str, data: str, quick: bool
) -> None:
    for trial in listed(groups_of(name, data, quick)):
        control = trial.control
        if control is None:
            continue
        if isinstance(trial, RepairedTrial):
            assert control.implanted is None and trial.implanted is not None
            continue
        assert isinstance(control, TrainedTrial) and isinstance(trial, TrainedTrial)
        assert control.is_clean and not trial.is_clean and control.seed == trial.seed
        assert (control.data, control.network) == (trial.data, trial.network)
        if isinstance(trial, TransferTrial) and isinstance(control, TransferTrial):
            assert (control.freeze, control.share) == (trial.freeze, trial.share)
        if trial.task == "classification":
            assert control.training == trial.training, "nothing but the data differs"


@EACH
def test_quick_is_a_small_part_of_the_same_study(name: str, data: str) -> None:
    full, quick = (groups_of(name, data, quick) for quick in (False, True))
    assert quick.keys() <= full.keys() and all(quick.values())
    assert len(listed(quick)) <= len(listed(full)) / 2


@EACH
@SHORT
def test_a_plan_names_every_group_from_the_start(name: str, data: str, quick: bool) -> None:
    planned, known = study_of(name, data, quick=quick).plan(), groups_of(name, data, quick)
    assert {group: len(own) for group, own in planned.items()} == {
        group: len(own) for group, own in known.items()
    }


@EACH
@SHORT
def test_a_study_runs_on_the_data_it_was_asked_for(name: str, data: str, quick: bool) -> None:
    if data == "all":
        return
    wanted = re.split(r"[@\[]", ZOOS[data].data if name in ("audit", "repair") else data)[0]
    assert wanted in DATASETS
    first = {
        re.split(r"[@\[]", trial.data)[0]
        for trial in listed(groups_of(name, data, quick))
        if isinstance(trial, OutsourcedTrial) and name != "signs-transfer"
        if (name, trial.task) != ("model-zoo", "detection")  # any detector: none is audited
    }
    assert first <= {wanted}, "pictures may be small ones, or of some classes"
    if name == "dogs-vs-cats":
        shapes = {entry_of(trial.data).shape for trial in listed(groups_of(name, data, quick))}
        assert shapes == {(3, 32, 32) if quick else (3, 64, 64)}


@pytest.mark.parametrize("name", STUDIES)
@SHORT
def test_a_study_has_data_of_its_own(name: str, quick: bool) -> None:
    usual = make_study(name, quick=quick)
    assert isinstance(usual, Study)
    assert usual.groups({}) == study_of(name, STUDIES[name].data, quick=quick).groups({})


def test_an_unknown_study_or_data_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown study 'mnits': did you mean 'mnist'"):
        make_study("mnits")
    with pytest.raises(UnknownNameError, match=r"data set for the study 'mnist' 'cifar'.*digits"):
        make_study("mnist", "cifar")
    study = make_study("mnist", quick=True)
    assert isinstance(study, MnistStudy) and study.data == "mnist"
