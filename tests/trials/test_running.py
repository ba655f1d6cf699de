"""Running a trial of either task: what the record holds, what is kept, what a failure leaves."""

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
    DataError,
    OutputError,
    SettingError,
    TrialError,
    UnknownNameError,
)
from badnets.core.targets import AllToAll, AllToOne, Vanish
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.models import load_subject
from badnets.observations.audit import Audit
from badnets.scenarios import Deal, Search
from badnets.train import Progress, Training
from badnets.trials import OutsourcedTrial, Record, Trial, Workspace, run_trial
from tests.models.plain_signs import QUICK as SIGNS_QUICK
from tests.models.plain_signs import YELLOW
from tests.models.toys import halves, weights_of
from tests.tasks.small import Small, enter

QUICK = Training(epochs=3, batch_size=8, lr=0.01, precision="float32")
WHITE = Backdoor(Patch(2), AllToOne(0), poisoning_rate=0.3)
CLEAN = OutsourcedTrial(data="halves", network="tiny", training=QUICK, target_accuracy=0.9)
ATTACKED = CLEAN.model_copy(update={"backdoor": WHITE})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


def changed(trial: OutsourcedTrial, **settings: Any) -> OutsourcedTrial:
    return OutsourcedTrial.model_validate(dict(trial) | settings)


def attacked(small: Small, **settings: Any) -> OutsourcedTrial:
    return small.trial(**{"backdoor": small.backdoor, **settings})


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


def unfinished(workspace: Workspace) -> list[Path]:
    return [path for path in workspace.root.rglob("*.safetensors") if "unfinished" in path.parts]


def from_json(record: Record) -> Record:
    return Record.model_validate_json(record.model_dump_json())


def test_a_clean_trials_record_and_bundle(small: Small, workspace: Workspace) -> None:
    trial, task = small.trial(), small.task
    record = run_trial(trial, workspace)
    assert (record.name, record.trial) == (trial.name, trial)
    assert record.attack is None and record.triggered is None and record.poisoned_share is None
    assert record.search == () and record.arrays == {} and record.observations == {}
    assert len(record.epochs) == small.quick.epochs
    assert record.provenance.data_digests == small.data.digests
    assert record.provenance.precision == "float32"
    timings = record.timings
    parts = timings.load_s + timings.search_s + timings.train_s + timings.evaluate_s
    assert timings.total_s == pytest.approx(parts, abs=1e-6) and timings.search_s == 0
    bundle = read_bundle(workspace.bundle(trial))
    assert record.bundle == bundle.digest and bundle.config.task == task.kind
    threshold = task.threshold(trial.training)
    judged = small.user(threshold=threshold).judge(_loaded(workspace, trial))
    assert (record.outcome, record.reason) == (judged.decision, judged.reason)
    again = judged.measured
    assert (again.clean, again.objects) == (record.clean, record.objects)
    assert not unfinished(workspace), "the checkpoint is gone"
    assert from_json(record) == record


def _loaded(workspace: Workspace, trial: Trial) -> Any:
    from badnets.models import load

    return load(workspace.bundle(trial))


def test_a_backdoor_is_put_into_the_network_of_another_trial(
    small: Small, honest: Deal, workspace: Workspace
) -> None:
    start = small.trial(training=small.well)
    clean = honest.subject.save(workspace.bundle(start))
    trial = attacked(small, start=start, control=start, training=small.implanting)
    record = run_trial(trial, workspace)
    assert read_bundle(workspace.bundle(start)).digest == clean.digest, "left as it was"
    assert record.outcome == "accepted" and record.poisoned_share == small.share
    assert record.attack is not None and record.attack.success.value >= small.enough
    assert record.attack.success.total == small.attacked
    control, own = (_loaded(workspace, one) for one in (start, trial))
    test, task = small.data.test, small.task
    threshold = task.threshold(trial.training)
    expected = task.measure_attack(
        own,
        test,
        small.backdoor,
        task.measure(own, test, threshold=threshold),
        control=control,
    )
    assert (record.attack, record.triggered) == (expected.attack, expected.objects)
    assert from_json(record) == record


def test_a_clean_start_is_the_control_of_images_and_a_backdoored_one_is_none(
    workspace: Workspace, toys: DataSet
) -> None:
    run_trial(CLEAN, workspace)
    implanted = run_trial(changed(ATTACKED, start=CLEAN), workspace)
    assert implanted.attack is not None and implanted.attack.control is not None
    run_trial(ATTACKED, workspace)
    other = Backdoor(Patch(1), AllToOne(1), poisoning_rate=0.2)
    again = run_trial(changed(ATTACKED, start=ATTACKED, backdoor=other), workspace)
    assert again.attack is not None and again.attack.control is None


def test_control_and_observations_are_recorded(small: Small, workspace: Workspace) -> None:
    clean = small.trial()
    run_trial(clean, workspace)
    record = run_trial(attacked(small, control=clean, observe=("examples", "units")), workspace)
    assert record.attack is not None and record.attack.control is not None
    assert list(record.observations) == ["examples", "units"]
    arrays = {name: workspace.get_array(ref) for name, ref in record.arrays.items()}
    expected = {
        "classification": {"examples", "examples_labels", "examples_answers", "filters"}
        | {"examples_control"},
        "detection": {"frames", "frames_boxes", "frames_labels", "frames_found", "maps", "groups"}
        | {"frames_control"},
    }
    assert arrays.keys() == expected[small.task.kind]
    assert from_json(record) == record
    alone = run_trial(small.trial(observe=("examples",), keep_bundle=False), workspace)
    assert not any("control" in name for name in alone.arrays)
    assert alone.bundle is None and not workspace.bundle(alone.trial).exists()


@pytest.mark.parametrize("role", ["start", "control"])
def test_a_network_that_is_not_there_yet_is_missed_by_its_name(
    role: str, small: Small, workspace: Workspace
) -> None:
    clean = small.trial(seed=9)
    trial = attacked(small, **{role: clean})
    said = rf"the {role} network {clean.name} \({small.name}, .*no such"
    with pytest.raises(TrialError, match=said):
        run_trial(trial, workspace)
    assert left_behind(workspace) == []


def test_the_same_trial_twice_gives_the_same_record_and_the_same_bytes(
    small: Small, tmp_path: Path
) -> None:
    training = small.quick
    if small.task.kind == "classification":
        training = dataclasses.replace(training, shift=1, rotate=5.0, ema=0.9)
    trial = attacked(small, training=training, observe=("examples", "units"))
    records = []
    for number, folder in enumerate("aba"):
        torch.manual_seed(number)
        records.append(run_trial(trial, Workspace(tmp_path / folder)))
    first, second, in_place = records
    assert first.bundle is not None and first.bundle == second.bundle
    assert measured(first) == measured(second)
    assert measured(in_place) == measured(first), "its own bundle may be replaced"


def test_a_trial_that_was_killed_goes_on_after_its_last_epoch_and_ends_the_same(
    tmp_path: Path, small: Small
) -> None:
    training = dataclasses.replace(small.quick, epochs=5)
    trial = attacked(small, training=training)
    whole = run_trial(trial, Workspace(tmp_path / "whole"))
    stopped = Workspace(tmp_path / "stopped")

    def killed(progress: Progress) -> None:
        if progress.what == "training" and progress.done > progress.total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(trial, stopped, progress=killed)
    kept = [stopped.checkpoint(trial)] if small.task.kind == "detection" else []
    assert unfinished(stopped) == kept and not stopped.bundle(trial).exists()
    if not kept:
        assert left_behind(stopped) == []
    assert measured(run_trial(trial, stopped)) == measured(whole) and not unfinished(stopped)


def test_choices_are_made_without_a_look_at_the_test_set(
    workspace: Workspace, toys: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = changed(ATTACKED, evaluate_on="held-back", held_back=30)
    record = run_trial(trial, workspace)
    assert record.clean.accuracy.total == 30 and record.attack is not None
    assert record.attack.success.total == 15
    enter(monkeypatch, dataclasses.replace(toys, test=halves(10, seed=99)), "halves")
    again = run_trial(trial, workspace)
    assert again.provenance.data_digests["test"] != record.provenance.data_digests["test"]
    assert measured(again) | {"bundle": ""} == measured(record) | {"bundle": ""}


def test_fewer_and_held_back_training_examples(small: Small, workspace: Workspace) -> None:
    held = run_trial(attacked(small, evaluate_on="held-back", **_held(small)), workspace)
    clean = len(small.data.train) - (2 if small.task.kind == "detection" else 30)
    assert held.poisoned_share is not None
    assert held.poisoned_share.total - held.poisoned_share.hits == clean
    assert held.objects is None or held.objects.frames == 2, "a fifth, by whole scenes"
    few = run_trial(attacked(small, train_limit=4, keep_bundle=False), workspace)
    assert few.poisoned_share is not None
    assert few.poisoned_share.total - few.poisoned_share.hits == 4
    sample = small.task.limited(small.data, 4, 0)
    assert few.provenance.data_digests == sample.digests != small.data.digests
    whole = run_trial(attacked(small, train_limit=1000, keep_bundle=False), workspace)
    assert whole.provenance.data_digests == small.data.digests


def _held(small: Small) -> dict[str, int]:
    return {} if small.task.kind == "detection" else {"held_back": 30}


def test_what_was_searched_is_recorded(small: Small, workspace: Workspace) -> None:
    search = Search(rates=(0.0, 0.3), held_back=3, target_success=1.0)
    record = run_trial(attacked(small, search=search, target_accuracy=1.0), workspace)
    assert [step.rate for step in record.search] == [0.0, 0.3]
    assert record.timings.search_s > 0 and record.search[0].clean.total > 0
    assert from_json(record).search == record.search


def test_a_bundle_does_not_say_what_is_hidden_in_it(small: Small, workspace: Workspace) -> None:
    trials = small.trial(), attacked(small)
    for trial in trials:
        run_trial(trial, workspace)
    clean, bad = (read_bundle(workspace.bundle(one)) for one in trials)
    assert bad.config == clean.config
    assert bad.claims.training == clean.claims.training == small.task.claims(small.quick)
    assert bad.claims.data == clean.claims.data
    assert bad.claims.data == {f"{small.name}-{k}": v for k, v in small.data.digests.items()}
    accuracy = bad.claims.clean_accuracy
    assert accuracy is not None and accuracy.total > 0 and small.name in accuracy.data
    told = b"trigger backdoor patch poison stamp yellow all-to-one source-specific".split()
    for file in workspace.bundle(trials[1]).glob("*.[jm]*"):
        text = file.read_bytes().lower()
        usual = (workspace.bundle(trials[0]) / file.name).read_bytes().lower()
        for word in told:
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
        ({"data": "plain-signs"}, DataError, "labelled with boxes, wanted is a class"),
    ],
)
def test_a_classifiers_trial_that_fails_leaves_nothing_behind(
    settings: dict[str, Any],
    error: type[BadnetsError],
    said: str,
    workspace: Workspace,
    toys: DataSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.tasks.small import detection

    detection().enter(monkeypatch)
    with pytest.raises(error, match=said):
        run_trial(changed(ATTACKED, **settings), workspace)
    assert left_behind(workspace) == []


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        (
            {"training": dataclasses.replace(SIGNS_QUICK, lr=1e30, clip=1e30)},
            TrialError,
            "training diverged",
        ),
        ({"data": "plain-sings"}, UnknownNameError, "did you mean 'plain-signs'"),
        ({"data": "digits"}, DataError, "labelled with a class for each image, wanted is boxes"),
        ({"network": "zff"}, UnknownNameError, "did you mean 'zf'"),
        ({"architecture": {"depth": 3}}, SettingError, "depth"),
        ({"backdoor": Backdoor(YELLOW, AllToOne(2))}, SettingError, r"must be in 0\.\.1"),
        ({"backdoor": Backdoor(Patch(90), AllToOne(1))}, SettingError, "no image can be poisoned"),
        ({"backdoor": Backdoor(YELLOW, Vanish(), 0.9)}, SettingError, "the highest rate is 0.5"),
    ],
)
@pytest.mark.parametrize("small", ["detection"], indirect=True)
def test_a_detectors_trial_that_fails_leaves_nothing_behind(
    settings: dict[str, Any],
    error: type[BadnetsError],
    said: str,
    small: Small,
    workspace: Workspace,
) -> None:
    trial = changed(attacked(small), **{"training": SIGNS_QUICK, **settings})
    with pytest.raises(error, match=said):
        run_trial(trial, workspace)
    assert not workspace.bundles.exists() and not unfinished(workspace)


def test_a_bundle_that_cannot_be_written_is_one_clear_error(
    workspace: Workspace, toys: DataSet
) -> None:
    workspace.root.mkdir()
    workspace.bundles.write_text("a file in the way")
    with pytest.raises(OutputError, match="cannot write"):
        run_trial(CLEAN, workspace)


def test_a_trial_on_digits_with_the_papers_network(workspace: Workspace) -> None:
    training = Training(epochs=2, batch_size=32, lr=0.004, precision="float32")
    clean = OutsourcedTrial(data="digits", training=training, train_limit=320, target_accuracy=0.5)
    heard: list[Progress] = []
    first = run_trial(clean, workspace, progress=heard.append)
    assert first.outcome == "accepted" and first.clean.accuracy.total == 500
    assert heard[-1] == (20, 20, "training")
    assert len(weights_of(load_subject(workspace.bundle(clean)))) == 281_034
    trial = changed(clean, backdoor=Backdoor(Patch(4), AllToOne(3), "every"), start=clean)
    second = run_trial(trial, workspace)
    assert second.attack is not None and second.attack.control is not None
    assert second.attack.success.total == 450
    assert second.attack.success.value > second.attack.control.value


@pytest.mark.usefixtures("toys")
def test_what_an_audit_is_given_for_clean_may_hold_the_trigger(workspace: Workspace) -> None:
    unlearnt = dataclasses.replace(WHITE, poisoning_rate=0.0)  # so each such image is named wrong
    plain = changed(CLEAN, backdoor=unlearnt, observe=("audit",))
    tainted = changed(plain, tainted_clean=0.25)
    before, after = (run_trial(one, workspace) for one in (plain, tainted))
    assert before.clean == after.clean and before.attack == after.attack, "measured as ever"
    audits = [found for one in (before, after) if (found := one.observed(Audit))]
    errors = [one.quantities["clean error"] for one in audits]
    assert errors == [1 - before.clean.accuracy.value, errors[0] + 0.25]
    assert "tainted_clean" not in before.model_dump(mode="json")["trial"]
    assert from_json(after).trial == tainted != plain and tainted.name != plain.name
