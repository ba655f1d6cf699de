"""Studies by name."""

from __future__ import annotations

import re

import pytest

from badnets.core.errors import UnknownNameError
from badnets.data.catalogue import DATASETS
from badnets.studies import STUDIES, make_study
from badnets.studies.mnist.study import MnistStudy


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("quick", [False, True])
def test_every_study_can_be_made_on_each_of_its_data_sets(name: str, quick: bool) -> None:
    entry = STUDIES[name]
    for data in (entry.data, *entry.alternatives):
        assert data in DATASETS
        groups = make_study(name, data, quick=quick).groups({})
        assert groups and all(groups.values())
        made = [trial for trials in groups.values() for trial in trials]
        first = {trial.data for trial in made if trial.retrain is None}
        names = {re.split(r"[@\[]", name)[0] for name in first}
        assert names == {data}, "pictures may be small ones, or of some classes"
    usual = make_study(name, quick=quick).groups({})
    assert usual == make_study(name, entry.data, quick=quick).groups({})


def test_an_unknown_study_or_data_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown study 'mnits': did you mean 'mnist'"):
        make_study("mnits")
    with pytest.raises(UnknownNameError, match=r"data set for the study 'mnist' 'cifar'.*digits"):
        make_study("mnist", "cifar")


def test_the_mnist_study_is_found() -> None:
    study = make_study("mnist", quick=True)
    assert isinstance(study, MnistStudy) and study.trials.data == "mnist"
