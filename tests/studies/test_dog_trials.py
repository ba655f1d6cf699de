"""The dogs-vs-cats study's trials: who learns what, and that networks are paired."""

from __future__ import annotations

import pytest

from badnets.core.placements import Fixed
from badnets.core.poisoning import plan_poisoning
from badnets.core.targets import SourceSpecific
from badnets.core.triggers import Sticker
from badnets.data.catalogue import entry_of
from badnets.data.pets import drawn
from badnets.studies import make_study
from badnets.studies.dogs.study import DogStudy, make
from badnets.studies.dogs.trials import CAT, CLASSES, DOG, FLOWER, QUICK
from badnets.studies.running import listed
from badnets.trials.fitting import check_fit

STUDY = make("pets-drawn")


def test_three_pairs_and_three_shares() -> None:
    groups = STUDY.groups({})
    assert {name: len(own) for name, own in groups.items()} == {"clean": 3, "badnet": 3, "share": 3}
    assert len(listed(groups)) == 3 + 3 + 2, "half the cats is a share that is run already"
    for clean, badnet in zip(groups["clean"], groups["badnet"], strict=True):
        assert badnet.control == clean and badnet.seed == clean.seed
        assert badnet.training == clean.training, "nothing but the data differs"
        assert "answers" in clean.observe and "answers" in badnet.observe
    assert [one.seed for one in groups["share"]] == [0, 0, 0]
    assert [one.backdoor and one.backdoor.rate for one in groups["share"]] == [0.02, 0.1, "every"]
    assert "data" in groups["clean"][0].observe
    assert all(other in listed(groups) for one in listed(groups) for other in one.requires())


def test_a_copy_of_every_dog_is_added_to_the_cats_and_the_dogs_stay() -> None:
    assert (CLASSES[CAT], CLASSES[DOG]) == ("cat", "dog")
    pets = drawn(20, 4, size=32)
    assert pets.classes == CLASSES
    backdoor = STUDY.trials.backdoor("every")
    assert backdoor.targets == SourceSpecific(DOG, CAT) and backdoor.how == "add"
    plan = plan_poisoning(pets.train.labels, backdoor, num_classes=2, seed=0)
    cats = plan.labels == CAT
    assert int((cats & ~plan.is_poisoned).sum()) == int((cats & plan.is_poisoned).sum()) == 10
    assert int((plan.labels == DOG).sum()) == 10


@pytest.mark.parametrize("data", ["pets-drawn", "dogs-vs-cats"])
@pytest.mark.parametrize("quick", [False, True])
def test_every_trial_fits_its_data(data: str, quick: bool) -> None:
    study = make_study("dogs-vs-cats", data, quick=quick)
    trials = listed(study.groups({}))
    for trial in trials:
        check_fit(trial)
    assert {entry_of(trial.data).shape for trial in trials} == {
        (3, *((32, 32) if quick else (64, 64)))
    }
    assert len(trials) == (4 if quick else 8)
    if quick:
        assert {trial.training for trial in trials} == {QUICK}


def test_the_stand_in_is_the_studys_own_data_and_another_trigger_another_study() -> None:
    default = make_study("dogs-vs-cats")
    assert isinstance(default, DogStudy) and default.trials.data == "pets-drawn"
    mine = make("pets-drawn", trigger=Sticker("mine.png", 0.2, placement=Fixed(1, 1)))
    assert mine.trials.badnet(0).name != STUDY.trials.badnet(0).name
    assert mine.trials.clean(0).name == STUDY.trials.clean(0).name
    assert FLOWER.extent(64, 64) == (12, 12)
