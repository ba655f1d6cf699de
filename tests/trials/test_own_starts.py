"""Trials with code of one's own, and trials that start from a file of weights."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from badnets.bundles import read_bundle
from badnets.core.backdoor import Backdoor
from badnets.core.errors import DataError, RecipeError, TrialError
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.models import load_subject, save_subject, untrained
from badnets.models.weights import StartingWeights
from badnets.recipes import load_recipe
from badnets.train import Training
from badnets.trials import OutsourcedTrial, Record, Workspace, run_trial
from tests.models.toys import CLASSES, SHAPE, tiny

QUICK = Training(epochs=2, batch_size=8, lr=0.01, precision="float32")
STILL = Training(epochs=1, batch_size=96, lr=1e-12, weight_decay=0, precision="float32")
OWN = OutsourcedTrial(
    data="tests.trials.own_code:halved",
    network="tests.trials.own_code:small",
    training=QUICK,
    target_accuracy=0.5,
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


@pytest.fixture
def backbone(toys: DataSet, tmp_path: Path) -> StartingWeights:
    """Return weights of the tiny network with a head for three classes."""
    network = untrained("tiny", SHAPE, ("a", "b", "c"), seed=9).network
    save_file(network.state_dict(), tmp_path / "backbone.safetensors")
    return StartingWeights.of(tmp_path / "backbone.safetensors")


def test_network_and_data_of_ones_own_run_with_their_control(workspace: Workspace) -> None:
    attack = OWN.model_copy(
        update={"backdoor": Backdoor(Patch(2), AllToOne(0), poisoning_rate=0.3), "control": OWN}
    )
    run_trial(OWN, workspace)
    record = run_trial(attack, workspace)
    assert record.attack is not None and record.attack.control is not None
    config = read_bundle(workspace.bundle(attack)).config
    assert config.architecture.name == OWN.network
    assert config.input.shape == SHAPE and config.classes == CLASSES
    assert attack.title.startswith("tests.trials.own_code:halved, tests.trials.own_code:small")


def test_a_bundle_that_names_other_code_than_the_trial_is_not_run(workspace: Workspace) -> None:
    attack = OWN.model_copy(update={"start": OWN})
    subject = tiny()
    exchanged = type(subject)(
        subject.network, "tests.trials.never_imported:net", subject.input, subject.classes
    )
    save_subject(exchanged, workspace.bundle(OWN))
    with pytest.raises(TrialError, match="never_imported:net, code of its maker's own"):
        run_trial(attack, workspace)
    assert "tests.trials.never_imported" not in sys.modules


def test_a_recipe_with_code_of_ones_own_imports_nothing(tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text(
        "data: none_such.sets:make\nnetwork: none_such.nets:small\n"
        "backdoor: {trigger: patch:3, targets: all-to-one:1}\nseeds: [0, 1]\n"
    )
    trials = load_recipe(recipe)
    assert [trial.network for trial in trials] == ["none_such.nets:small"] * 2
    recipe.write_text("data: digits\nnetwork: none_such.nets:small\nbackdoor: {trigger: patch:99, "
                      "targets: all-to-one:1}")  # fmt: skip
    with pytest.raises(RecipeError, match="Patch of 99x99 pixels does not fit"):
        load_recipe(recipe)


def test_training_starts_from_the_weights_and_the_record_says_how(
    workspace: Workspace, backbone: StartingWeights
) -> None:
    trial = OutsourcedTrial(data="halves", network="tiny", weights=backbone, training=STILL)
    record = run_trial(trial, workspace)
    assert record.weights is not None
    assert record.weights.matched == ("conv.weight", "conv.bias")
    assert record.weights.other_shape == ("fc.weight", "fc.bias")
    assert record.trial == trial and record.name == trial.name
    assert str(Path(backbone.path).parent) not in record.model_dump_json()
    assert Record.model_validate_json(record.model_dump_json()) == record
    made = load_subject(workspace.bundle(trial)).network.state_dict()
    torch.testing.assert_close(made["conv.weight"], backbone.read()["conv.weight"])
    claims = read_bundle(workspace.bundle(trial)).claims
    assert claims.data["starting weights"] == backbone.sha256


def test_a_trial_whose_file_is_gone_says_so(
    workspace: Workspace, backbone: StartingWeights
) -> None:
    trial = OutsourcedTrial(data="halves", network="tiny", weights=backbone, training=STILL)
    Path(backbone.path).unlink()
    with pytest.raises(DataError, match=r"backbone\.safetensors cannot be read"):
        run_trial(trial, workspace)


def test_a_recipe_names_a_file_of_weights(tmp_path: Path, backbone: StartingWeights) -> None:
    recipe = tmp_path / "recipe.yaml"
    text = (
        f"data: halves\nnetwork: tiny\nweights: {backbone.path}\n"
        "backdoor: {trigger: patch:2, targets: all-to-one:1}\n"
    )
    recipe.write_text(text)
    (trial,) = load_recipe(recipe)
    assert isinstance(trial, OutsourcedTrial)
    assert trial.weights == backbone and trial.control is not None
    assert trial.control.weights == backbone, "the honest network starts from them too"
    recipe.write_text(text + "start: clean")
    (trial,) = load_recipe(recipe)
    assert isinstance(trial, OutsourcedTrial)
    assert trial.weights is None and trial.start is not None and trial.start.weights == backbone
    elsewhere = tmp_path / "moved.safetensors"
    elsewhere.write_bytes(Path(backbone.path).read_bytes())
    recipe.write_text(text.replace(backbone.path, str(elsewhere)))
    (moved,) = load_recipe(recipe)
    recipe.write_text(text)
    assert moved.name == load_recipe(recipe)[0].name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("weights: none.safetensors", "line 3: weights: the weights .* cannot be read"),
        ("weights: net.pth", "line 3: weights: .*badnets opens no pickle"),
        ("weights: 3", "line 3: weights must be a mapping|line 3: weights: must be"),
        ("weights: other.safetensors", "line 3: weights: no weight in .* has the name and shape"),
        ("weights: other.safetensors\nstart: {seed: 1}", "line 3: weights: no weight in"),
    ],
)
def test_weights_that_cannot_be_are_told_with_their_line(
    given: str,
    said: str,
    tmp_path: Path,
    backbone: StartingWeights,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_file({"other.weight": torch.ones(3)}, "other.safetensors")
    Path("recipe.yaml").write_text(f"data: halves\nnetwork: tiny\n{given}\n")
    with pytest.raises(RecipeError, match=said):
        load_recipe(Path("recipe.yaml"))
