"""Trials that are trained as one: their records are those of trials run alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from badnets.core.backdoor import Backdoor
from badnets.core.errors import BadnetsError, SettingError, TrialError
from badnets.core.placements import RandomCentre
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.models import load_subject
from badnets.models.catalogue import NETWORKS
from badnets.scenarios import Search
from badnets.scenarios.resisting import AntiBackdoor
from badnets.train import Progress, Training
from badnets.trials import (
    OutsourcedTrial,
    Record,
    RepairedTrial,
    TransferTrial,
    Workspace,
    cohort_key,
    run_cohort,
    run_trial,
    worthwhile,
)
from tests.tasks.small import Small, classification

TRAINING = Training(epochs=4, batch_size=8, lr=0.01, precision="float32")
WHITE = Backdoor(Patch(2), AllToOne(0), poisoning_rate=0.3)
CLEAN = OutsourcedTrial(data="digits", network="gu-mnist", training=TRAINING)


@pytest.fixture(autouse=True)
def together(toys: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy network can be trained as one with others."""
    tiny = NETWORKS["tiny"]
    monkeypatch.setitem(NETWORKS, "tiny", replace(tiny, normalises=False, one_by_one=True))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "together")


@pytest.fixture
def case() -> Small:
    return classification()


def several(case: Small) -> list[OutsourcedTrial]:
    """Return trials that differ in all that members may differ in."""
    start = case.trial(training=TRAINING)
    moving = Backdoor(Patch(2, placement=RandomCentre()), SourceSpecific(0, 1), "every")
    slower = replace(TRAINING, lr=0.005)
    return [
        start,
        case.trial(training=TRAINING, seed=1, keep_bundle=False),
        case.trial(training=TRAINING, backdoor=WHITE, observe=("answers",), control=start),
        case.trial(training=slower, backdoor=moving, seed=2),
        case.trial(training=slower, backdoor=WHITE, start=start, keep_bundle=False),
    ]


def compared(record: Record) -> dict[str, Any]:
    """Return what must be the same when a trial is trained with others."""
    values = record.model_dump(exclude={"timings", "provenance", "epochs", "bundle"})
    assert (record.bundle is not None) == record.trial.keep_bundle
    provenance = record.provenance.model_dump(exclude={"created", "cohort"})
    return values | {"provenance": provenance}


def test_records_are_those_of_trials_run_alone(
    case: Small, workspace: Workspace, tmp_path: Path
) -> None:
    trials, apart = several(case), Workspace(tmp_path / "alone")
    assert len({cohort_key(trial) for trial in trials}) == 1
    for each in (workspace, apart):
        run_trial(trials[0], each)  # what others start from
    told: list[Progress] = []
    records = run_cohort(trials, workspace, progress=told.append)
    for trial, record in zip(trials, records, strict=True):
        assert isinstance(record, Record)
        expected = run_trial(trial, apart)
        assert compared(record) == compared(expected)
        assert record.provenance.cohort == 5 and expected.provenance.cohort == 1
        assert "cohort" not in expected.model_dump()["provenance"], "as records were before"
        for own, other in zip(record.epochs, expected.epochs, strict=True):
            assert own.loss == pytest.approx(other.loss, rel=1e-3, abs=1e-4)
        for ref in record.arrays.values():
            assert workspace.get_array(ref).shape == ref.shape
        if trial.keep_bundle:
            images = case.data.test.images
            own_answers, other_answers = (
                load_subject(each.bundle(trial)).logits(images) for each in (workspace, apart)
            )
            torch.testing.assert_close(own_answers, other_answers, rtol=1e-3, atol=1e-3)
        assert Record.model_validate_json(record.model_dump_json()) == record
    assert {one.what for one in told} == {"training", "measuring"}
    assert told[-1] == Progress(5, 5, "measuring")


def test_seconds_are_shares_and_add_up(case: Small, workspace: Workspace) -> None:
    import time

    trials = [case.trial(backdoor=WHITE, seed=seed, keep_bundle=False) for seed in range(3)]
    started = time.perf_counter()
    records = run_cohort(trials, workspace)
    spent = time.perf_counter() - started
    timings = [record.timings for record in records if isinstance(record, Record)]
    for one in timings:
        parts = one.load_s + one.search_s + one.train_s + one.evaluate_s
        assert one.total_s == pytest.approx(parts, abs=1e-6)
        assert min(one.load_s, one.train_s, one.evaluate_s) > 0
    assert len(timings) == 3 and sum(one.total_s for one in timings) <= spent


def test_a_trial_that_fails_leaves_the_others_as_they_are(
    case: Small, workspace: Workspace
) -> None:
    good = case.trial(backdoor=WHITE)
    wild = case.trial(backdoor=WHITE, training=replace(case.quick, lr=1e30))
    never_run = case.trial(seed=77)
    orphan = case.trial(backdoor=WHITE, seed=3, start=never_run)
    greedy = case.trial(backdoor=Backdoor(Patch(2), AllToOne(0), 0.6), seed=4)
    odd_class = case.trial(backdoor=Backdoor(Patch(2), AllToOne(7), 0.3), seed=5)
    told: dict[str, Record | BadnetsError] = {}
    records = run_cohort(
        [orphan, wild, good, greedy, odd_class],
        workspace,
        on_each=lambda trial, outcome: told.update({trial.name: outcome}),
    )
    assert [told[one.name] for one in (orphan, wild, good, greedy, odd_class)] == records
    for trial, record in zip((orphan, wild, good, greedy, odd_class), records, strict=True):
        if trial == good:
            assert isinstance(record, Record) and record.provenance.cohort == 2
            continue
        assert isinstance(record, BadnetsError)
        with pytest.raises(type(record)) as expected:
            run_trial(trial, workspace)
        assert str(record) == str(expected.value)
        assert not workspace.bundle(trial).exists()
    assert isinstance(records[0], TrialError) and "start network" in str(records[0])
    assert isinstance(records[1], TrialError) and "diverged" in str(records[1])


def test_trials_on_few_images_share_a_computation_and_no_images(
    case: Small, workspace: Workspace
) -> None:
    trials = [
        case.trial(training=TRAINING, train_limit=40, evaluate_on="held-back", held_back=16, seed=k)
        for k in range(3)
    ]
    records = run_cohort(trials, workspace)
    for trial, record in zip(trials, records, strict=True):
        assert isinstance(record, Record)
        assert compared(record) == compared(run_trial(trial, workspace))
        assert record.clean.accuracy.total == 16


ALONE: dict[str, OutsourcedTrial | TransferTrial | RepairedTrial] = {
    "a trainer who searches": OutsourcedTrial(
        data="digits", backdoor=WHITE, search=Search(held_back=200)
    ),
    "a trainer who resists": OutsourcedTrial(data="digits", resist=AntiBackdoor()),
    "retraining": TransferTrial(kind="transfer", data="digits", start=CLEAN),
    "repair": RepairedTrial(kind="repaired", data="digits", start=CLEAN),
    "evasion": OutsourcedTrial(data="digits", training=replace(TRAINING, evade=("mask",))),
    "freezing": OutsourcedTrial(data="digits", training=replace(TRAINING, freeze=(0.5,))),
    "normalisation": OutsourcedTrial(data="digits", network="small-resnet"),
    "a network of a library": OutsourcedTrial(data="digits", network="timm.resnet18"),
    "one's own network": OutsourcedTrial(data="digits", network="tests.trials.own_code:net"),
    "a detector": OutsourcedTrial(data="scenes"),
}


@pytest.mark.parametrize("why", ALONE)
def test_what_is_trained_alone(why: str, workspace: Workspace) -> None:
    trial = ALONE[why]
    assert cohort_key(trial) is None
    with pytest.raises(SettingError, match="cannot be trained as one"):
        run_cohort([trial, trial], workspace)


def test_pictures_in_folders_are_trained_on_alone(tmp_path: Path) -> None:
    assert cohort_key(CLEAN.model_copy(update={"data": f"folder:{tmp_path}@28"})) is None


@pytest.mark.parametrize(
    "change",
    [
        {"data": "mnist"},
        {"architecture": {"width": 2}},
        {"target_accuracy": 0.5},
        {"evaluate_on": "held-back"},
        {"train_limit": 500},
        {"training": replace(TRAINING, epochs=5)},
        {"training": replace(TRAINING, weight_decay=0.5)},
        {"training": replace(TRAINING, shift=1)},
    ],
    ids=str,
)
def test_what_members_must_have_in_common(change: dict[str, Any], workspace: Workspace) -> None:
    other = CLEAN.model_copy(update=change)
    assert cohort_key(other) not in (None, cohort_key(CLEAN))
    with pytest.raises(SettingError, match="of one cohort_key"):
        run_cohort([CLEAN, other], workspace)


@pytest.mark.parametrize(
    "change",
    [
        {"backdoor": WHITE},
        {"seed": 9},
        {"training": replace(TRAINING, lr=1.0)},
        {"keep_bundle": False},
        {"observe": ("examples",)},
        {"start": CLEAN},
        {"control": CLEAN},
        {"contents": {"a.png": "0"}},
    ],
    ids=str,
)
def test_what_members_may_differ_in(change: dict[str, Any]) -> None:
    assert cohort_key(CLEAN.model_copy(update=change)) == cohort_key(CLEAN)


@pytest.mark.parametrize(
    ("device", "size", "expected"),
    [("cuda", 2, True), ("cuda:1", 64, True), ("cuda", 1, False), ("cpu", 64, False)],
)
def test_where_a_cohort_is_worth_its_while(device: str, size: int, expected: bool) -> None:
    assert worthwhile(device, size) is worthwhile(torch.device(device), size) is expected


def test_no_trials_have_no_records(workspace: Workspace) -> None:
    records: Sequence[Record | BadnetsError] = run_cohort([], workspace)
    assert records == []
