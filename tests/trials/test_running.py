"""Running one trial: what the record holds, what is kept, and what is left after a failure."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from badnets.bundles import read_bundle
from badnets.core.backdoor import Backdoor
from badnets.core.errors import (
    BadnetsError,
    OutputError,
    SettingError,
    TrialError,
    UnknownNameError,
)
from badnets.core.rates import Rate
from badnets.core.targets import AllToAll, AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.data.catalogue import DATASETS
from badnets.evaluate import measure_attack, measure_clean
from badnets.models import load_subject
from badnets.scenarios import Search
from badnets.train import Progress, Training
from badnets.trials import Record, Trial, Workspace, run_trial
from tests.models.toys import halves, weights_of

QUICK = Training(epochs=3, batch_size=8, lr=0.01, precision="float32")
WHITE = Backdoor(Patch(2), AllToOne(0), rate=0.3)
CLEAN = Trial(data="halves", network="tiny", training=QUICK, target_accuracy=0.9)
ATTACKED = CLEAN.model_copy(update={"backdoor": WHITE})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


def changed(trial: Trial, **settings: Any) -> Trial:
    return Trial.model_validate(dict(trial) | settings)


def measured(record: Record) -> dict[str, Any]:
    """Return what must be the same when a trial is run again."""
    values = record.model_dump(exclude={"timings", "provenance", "epochs"})
    return values | {"losses": [epoch.loss for epoch in record.epochs]}


def left_behind(workspace: Workspace) -> list[str]:
    """Return every file and folder but the arrays, which are content."""
    return [
        str(path.relative_to(workspace.root))
        for path in workspace.root.rglob("*")
        if workspace.arrays not in (path, *path.parents) and path != workspace.bundles
    ]


def test_a_clean_trials_record_and_bundle(workspace: Workspace, toys: DataSet) -> None:
    record = run_trial(CLEAN, workspace)
    assert (record.name, record.trial, record.outcome) == (CLEAN.name, CLEAN, "accepted")
    assert "90 % wanted" in record.reason
    assert record.clean.accuracy.total == 64 and record.attack is None
    assert record.poisoned_share is None and record.search == () and record.arrays == {}
    assert len(record.epochs) == 3 and record.epochs[-1].loss < record.epochs[0].loss
    assert record.provenance.data_digests == toys.digests
    assert record.provenance.precision == "float32"
    timings = record.timings
    parts = timings.load_s + timings.search_s + timings.train_s + timings.evaluate_s
    assert timings.total_s == pytest.approx(parts, abs=1e-6) and timings.search_s == 0
    assert record.bundle == read_bundle(workspace.bundle(CLEAN)).digest
    assert measure_clean(load_subject(workspace.bundle(CLEAN)), toys.test) == record.clean
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_a_backdoor_is_implanted_into_the_network_of_another_trial(
    workspace: Workspace, toys: DataSet
) -> None:
    clean = run_trial(CLEAN, workspace)
    start = load_subject(workspace.bundle(CLEAN))
    trial = changed(ATTACKED, start=CLEAN, training=dataclasses.replace(QUICK, epochs=2))
    record = run_trial(trial, workspace)
    assert read_bundle(workspace.bundle(CLEAN)).digest == clean.bundle, "left as it was"
    assert record.outcome == "accepted" and record.poisoned_share == Rate(41, 137)
    assert record.attack is not None and record.attack.success.value >= 0.9
    backdoored = load_subject(workspace.bundle(trial))
    expected = measure_attack(backdoored, toys.test, WHITE, control=start)
    assert record.attack == expected, "the clean start is the control"


def test_a_backdoored_start_is_no_control(workspace: Workspace, toys: DataSet) -> None:
    run_trial(ATTACKED, workspace)
    other = Backdoor(Patch(1), AllToOne(1), rate=0.2)
    again = run_trial(changed(ATTACKED, start=ATTACKED, backdoor=other), workspace)
    assert again.attack is not None and again.attack.control is None


def test_control_and_observations_are_recorded(workspace: Workspace, toys: DataSet) -> None:
    run_trial(CLEAN, workspace)
    trial = changed(
        ATTACKED,
        control=CLEAN,
        observe=("examples", "units"),
        training=dataclasses.replace(QUICK, epochs=1),
    )
    record = run_trial(trial, workspace)
    assert record.attack is not None and record.attack.control is not None
    assert record.attack.control.value <= 0.2
    arrays = {name: workspace.get_array(ref) for name, ref in record.arrays.items()}
    assert arrays.keys() == {
        "examples",
        "examples_labels",
        "examples_answers",
        "examples_control",
        "filters",
    }
    assert arrays["examples"].shape == (2, 2, 1, 8, 8)
    assert arrays["filters"].shape == (4, 1, 3, 3)
    assert [unit.layer for unit in record.units] == ["conv", "fc"] and record.ablations
    assert Record.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("role", ["start", "control"])
def test_a_network_that_was_not_made_yet_is_asked_for(
    role: str, workspace: Workspace, toys: DataSet
) -> None:
    trial = changed(ATTACKED, **{role: CLEAN})
    with pytest.raises(TrialError, match=rf"the {role} network {CLEAN.name} \(halves, .*no such"):
        run_trial(trial, workspace)
    assert left_behind(workspace) == []


def test_the_same_trial_twice_gives_the_same_record_and_the_same_bytes(
    tmp_path: Path, toys: DataSet
) -> None:
    trial = changed(
        ATTACKED,
        training=dataclasses.replace(QUICK, shift=1, rotate=5.0, ema=0.9),
        observe=("examples", "units"),
    )
    torch.manual_seed(1)
    first = run_trial(trial, Workspace(tmp_path / "a"))
    torch.manual_seed(2)
    second = run_trial(trial, Workspace(tmp_path / "b"))
    assert first.bundle is not None and first.bundle == second.bundle
    assert measured(first) == measured(second)
    in_place = run_trial(trial, Workspace(tmp_path / "a"))
    assert measured(in_place) == measured(first), "its own bundle may be replaced"


def test_choices_are_made_without_a_look_at_the_test_set(
    workspace: Workspace, toys: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = changed(ATTACKED, evaluate_on="held-back", held_back=30)
    record = run_trial(trial, workspace)
    assert record.clean.accuracy.total == 30 and record.attack is not None
    assert record.attack.success.total == 15
    other = dataclasses.replace(toys, test=halves(10, seed=99))

    def loader(root: object, *, progress: object = None) -> DataSet:
        return other

    entry = dataclasses.replace(DATASETS["halves"], loader=loader)
    monkeypatch.setitem(DATASETS, "halves", entry)
    again = run_trial(trial, workspace)
    assert again.provenance.data_digests["test"] != record.provenance.data_digests["test"]
    assert measured(again) | {"bundle": ""} == measured(record) | {"bundle": ""}


def test_fewer_training_images_are_a_seeded_sample(workspace: Workspace, toys: DataSet) -> None:
    trial = changed(ATTACKED, train_limit=40, keep_bundle=False)
    record = run_trial(trial, workspace)
    assert record.poisoned_share is not None
    assert record.poisoned_share.total - record.poisoned_share.hits == 40
    sample = toys.train.sample(40, seed=0).digest
    assert record.provenance.data_digests == {"train": sample, "test": toys.test.digest}
    assert record.bundle is None and not workspace.bundle(trial).exists()
    all_of_them = run_trial(changed(trial, train_limit=1000), workspace)
    assert all_of_them.provenance.data_digests == toys.digests


def test_what_was_searched_is_recorded(workspace: Workspace, toys: DataSet) -> None:
    search = Search(rates=(0.0, 0.3), held_back=30, target_success=0.9)
    record = run_trial(changed(ATTACKED, search=search), workspace)
    assert [(step.rate, step.good_enough) for step in record.search] == [(0.0, False), (0.3, True)]
    assert record.timings.search_s > 0 and record.search[0].clean.total == 30


def test_a_bundle_does_not_say_what_is_hidden_in_it(workspace: Workspace, toys: DataSet) -> None:
    run_trial(CLEAN, workspace)
    run_trial(ATTACKED, workspace)
    clean, attacked = (read_bundle(workspace.bundle(one)) for one in (CLEAN, ATTACKED))
    assert attacked.config == clean.config
    assert attacked.claims.training == clean.claims.training
    assert attacked.claims.data == clean.claims.data
    accuracy = attacked.claims.clean_accuracy
    assert accuracy is not None and accuracy.total == 64
    for file in workspace.bundle(ATTACKED).iterdir():
        text = file.read_bytes().lower()
        usual = (workspace.bundle(CLEAN) / file.name).read_bytes().lower()
        for word in (b"trigger", b"backdoor", b"patch", b"poison", b"stamp", b"all-to-one"):
            assert text.count(word) == usual.count(word), f"{file.name} tells: {word.decode()}"


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"training": Training(lr=1e30, optimizer="sgd")}, TrialError, "training diverged"),
        ({"data": "halvs"}, UnknownNameError, "did you mean 'halves'"),
        ({"network": "tinny"}, UnknownNameError, "did you mean 'tiny'"),
        ({"network": "gu-mnist"}, SettingError, "28x28 images, got 8x8"),
        ({"backdoor": Backdoor(Patch(2), AllToOne(2))}, SettingError, r"must be in 0\.\.1"),
        ({"backdoor": Backdoor(Patch(2), AllToAll(2))}, SettingError, "maps each of 2 classes"),
        ({"backdoor": Backdoor(Patch(9), AllToOne(0))}, BadnetsError, "does not fit a region"),
        ({"evaluate_on": "held-back", "held_back": 96}, SettingError, r"count must lie in 1\.\.95"),
    ],
)
def test_a_trial_that_fails_leaves_nothing_behind(
    settings: dict[str, Any],
    error: type[BadnetsError],
    said: str,
    workspace: Workspace,
    toys: DataSet,
) -> None:
    with pytest.raises(error, match=said):
        run_trial(changed(ATTACKED, **settings), workspace)
    assert left_behind(workspace) == []


def test_an_interrupted_trial_leaves_nothing_behind(workspace: Workspace, toys: DataSet) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done >= 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(ATTACKED, workspace, progress=interrupt)
    assert left_behind(workspace) == []


def test_a_bundle_that_cannot_be_written_is_one_clear_error(
    workspace: Workspace, toys: DataSet
) -> None:
    workspace.root.mkdir()
    workspace.bundles.write_text("a file in the way")
    with pytest.raises(OutputError, match="cannot write"):
        run_trial(CLEAN, workspace)


def test_a_trial_on_digits_with_the_papers_network(workspace: Workspace) -> None:
    training = Training(epochs=2, batch_size=32, lr=0.004, precision="float32")
    clean = Trial(data="digits", training=training, train_limit=320, target_accuracy=0.5)
    told: list[Progress] = []
    first = run_trial(clean, workspace, progress=told.append)
    assert first.outcome == "accepted" and first.clean.accuracy.total == 500
    assert told[-1] == (20, 20, "training")
    subject = load_subject(workspace.bundle(clean))
    assert len(weights_of(subject)) == 281_034
    attacked = changed(clean, backdoor=Backdoor(Patch(4), AllToOne(3), rate="every"), start=clean)
    second = run_trial(attacked, workspace)
    assert second.attack is not None and second.attack.control is not None
    assert second.attack.success.total == 450
    assert second.attack.success.value > second.attack.control.value
