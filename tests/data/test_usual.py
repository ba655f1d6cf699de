"""What is usual for a data set: one table for everybody who is told no more than its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import badnets as bn
from badnets.cli.settings import recipe_of, trial_of
from badnets.data.catalogue import DATASETS, FOLDER
from badnets.data.usual import USUAL, usual_of
from badnets.models.catalogue import NETWORKS
from badnets.recipes import load_recipe, recipe_text
from badnets.train import Training
from badnets.trials import OutsourcedTrial, TransferTrial


@pytest.mark.parametrize("name", USUAL)
def test_what_is_usual_can_be_ordered(name: str) -> None:
    usual = USUAL[name]
    assert name == FOLDER or DATASETS[name].task == "classification"
    assert NETWORKS[usual.network].task == "classification" and 0 < usual.target_accuracy < 1
    assert replace(Training(), **usual.training).trigger_gain == (1, 1), "an honest trainer's"


@pytest.mark.parametrize("name", ["digits", "digits[0-4]", "gtsrb@48", "mnist", "cifar10-jpeg"])
def test_trials_recipes_and_the_command_line_take_it_alike(name: str, tmp_path: Path) -> None:
    usual = usual_of(name)
    assert usual is not None
    trial = OutsourcedTrial(data=name)
    assert (trial.network, trial.target_accuracy) == (usual.network, usual.target_accuracy)
    assert trial.training == replace(Training(), **usual.training)
    assert trial_of(recipe_of({"--data": name})) == trial
    (tmp_path / "short.yaml").write_text(f"data: {name!r}")
    assert load_recipe(tmp_path / "short.yaml") == [trial]


@pytest.mark.parametrize("name", ["digits", "gtsrb", "dogs-vs-cats", "cifar10"])
def test_a_new_recipe_writes_down_what_would_be_taken_anyway(name: str, tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text(recipe_text("badnets", name))
    (trial,) = load_recipe(tmp_path / "new.yaml")
    assert trial.control == OutsourcedTrial(data=name)


def test_what_is_said_wins_and_the_rest_stays_usual() -> None:
    trial = OutsourcedTrial.model_validate({"data": "digits", "training": {"epochs": 3}})
    assert trial.training == Training(epochs=3, batch_size=64, lr=0.004, precision="float32")
    assert OutsourcedTrial(data="digits", training=Training()).training == Training(), "it is whole"
    other = trial_of(recipe_of({"--data": "digits", "--target-accuracy": 0.5, "--lr": 0.1}))
    assert isinstance(other, OutsourcedTrial)
    assert (other.target_accuracy, other.training.lr, other.training.epochs) == (0.5, 0.1, 16)


def test_a_trial_of_an_earlier_release_is_read_as_it_was() -> None:
    before = OutsourcedTrial(data="gtsrb", network="gu-mnist", training=Training(epochs=2))
    assert OutsourcedTrial.model_validate(before.model_dump(mode="json")).name == before.name


def test_of_a_retraining_only_its_length_and_rate_are_usual() -> None:
    start = OutsourcedTrial(data="dogs-vs-cats")
    trial = TransferTrial(kind="transfer", data="dogs-vs-cats", network=start.network, start=start)
    assert trial.training == Training(epochs=40, batch_size=32, lr=0.003)
    assert trial.target_accuracy == 0.85


@pytest.mark.slow  # README's example is the quick one
def test_an_honest_network_of_digits_is_accepted_and_the_usual_badnet_works() -> None:
    """README's sample, with nothing said of training."""
    digits = bn.data.load("digits")
    user = bn.User("gu-mnist", digits)
    honest = bn.OutsourcedTraining(user, bn.HonestTrainer()).run(seed=0)
    backdoor = bn.Backdoor(bn.triggers.PixelPattern.gu(), bn.AllToOne(7), poisoning_rate=0.1)
    bad = bn.OutsourcedTraining(user, bn.MaliciousTrainer(backdoor), honest.subject).run(seed=0)
    assert honest.accepted and bad.accepted
    assert bad.attack is not None and bad.attack.control is not None
    assert bad.attack.success.value >= 0.95 and bad.attack.control.value < 0.05
