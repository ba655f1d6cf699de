"""Trials of repairs: from a recipe to a record, beside what the network was before."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.bundles import read_bundle
from badnets.core.errors import RecipeError, SettingError
from badnets.core.rates import Rate
from badnets.data import DataSet
from badnets.models import load
from badnets.recipes import load_recipe
from badnets.repair.methods.fine_tuning import FineTuning
from badnets.scenarios import RepairedDownload, User
from badnets.trials import OutsourcedTrial, Record, RepairedTrial, Workspace, run_trial
from tests.tasks.small import same, state_of

HALVES = """
kind: repaired
method: {kind: fine-tuning, epochs: 2}
share: 0.5
start:
  data: halves
  network: tiny
  training: {epochs: 20, batch_size: 16, lr: 0.01, precision: float32}
  backdoor: {trigger: "patch:2", targets: "all-to-one:1", poisoning_rate: 0.3}
  target_accuracy: 0.9
"""


def read(text: str, folder: Path) -> RepairedTrial:
    (folder / "recipe.yaml").write_text(text)
    (trial,) = load_recipe(folder / "recipe.yaml")
    assert isinstance(trial, RepairedTrial)
    return trial


@pytest.fixture
def halves(toys: DataSet, tmp_path: Path) -> RepairedTrial:
    return read(HALVES, tmp_path)


def test_data_and_network_are_those_of_the_download(halves: RepairedTrial) -> None:
    assert (halves.data, halves.network, halves.target_accuracy) == ("halves", "tiny", 0.9)
    assert isinstance(halves.start, OutsourcedTrial) and halves.control == halves.start.control
    assert halves.task == "classification" and halves.implanted == halves.start.backdoor
    assert "repaired from halves patch:2 all->1, by fine-tuning" in halves.title
    assert halves.methods["repair fine-tuning"] == FineTuning.version
    assert RepairedTrial.model_validate(halves.model_dump()).name == halves.name


def test_an_audit_is_asked_for_of_repairs_that_make_none(halves: RepairedTrial) -> None:
    def again(**changes: object) -> RepairedTrial:
        return RepairedTrial.model_validate({**halves.model_dump(), **changes})

    assert again(audit=False).name == halves.name, "as before there was such a thing"
    assert again(audit=True).name != halves.name and again(audit=True).audit
    auto = again(method="auto")
    assert again(method="auto", audit=True) == auto, "it audits by itself"


def test_the_record_says_what_was_there_before(
    halves: RepairedTrial, toys: DataSet, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "runs")
    assert isinstance(halves.start, OutsourcedTrial) and halves.start.control is not None
    started = [run_trial(one, workspace) for one in (halves.start.control, halves.start)][1]
    record = run_trial(halves, workspace)
    assert record.repair is not None and record.attack is not None
    assert record.repair.clean == started.clean and record.repair.attack == started.attack
    assert record.repair.images == len(toys.train) // 2
    assert record.attack.control is not None and record.survival is None
    claims = read_bundle(workspace.bundle(halves)).claims
    assert claims is not None and claims.training == {"repair": "fine-tuning", "share": 0.5}
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_a_bundle_is_repaired_and_its_digest_is_claimed(
    halves: RepairedTrial, toys: DataSet, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "runs")
    assert isinstance(halves.start, OutsourcedTrial) and halves.start.control is not None
    for one in (halves.start.control, halves.start):
        run_trial(one, workspace)
    folder = workspace.bundle(halves.start)
    text = f"{{kind: repaired, data: halves, method: fine-tuning, start: {{bundle: {folder}}}}}"
    trial = read(text, tmp_path)
    record = run_trial(trial, workspace)
    assert record.repair is not None and record.attack is None, "nobody knows what is hidden"
    claims = read_bundle(workspace.bundle(trial)).claims
    assert claims is not None
    assert claims.data["downloaded bundle"] == read_bundle(folder).digest
    before = load(folder)
    kept = state_of(before)
    deal = RepairedDownload(User("tiny", toys, 0.9), before, "fine-tuning", share=0.5).run()
    assert same(before, kept) and deal.attack is None
    assert deal.repair is not None and deal.repair.clean.accuracy.total == len(toys.test)
    assert deal.clean_accuracy > Rate(9, 10)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("method: {kind: fine-tuning, epochs: 0}", r"line 3: method.epochs: must be >= 1"),
        ("method: soap", "unknown repair 'soap'"),
        ("share: 2", "share"),
        ("training: {epochs: 3}", "training"),
    ],
)
def test_what_a_repair_does_not_know_is_refused(
    change: str, said: str, toys: DataSet, tmp_path: Path
) -> None:
    kept = [line for line in HALVES.splitlines() if not line.startswith(change.split(":")[0])]
    kept.insert(2, change)
    with pytest.raises(RecipeError, match=said):
        read("\n".join(kept), tmp_path)


def test_a_share_of_nothing_is_refused(toys: DataSet) -> None:
    with pytest.raises(SettingError, match="share must be in"):
        RepairedDownload(User("tiny", toys, 0.9), None, share=0.0)
