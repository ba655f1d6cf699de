"""Giving out steps: who claims what, what is tried again, and what has failed elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from badnets.core.errors import SettingError, TrialError
from badnets.core.progress import Listener
from badnets.ledger import Ledger
from badnets.ledger.database import PATIENCE_S
from badnets.runners import Silent, Step, run_all, run_missing
from badnets.runners.holders import is_gone, new_holder
from badnets.runners.scheduler import LEASE_S, Scheduler
from badnets.train.settings import Training
from badnets.trials.record import Record
from badnets.trials.trial import OutsourcedTrial, Trial
from badnets.trials.workspace import Workspace
from tests.ledger.samples import BACKDOOR, attacked_trial, clean_trial, record_of
from tests.runners.fakes import run_badly, run_fake
from tests.runners.test_in_process import Counting, Notes

BASE = clean_trial(0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


@pytest.fixture
def ledger(workspace: Workspace) -> Iterator[Ledger]:
    with Ledger.open(workspace.ledger_file) as opened:
        yield opened


def scheduler(
    ledger: Ledger, *trials: Trial, retry: int = 0, has_bundles: bool = True
) -> Scheduler:
    steps = [
        Step(trial, frozenset(other.name for other in trial.requires() if other in trials))
        for trial in trials
    ]
    return Scheduler(steps, ledger, Silent(), has_bundle=lambda _: has_bundles, retry=retry)


class Failing:
    """Fails so many times, and then runs."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(
        self,
        trial: Trial,
        workspace: Workspace,
        *,
        data_root: Path | None = None,
        progress: Listener | None = None,
    ) -> Record:
        self.times -= 1
        if self.times >= 0:
            raise TrialError("its worker process died")
        return run_fake(trial, workspace)


def test_what_one_claims_the_other_waits_for(ledger: Ledger) -> None:
    first, second = clean_trial(0), clean_trial(1)
    with scheduler(ledger, first, second) as one, scheduler(ledger, first, second) as other:
        mine, theirs = one.take(), other.take()
        assert mine is not None and theirs is not None
        assert {mine.trial, theirs.trial} == {first, second}
        assert one.take() is None and not one.is_over
        other.store(theirs, record_of(theirs.trial))
        one.store(mine, record_of(mine.trial))
        while one.take() is None and not one.is_over:
            one.wait()
        assert one.is_over
    assert len(ledger) == 2


def test_a_long_trial_stays_claimed_while_its_driver_lives(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("badnets.runners.scheduler.LEASE_S", 0.4)
    with scheduler(ledger, BASE) as one:
        assert one.take() is not None
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            found = ledger.claims.take([BASE.name], "another", lease_s=60, most=1)
            assert found.elsewhere == {BASE.name}
            time.sleep(0.1)
    assert ledger.claims.take([BASE.name], "another", lease_s=60, most=1).taken


def test_a_server_may_stay_away_as_long_as_calls_wait_and_no_claim_ends() -> None:
    """A claim that was renewed a quarter of a lease before the server went outlives its absence."""
    assert LEASE_S * 3 / 4 > PATIENCE_S


def test_what_another_could_not_do_is_not_tried_here(ledger: Ledger) -> None:
    bad, needy = clean_trial(1), attacked_trial(3, control=clean_trial(1))
    with scheduler(ledger, bad, needy) as one, scheduler(ledger, bad, needy) as other:
        step = one.take()
        assert step is not None and other.take() is None
        one.fail(step, TrialError("training diverged"))
        assert one.is_over
        while not other.is_over:
            assert other.take() is None, "it has failed"
            other.wait()
        assert other.failures.keys() == {bad.name, needy.name}
        with pytest.raises(TrialError, match="training diverged"):
            other.raise_failures()
    assert ledger.failures()[bad.name].attempts == 1


def test_what_another_has_recorded_without_a_bundle_is_made_here_too(ledger: Ledger) -> None:
    needy = attacked_trial(3, control=BASE)
    with scheduler(ledger, BASE, needy, has_bundles=False) as one:
        ledger.add(record_of(BASE))
        step = one.take()
        assert step == Step(BASE, frozenset(), remake=True)
        one.store(step, record_of(BASE))
        assert (after := one.take()) is not None and after.trial == needy


def test_claims_of_a_process_that_was_killed_are_free_at_once(ledger: Ledger) -> None:
    code = "from badnets.runners.holders import new_holder; print(new_holder())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    holder = ended.stdout.strip()
    assert is_gone(holder)
    ledger.claims.take([BASE.name], holder, lease_s=3600, most=1)
    with scheduler(ledger, BASE) as one:
        step = one.take()
        assert step is not None and step.trial == BASE


def test_only_a_process_of_this_machine_is_known_to_have_ended() -> None:
    mine = new_holder()
    assert not is_gone(mine) and mine != new_holder()
    assert not is_gone("elsewhere:" + mine.partition(":")[2])
    assert not is_gone("nonsense") and not is_gone("")
    machine, _, started, run = mine.split(":")
    assert is_gone(f"{machine}:{os.getpid()}:{started}1:{run}"), "another process had its number"


def test_claims_end_with_the_run(workspace: Workspace, ledger: Ledger) -> None:
    with scheduler(ledger, BASE, clean_trial(1)) as one:
        assert one.take() is not None
    assert not ledger.claims.holders([BASE.name, clean_trial(1).name])


def test_failed_trials_are_tried_again_as_often_as_asked(
    workspace: Workspace, ledger: Ledger
) -> None:
    notes = Notes()
    run_missing([BASE], workspace, ledger, run=Failing(2), retry=2, display=notes)
    assert len(ledger) == 1 and not ledger.failures()
    assert [what for what, _ in notes.said if what != "training"] == [
        *("started", "failed"), *("started", "failed"), *("started", "finished"),
    ]  # fmt: skip
    with pytest.raises(TrialError, match="its worker process died"):
        run_missing([clean_trial(7)], workspace, ledger, run=Failing(2), retry=1, display=Silent())
    with pytest.raises(SettingError, match="retry must be >= 0, got -1"):
        run_missing([BASE], workspace, ledger, retry=-1)


def test_what_failed_before_is_run_again_or_left_out(workspace: Workspace, ledger: Ledger) -> None:
    bad, needy = clean_trial(1), attacked_trial(8, control=clean_trial(1))
    with pytest.raises(TrialError):
        run_all([bad], workspace, ledger, workers=1, run=run_badly, display=Silent())
    assert ledger.failures()[bad.name].reason == "training diverged: the loss is not a number"
    run, all_three = Counting(), [needy, bad, BASE]
    left = run_all(
        all_three, workspace, ledger, workers=1, run=run, display=Silent(), skip_failed=True
    )
    assert run.ran == [BASE.name] and left.keys() == {BASE.name}
    run_all(all_three, workspace, ledger, workers=1, run=run, display=Silent())
    assert run.ran == [BASE.name, bad.name, needy.name] and not ledger.failures()


def test_many_failures_are_told_in_one_short_line(workspace: Workspace, ledger: Ledger) -> None:
    trials = [clean_trial(seed) for seed in range(40, 60)]
    with pytest.raises(TrialError) as caught:
        run_all(trials, workspace, ledger, workers=1, run=Failing(99), display=Silent())
    said = str(caught.value)
    assert said.startswith("all 20 trials failed: ")
    assert said.endswith("; and 15 more: `badnets ledger failures`")


def test_trials_that_are_alike_are_taken_together(ledger: Ledger) -> None:
    alike, others = [clean_trial(seed) for seed in range(4)], [attacked_trial(9), attacked_trial(8)]
    with scheduler(ledger, alike[0], others[0], *alike[1:], others[1]) as one:
        first = one.take()
        assert first is not None and first.trial == alike[0]
        taken = one.take_alike(first, lambda trial: str(trial.is_clean), 2)
        assert [step.trial for step in taken] == alike[1:3]
        for step in (first, *taken):
            one.store(step, record_of(step.trial))
        left = [step.trial for step in iter(one.take, None)]
        assert left == [others[0], alike[3], others[1]]


def test_where_it_is_faster_trials_are_trained_as_one(
    workspace: Workspace, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("badnets.trials.cohort.worthwhile", lambda device, size: True)
    training = Training(epochs=1, batch_size=64, precision="float32")
    trials = [
        OutsourcedTrial(
            data="digits", network="gu-mnist", training=training, seed=seed, backdoor=one
        )
        for seed, one in enumerate((None, BACKDOOR))
    ]
    found = run_all(trials, workspace, ledger, workers=1, display=Silent())
    assert [found[trial.name].provenance.cohort for trial in trials] == [2, 2]


def test_what_needs_a_trial_follows_it_before_the_rest_of_the_plan(ledger: Ledger) -> None:
    needy, later = attacked_trial(3, control=BASE), [clean_trial(seed) for seed in (11, 12)]
    order = []
    with scheduler(ledger, BASE, needy, *later) as one:
        while (step := one.take()) is not None:
            order.append(step.trial)
            one.store(step, record_of(step.trial))
    assert order == [BASE, needy, *later]


def test_what_has_ended_is_kept_though_nobody_is_left_to_take_a_step(ledger: Ledger) -> None:
    steps = [Step(clean_trial(seed), frozenset()) for seed in range(2)]
    with Scheduler(steps, ledger, Silent(), has_bundle=lambda _: True, together_s=3600) as one:
        for _ in steps:
            step = one.take()
            assert step is not None
            one.store(step, record_of(step.trial))
        assert len(ledger) == 1 and not one.is_over
        one.wait()
        assert one.is_over and len(ledger) == 2
