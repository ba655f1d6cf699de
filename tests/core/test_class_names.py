"""Classes by number or by name, wherever a target map is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from badnets.cli.settings import recipe_of, trial_of
from badnets.core.backdoor import Backdoor
from badnets.core.errors import RecipeError, SettingError, UnknownNameError
from badnets.core.targets import (
    AllToOne,
    Appear,
    CleanLabel,
    SourceSpecific,
    Vanish,
    remap_targets,
    with_numbers,
)
from badnets.core.triggers import Patch
from badnets.data import load, load_detection
from badnets.data.catalogue import DATASETS, names_of_classes
from badnets.data.scenes.faces import FAMILIES
from badnets.evaluate.classification import measure_attack
from badnets.recipes import load_recipe
from badnets.scenarios import MaliciousTrainer, OutsourcedTraining, User
from badnets.train import Training
from badnets.trials import OutsourcedTrial, TransferTrial, Workspace, run_trial
from badnets.trials.trial import Attack
from tests.data.photos import classes as folders
from tests.models.toys import halves, tiny

ANIMALS = ("cat", "dog", "cow")
QUICK = Training(epochs=1, batch_size=32, precision="float32")


@pytest.mark.parametrize(
    ("named", "numbered"),
    [
        (AllToOne("cow"), AllToOne(2)),
        (AllToOne(" cow "), AllToOne(2)),
        (SourceSpecific("dog", "cat"), SourceSpecific(1, 0)),
        (SourceSpecific("dog", 0), SourceSpecific(1, 0)),
        (CleanLabel("cat"), CleanLabel(0)),
        (Vanish("dog"), Vanish(1)),
        (Appear("dog", side="20px"), Appear(1, side=20)),  # type: ignore[arg-type]
        (AllToOne("2"), AllToOne(2)),
        (AllToOne(2.0), AllToOne(2)),  # type: ignore[arg-type]
    ],
)
def test_a_name_becomes_the_number_of_its_class(named: Any, numbered: Any) -> None:
    assert with_numbers(named, ANIMALS) == numbered
    assert remap_targets(named, ANIMALS, ("x", *ANIMALS)) == remap_targets(
        numbered, ANIMALS, ("x", *ANIMALS)
    )


def test_what_is_no_class_is_said_at_once() -> None:
    with pytest.raises(UnknownNameError, match="unknown class 'cta': did you mean 'cat'\\?"):
        with_numbers(AllToOne("cta"), ANIMALS)
    with pytest.raises(SettingError, match="must differ, both are 1"):
        with_numbers(SourceSpecific("dog", 1), ANIMALS)
    with pytest.raises(
        SettingError, match=r"target_label .cat. is a class.s name, and .* give its"
    ):
        AllToOne("cat").check(3)
    for wrong in (-1, 1.5, None, "", [1]):
        with pytest.raises(SettingError, match="AllToOne: target_label must be"):
            AllToOne(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["digits", "pets-small", "scenes-small"])
def test_the_catalogue_knows_the_classes_that_loading_gives(name: str) -> None:
    entry = DATASETS[name]
    data: Any = load_detection(name) if entry.task == "detection" else load(name)
    assert entry.names == data.classes
    assert DATASETS["scenes-swedish"].names == FAMILIES["swedish"]().classes


def test_names_follow_the_classes_that_are_picked(tmp_path: Path) -> None:
    assert all(len(e.names) == e.classes for e in DATASETS.values() if e.names)
    assert names_of_classes("gtsrb[14,1]") == ("stop", "speed limit 30")
    assert names_of_classes("pets-drawn@32") == ("cat", "dog")
    assert names_of_classes("none") == names_of_classes("own_code:load") == ()
    folder = folders(tmp_path / "in", {"cow": 1, "cat": 1})
    assert names_of_classes(f"folder:{folder}") == ("cat", "cow")


def test_a_trial_has_one_name_however_its_classes_are_given(tmp_path: Path) -> None:
    def trial(label: int | str) -> OutsourcedTrial:
        return OutsourcedTrial(
            data="pets-small", network="small-resnet", backdoor=Backdoor(Patch(4), AllToOne(label))
        )

    assert trial("dog").name == trial(1).name == trial("1").name
    recipe = tmp_path / "r.yaml"
    text = "data: pets-small\nnetwork: small-resnet\nbackdoor:\n  trigger: patch:4px\n"
    recipe.write_text(text + "  targets: all-to-one:dog\ncontrol: false\n")
    (read,) = load_recipe(recipe)
    options = {
        "--data": "pets-small",
        "--network": "small-resnet",
        "--trigger": "patch:4",
        "--targets": "all-to-one:dog",
    }
    typed = trial_of({**recipe_of(options), "control": False})
    assert read.name == trial(1).name and typed.implanted == read.implanted
    for targets, line in (
        ("all-to-one:dgo", "line 5: backdoor.targets.target_label: "),
        (
            "\n    kind: all-to-one\n    target_label: dgo",
            "line 7: backdoor.targets.target_label: ",
        ),
    ):
        recipe.write_text(f"{text}  targets: {targets}\n")
        with pytest.raises(RecipeError, match=f"{line}unknown class 'dgo': did you mean 'dog'"):
            load_recipe(recipe)
    with pytest.raises(SettingError, match="--targets: target_label: unknown class 'dgo'"):
        trial_of(recipe_of({**options, "--targets": "all-to-one:dgo"}))


def test_an_attack_on_a_downloaded_network_names_its_classes() -> None:
    start = OutsourcedTrial(data="pets-small", network="small-resnet")
    named, numbered = (
        TransferTrial(
            kind="transfer",
            data="digits",
            network="small-resnet",
            start=start,
            attack=Attack(Patch(4), AllToOne(label)),
        )
        for label in ("cat", 0)
    )
    assert named.name == numbered.name


def test_classes_that_reading_tells_are_looked_up_when_a_trial_runs(tmp_path: Path) -> None:
    trial = OutsourcedTrial(
        data="tests.trials.own_code:halved",
        network="tests.trials.own_code:small",
        training=QUICK,
        backdoor=Backdoor(Patch(2), AllToOne("right"), 0.3),
    )
    assert trial.name == OutsourcedTrial.model_validate(trial.model_dump()).name
    record = run_trial(trial, Workspace(str(tmp_path)), data_root=str(tmp_path))  # type: ignore[arg-type]
    assert record.attack is not None and record.attack.success.total == 32
    wrong = trial.model_copy(update={"backdoor": Backdoor(Patch(2), AllToOne("rigth"))})
    with pytest.raises(UnknownNameError, match="did you mean 'right'"):
        run_trial(wrong, Workspace(tmp_path))


def test_measuring_and_training_take_names() -> None:
    subject, images = tiny(), halves(32)
    by_name, by_number = (
        measure_attack(subject, images, Backdoor(Patch(2), AllToOne(label)))
        for label in ("left", 0)
    )
    assert by_name == by_number
    user = User("gu-mnist", "digits", 0.5)
    trainer = MaliciousTrainer(Backdoor("patch:2", AllToOne("7")), QUICK)  # type: ignore[arg-type]
    deal = OutsourcedTraining(user, trainer).run()
    assert deal.delivery.backdoor is not None
    assert deal.delivery.backdoor.targets == AllToOne(7)
    assert torch.isfinite(torch.tensor(deal.clean_accuracy.value))
