"""Trials one after another in this process: kept at once, not run twice, gone on with later."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from badnets.core.errors import DataError, SettingError, TrialError
from badnets.core.progress import Listener, Progress
from badnets.ledger import Ledger
from badnets.runners import Silent, Step, run_all
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace
from tests.ledger.samples import attacked_trial, clean_trial, record_of
from tests.runners.fakes import run_and_log, run_badly, run_fake

BASE = clean_trial(0)
TRIALS = [attacked_trial(seed, control=BASE) for seed in (5, 6, 7)]


class Notes(Silent):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.began: tuple[int, int, int] | None = None
        self.interrupted: bool | None = None

    def begin(self, steps: Sequence[Step], held: int, workers: int) -> None:
        self.began = (len(steps), held, workers)

    def started(self, step: Step) -> None:
        self.said.append(("started", step.name))

    def progress(self, step: Step, progress: Progress) -> None:
        self.said.append((progress.what, step.name))

    def finished(self, step: Step, record: Record) -> None:
        self.said.append(("finished", record.name))

    def failed(self, step: Step, reason: str, *, for_good: bool = True) -> None:
        self.said.append(("failed", step.name))

    def end(self, *, interrupted: bool) -> None:
        self.interrupted = interrupted


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


@pytest.fixture
def ledger(workspace: Workspace) -> Iterator[Ledger]:
    with Ledger.open(workspace.ledger_file) as opened:
        yield opened


class Counting:
    """Runs trials as `run_fake` does, and counts."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.ran: list[str] = []
        self._stop_at = stop_at

    def __call__(
        self,
        trial: Trial,
        workspace: Workspace,
        *,
        data_root: Path | None = None,
        progress: Listener | None = None,
    ) -> Record:
        if len(self.ran) == self._stop_at:
            raise KeyboardInterrupt
        self.ran.append(trial.name)
        return run_fake(trial, workspace, data_root=data_root, progress=progress)


def test_what_another_process_has_done_meanwhile_is_not_run(
    workspace: Workspace, ledger: Ledger
) -> None:
    trials, run = [clean_trial(seed) for seed in range(4)], Counting()

    def work(
        trial: Trial,
        workspace: Workspace,
        *,
        data_root: Path | None = None,
        progress: Listener | None = None,
    ) -> Record:
        with Ledger.open(workspace.ledger_file) as theirs:  # another process does the third
            theirs.add(run_fake(trials[2], workspace))
        return run(trial, workspace, data_root=data_root, progress=progress)

    records = run_all(trials, workspace, ledger, workers=1, run=work, display=Silent())
    assert sorted(run.ran) == sorted(trials[place].name for place in (0, 1, 3))
    assert records.keys() == {trial.name for trial in trials}


def test_two_who_run_the_same_trials_share_them(workspace: Workspace) -> None:
    trials = [clean_trial(seed) for seed in range(12)]
    workspace.prepare()

    def work() -> None:
        with Ledger.open(workspace.ledger_file) as book:
            run_all(trials, workspace, book, workers=1, run=run_and_log, display=Silent())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    begun = (workspace.root / "begun.log").read_text().splitlines()
    assert sorted(begun) == sorted(trial.name for trial in trials), "none is run twice"


def test_each_trial_is_run_once_and_what_it_requires_before(
    workspace: Workspace, ledger: Ledger
) -> None:
    run, notes, kept = Counting(), Notes(), list[Record]()
    records = run_all(
        [TRIALS[0], TRIALS[1], TRIALS[0]],
        workspace,
        ledger,
        workers=1,
        run=run,
        display=notes,
        on_record=kept.append,
    )
    order = [BASE.name, TRIALS[0].name, TRIALS[1].name]
    assert run.ran == order
    assert records.keys() == set(order[1:])
    assert [record.name for record in kept] == order
    assert notes.began == (3, 0, 1)
    assert notes.said == [
        (what, name) for name in order for what in ("started", "training", "finished")
    ]
    assert notes.interrupted is False

    again = run_all(TRIALS, workspace, ledger, workers=1, run=run, display=notes)
    assert run.ran == [*order, TRIALS[2].name]
    assert notes.began == (1, 2, 1)
    assert again.keys() == {trial.name for trial in TRIALS}
    assert len(ledger) == 4


def test_nothing_to_run_says_nothing(workspace: Workspace, ledger: Ledger) -> None:
    notes = Notes()
    assert run_all([], workspace, ledger, run=Counting(), display=notes) == {}
    ledger.add(record_of(BASE))
    assert list(run_all([BASE], workspace, ledger, run=Counting(), display=notes)) == [BASE.name]
    assert notes.began is None


def test_a_missing_bundle_is_made_again_and_its_record_stays(
    workspace: Workspace, ledger: Ledger
) -> None:
    run, kept = Counting(), list[Record]()
    run_all([TRIALS[0]], workspace, ledger, run=run, display=Silent())
    before = ledger.get(BASE.name)
    shutil.rmtree(workspace.bundle(BASE))
    run_all(
        TRIALS[:2], workspace, ledger, workers=1, run=run, display=Silent(), on_record=kept.append
    )
    assert run.ran == [BASE.name, TRIALS[0].name, BASE.name, TRIALS[1].name]
    assert workspace.bundle(BASE).is_dir()
    assert [record.name for record in kept] == [TRIALS[1].name]
    assert ledger.get(BASE.name) == before


def test_after_an_interrupt_the_same_call_goes_on(workspace: Workspace, ledger: Ledger) -> None:
    notes, stopped, run = Notes(), Counting(stop_at=2), Counting()
    with pytest.raises(KeyboardInterrupt):
        run_all(TRIALS, workspace, ledger, workers=1, run=stopped, display=notes)
    assert notes.interrupted is True
    assert ledger.has(trial.name for trial in [BASE, *TRIALS]) == set(stopped.ran)
    run_all(TRIALS, workspace, ledger, workers=1, run=run, display=notes)
    assert sorted(stopped.ran + run.ran) == sorted(trial.name for trial in [BASE, *TRIALS])
    assert len(ledger) == 4


def test_a_trial_that_fails_does_not_stop_the_others(workspace: Workspace, ledger: Ledger) -> None:
    bad = clean_trial(1)
    needy = attacked_trial(8, control=bad)
    notes = Notes()
    with pytest.raises(TrialError) as caught:
        run_all([needy, BASE], workspace, ledger, workers=1, run=run_badly, display=notes)
    said = str(caught.value)
    assert said.startswith("2 of 3 trials failed, the others are in the ledger: ")
    assert f"{bad.title} ({bad.name}): training diverged" in said
    assert f"{needy.title} ({needy.name}): not run: it needs {bad.title} ({bad.name})" in said
    assert "\n" not in said
    assert ledger.has([bad.name, needy.name, BASE.name]) == {BASE.name}
    assert ("failed", needy.name) in notes.said and ("started", needy.name) not in notes.said


def test_a_single_trial_fails_with_its_own_error(workspace: Workspace, ledger: Ledger) -> None:
    with pytest.raises(TrialError, match=r"^training diverged"):
        run_all([clean_trial(1)], workspace, ledger, run=run_badly, display=Silent())


def test_what_would_stop_every_trial_is_raised_at_once(
    workspace: Workspace, ledger: Ledger
) -> None:
    notes = Notes()
    with pytest.raises(DataError, match="no data set at nowhere"):
        run_all([clean_trial(4), BASE], workspace, ledger, workers=1, run=run_badly, display=notes)
    assert len(ledger) == 0
    assert notes.interrupted is False


def test_a_record_of_another_trial_is_refused(workspace: Workspace, ledger: Ledger) -> None:
    def confused(
        trial: Trial,
        workspace: Workspace,
        *,
        data_root: Path | None = None,
        progress: Listener | None = None,
    ) -> Record:
        return record_of(BASE)

    with pytest.raises(TrialError, match=f"came back as the record of {BASE.name}"):
        run_all([clean_trial(9)], workspace, ledger, run=confused, display=Silent())


@pytest.mark.parametrize("workers", [0, -2])
def test_a_number_of_workers_that_makes_no_sense(
    workspace: Workspace, ledger: Ledger, workers: int
) -> None:
    with pytest.raises(SettingError, match="workers must be >= 1, got"):
        run_all([BASE], workspace, ledger, workers=workers, run=run_fake, display=Silent())
