"""What running trials would come to: counted against a ledger, timed by records in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.devices import VARIABLE
from badnets.core.targets import AllToOne, CleanLabel
from badnets.core.triggers import Patch
from badnets.ledger import Ledger
from badnets.ledger.columns import stored_row
from badnets.runners.eta import expected_work
from badnets.runners.forecasting import Forecast, _trial_of, duration, forecast
from badnets.runners.planning import cores
from badnets.train.settings import Training
from badnets.trials import OutsourcedTrial, RepairedTrial, TransferTrial, Trial
from tests.ledger.samples import attacked_trial, clean_trial, record_of

ATTACK = Backdoor(Patch(0.1), AllToOne(1))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


def keep(ledger: Ledger, *trials: Trial, pace: float = 1e-3, **of: float) -> None:
    """Hold a record of each trial, which took so many seconds for a unit of work."""
    for trial in trials:
        record = record_of(trial)
        total = of.get(trial.name, pace * expected_work(trial))
        timings = record.timings.model_copy(update={"total_s": total})
        ledger.add(record.model_copy(update={"timings": timings}))


def told(trials: list[Trial], ledger: Ledger | None, workers: int = 1) -> Forecast:
    return forecast(trials, ledger, lambda trial: True, workers=workers)


def test_without_a_ledger_everything_is_to_run() -> None:
    base = clean_trial(9)
    found = told([attacked_trial(seed, control=base) for seed in range(3)], None)
    assert (found.count, found.held, found.failed, found.to_run, found.others) == (3, 0, None, 3, 1)
    assert found.lines == [
        "3 trials: 0 in the ledger already, 3 to run",
        "1 trial beside them, which they are compared with or start from",
        "no estimate: no record of digits, gu-mnist",
    ]


def test_what_is_held_and_what_failed_is_counted(ledger: Ledger) -> None:
    trials: list[Trial] = [clean_trial(seed) for seed in range(1_300)]
    keep(ledger, *trials[:4])
    failed = {trials[0].name, trials[7].name, "another"}
    found = forecast(trials, ledger, lambda trial: True, failed=failed, workers=1)
    assert (found.held, found.to_run, found.failed, found.others) == (4, 1_296, 1, 0)
    line = "1,300 trials: 4 in the ledger already, 1,296 to run; 1 failed before"
    assert found.lines[0] == line
    found = forecast(trials, ledger, lambda trial: True, failed=failed, skip_failed=True)
    assert (found.count, found.held, found.to_run, found.left_out) == (1_300, 3, 1_295, 2)
    assert found.lines[1] == "2 trials left out, which failed in an earlier run or need what did"
    nothing = told(trials[:4], ledger)
    assert nothing.lines[1:] == ["nothing is left to run"]


def test_a_control_is_counted_where_it_or_its_network_is_missing(ledger: Ledger) -> None:
    base = clean_trial(9)
    attacked = attacked_trial(1, control=base)
    keep(ledger, base)
    assert told([attacked], ledger).others == 0
    assert forecast([attacked], ledger, lambda trial: False).others == 1


def test_a_gpu_trains_one_at_a_time(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(ledger, clean_trial(0))
    trials: list[Trial] = [clean_trial(seed) for seed in range(1, 9)]
    for device, workers in (("cpu", min(8, cores())), ("cuda", 1), ("cuda:1", 1)):
        monkeypatch.setenv(VARIABLE, device)
        assert forecast(trials, ledger, lambda trial: True).estimate.workers == workers


def test_time_goes_with_the_work_and_is_shared_by_workers(ledger: Ledger) -> None:
    keep(ledger, *(clean_trial(seed) for seed in range(10)), pace=2e-3)
    trials: list[Trial] = [clean_trial(seed) for seed in range(10, 18)]
    work = sum(map(expected_work, trials))
    for workers in (1, 4):
        estimate = told(trials, ledger, workers).estimate
        assert estimate.seconds == pytest.approx(2e-3 * work / workers)
        assert (estimate.low, estimate.high) == pytest.approx((estimate.seconds,) * 2)
        assert (estimate.records, estimate.workers, estimate.trials) == (10, workers, 8)
    assert told(trials[:1], ledger, 4).estimate.workers == 1
    longer = OutsourcedTrial(data="digits", training=Training(epochs=50), seed=1)
    few = told([*trials[:3], longer], ledger, 4).estimate
    assert few.seconds == pytest.approx(2e-3 * expected_work(longer)), "no less than the longest"


def test_the_range_leaves_out_odd_records(ledger: Ledger) -> None:
    known = [clean_trial(seed) for seed in range(21)]
    work = expected_work(known[0])
    keep(ledger, *known, **{one.name: (n + 1) * work for n, one in enumerate(known)})
    estimate = told([clean_trial(99)], ledger).estimate
    assert estimate.seconds == pytest.approx(11 * work)
    assert [estimate.low, estimate.high] == pytest.approx([3 * work, 19 * work])
    assert "from 21 records of digits, gu-mnist" in str(estimate)
    assert f"({duration(3 * work)} to {duration(19 * work)})" in str(estimate)


def test_the_nearest_records_count_and_what_is_like_none_is_named(ledger: Ledger) -> None:
    keep(ledger, clean_trial(0), pace=1.0)
    mnist = told([OutsourcedTrial(data="mnist")], ledger).estimate
    assert mnist.records == 1 and mnist.like == ("other data, gu-mnist",)
    keep(ledger, OutsourcedTrial(data="mnist", seed=5), pace=3.0)
    near: Trial = OutsourcedTrial(data="mnist")
    assert told([near], ledger).estimate.seconds == pytest.approx(3.0 * expected_work(near))
    repaired = RepairedTrial.model_validate({"kind": "repaired", "start": clean_trial(0)})
    other: Trial = OutsourcedTrial(data="gtsrb")
    mixed = told([near, repaired, other], ledger).estimate
    assert mixed.unknown == (f"gtsrb, {other.network}",) and mixed.trials == 2
    assert str(mixed).endswith(
        f"; without those of which there is no record of gtsrb, {other.network}"
    )


def test_a_sample_stands_for_all(ledger: Ledger) -> None:
    keep(ledger, clean_trial(0), pace=1.0)
    trials: list[Trial] = [clean_trial(seed) for seed in range(1, 11)]
    found = forecast(trials, ledger, lambda trial: True, workers=2, count=10_000_000)
    assert (found.count, found.looked_at) == (10_000_000, 10)
    expected = 1_000_000 * sum(map(expected_work, trials)) / 2
    assert found.estimate.seconds == pytest.approx(expected)
    assert (
        found.lines[0] == "10,000,000 trials: 0 of 10 that were looked at are in the ledger already"
    )
    assert f"about {expected / 86_400:,.0f} days with 2 workers, from 1 record" in found.lines[1]


def test_a_row_that_was_changed_is_left_out(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, clean_trial(0), clean_trial(1))
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute("UPDATE records SET total_s = 1e9 WHERE seed = 1")
    connection.close()
    assert told([clean_trial(2)], ledger).estimate.records == 1


@pytest.mark.parametrize(
    "trial",
    [
        OutsourcedTrial(data="digits", training=Training(epochs=4)),
        OutsourcedTrial(data="digits"),
        OutsourcedTrial(data="digits", train_limit=50, backdoor=ATTACK, observe=("units",)),
        OutsourcedTrial(data="digits", backdoor=Backdoor(Patch(3), CleanLabel(1), 0.05, "replace")),
        OutsourcedTrial(data="digits", backdoor=Backdoor(Patch(3), AllToOne(1), "every")),
        TransferTrial(kind="transfer", data="digits", start=OutsourcedTrial(data="digits")),
        RepairedTrial.model_validate({"kind": "repaired", "start": clean_trial(0)}),
    ],
)
def test_the_work_of_a_record_is_read_from_its_row(trial: Trial) -> None:
    read = _trial_of(stored_row(record_of(trial)))
    assert read is not None and (read.kind, read.task) == (trial.kind, trial.task)
    assert expected_work(read) == expected_work(trial)


def test_a_row_that_cannot_be_read_says_nothing() -> None:
    row = stored_row(record_of(clean_trial(0)))
    for summary in ("{", "{}", '{"trial": {"kind": "rented"}}', '{"trial": {"training": 3}}'):
        assert _trial_of({**row, "summary": summary}) is None


def test_days_are_said_as_days() -> None:
    assert [duration(seconds) for seconds in (5, 90_000, 200_000, 8.64e9)] == [
        "5 s", "25 h 00 min", "2 days", "100,000 days",
    ]  # fmt: skip
