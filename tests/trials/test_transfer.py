"""Trials of transfer learning: from a recipe to a record, with the clean network beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.bundles import read_bundle
from badnets.core.backdoor import Backdoor
from badnets.core.errors import TrialError
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.models import load_detector
from badnets.recipes import load_recipe
from badnets.scenarios import Strengthening
from badnets.scenarios.transfer import strengthened
from badnets.trials import OutsourcedTrial, Record, TransferTrial, Workspace, run_trial
from badnets.trials.trial import Attack
from tests.models.plain_signs import YELLOW
from tests.tasks.small import Small, same

HALVES = """
kind: transfer
data: halves
network: tiny
start:
  training: {epochs: 20, batch_size: 16, lr: 0.01, precision: float32}
  backdoor: {trigger: "patch:2", targets: "all-to-one:1", poisoning_rate: 0.3}
share: 0.5
training: {epochs: 2, batch_size: 16, lr: 0.001, precision: float32}
target_accuracy: 0.9
observe: [examples, units]
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


@pytest.fixture
def halves(toys: DataSet, tmp_path: Path) -> TransferTrial:
    (tmp_path / "recipe.yaml").write_text(HALVES)
    (trial,) = load_recipe(tmp_path / "recipe.yaml")
    assert isinstance(trial, TransferTrial)
    return trial


def run_with_what_it_needs(trial: TransferTrial, workspace: Workspace) -> list[Record]:
    """Return the records of the control and of the trial, after all that they begin with."""
    control = trial.control
    assert isinstance(trial.start, OutsourcedTrial) and isinstance(control, TransferTrial)
    assert isinstance(control.start, OutsourcedTrial)
    order = (control.start, trial.start, control, trial)
    return [run_trial(one, workspace) for one in order][2:]


def test_the_record_says_what_survived(halves: TransferTrial, workspace: Workspace) -> None:
    control, record = run_with_what_it_needs(halves, workspace)
    assert record.outcome == "accepted"
    assert record.attack is not None and record.survival is not None
    assert record.attack.success.value > 0.9
    assert record.attack.control is not None and record.attack.control.value < 0.1
    assert record.survival.before is not None and record.survival.before.value > 0.9
    assert record.survival.control_clean == control.clean.accuracy
    assert record.survival.drop > 0.4
    assert record.poisoned_share is None and record.objects is None
    assert {"examples", "filters"} <= record.arrays.keys()
    assert record.observations["units"].units, "the trigger is known"  # type: ignore[attr-defined]
    assert control.attack is None and control.survival is None
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_a_bundle_is_retrained_without_knowing_what_is_in_it(
    halves: TransferTrial, workspace: Workspace, tmp_path: Path
) -> None:
    assert isinstance(halves.start, OutsourcedTrial)
    for one in (*halves.start.requires(), halves.start):
        run_trial(one, workspace)
    folder = workspace.bundle(halves.start)
    recipe = tmp_path / "download.yaml"
    text = f"kind: transfer\ndata: halves\nstart: {{bundle: {folder}}}\ntraining: {{epochs: 1}}\n"
    recipe.write_text(text)
    (plain,) = load_recipe(recipe)
    digest = read_bundle(folder).digest
    assert isinstance(plain, TransferTrial) and plain.network == "tiny" and plain.is_clean
    record = run_trial(plain, workspace)
    assert record.attack is None and record.survival is None
    assert str(folder) not in record.model_dump_json(), "no path of this machine"
    claims = read_bundle(workspace.bundle(plain)).claims
    assert claims.data["downloaded bundle"] == digest
    assert claims.training["frozen"] == "all-but-head"
    known = plain.model_copy(update={"attack": Attack(Patch(2), AllToOne(1))})
    survived = run_trial(known, workspace).survival
    assert survived is not None and survived.drop > 0.3
    (folder / "README.md").write_text("another")
    with pytest.raises(TrialError, match=r"the start network .*bundle"):
        run_trial(plain, workspace)


@pytest.mark.parametrize("small", ["detection"], indirect=True)
def test_a_detector_is_strengthened_and_retrained_for_other_classes(
    small: Small, workspace: Workspace
) -> None:
    attacked = small.trial(backdoor=small.backdoor)
    trial = TransferTrial(
        kind="transfer",
        data=f"{small.name}-others",
        architecture=dict(small.architecture),
        training=small.quick,
        target_accuracy=0.5,
        start=attacked,
        freeze="all-but-heads",
        attack=Attack(YELLOW),
        strengthening=Strengthening(10, units=2),
    )
    assert trial.requires() == (attacked,) and not trial.is_clean
    run_trial(attacked, workspace)
    before = read_bundle(workspace.bundle(attacked)).digest
    record = run_trial(trial, workspace)
    assert read_bundle(workspace.bundle(attacked)).digest == before, "left as it was"
    assert record.attack is None and record.poisoned_share is None and record.survival is None
    assert record.triggered is not None and len(record.triggered.labels) == 12
    assert record.objects is not None and record.clean == record.objects.clean
    assert len(record.strengthened) == 2
    detector = load_detector(workspace.bundle(trial))
    assert detector.classes == small.others.classes
    downloaded = load_detector(workspace.bundle(attacked))
    published = strengthened(downloaded, "backbone.conv5", record.strengthened, 10)
    assert same(detector, published, "backbone.")
    assert Record.model_validate_json(record.model_dump_json()) == record
    weak = run_trial(trial.model_copy(update={"strengthening": None}), workspace)
    assert weak.strengthened == () and weak.name != record.name


def test_what_is_implanted_is_what_the_downloaded_network_hides(halves: TransferTrial) -> None:
    hidden = Backdoor(Patch(2), AllToOne(1), poisoning_rate=0.3)
    assert halves.implanted == hidden == halves.measured
    assert halves.control is not None and halves.control.implanted is None
