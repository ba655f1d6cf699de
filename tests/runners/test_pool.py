"""A pool of processes: one trial per core, and what is left when a worker dies."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from badnets.core.errors import DataError, SettingError, TrialError
from badnets.ledger import Ledger
from badnets.runners import Silent, run_all
from badnets.runners.pool import _error
from badnets.runners.worker import reference
from badnets.trials.workspace import Workspace
from tests.ledger.samples import attacked_trial, clean_trial
from tests.runners.fakes import run_badly, run_fake, run_until_kept
from tests.runners.test_in_process import Notes


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "runs")


@pytest.fixture
def ledger(workspace: Workspace) -> Iterator[Ledger]:
    with Ledger.open(workspace.ledger_file) as opened:
        yield opened


@pytest.mark.timeout(600)  # processes that load torch: long where others are at work too
def test_dying_workers_take_their_trial_alone_with_them(
    workspace: Workspace,
    ledger: Ledger,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "badnets")
    base, diverges, killed = (clean_trial(seed) for seed in range(3))
    needy, ends = attacked_trial(7, control=killed), attacked_trial(3, control=base)
    good = [base, *(attacked_trial(seed, control=base) for seed in (5, 6))]
    notes, here = Notes(), workspace.root
    with pytest.raises(TrialError) as caught:
        run_all(
            [killed, diverges, *good, ends, needy],
            workspace,
            ledger,
            workers=2,
            data_root=here,
            run=run_badly,
            display=notes,
        )
    said = str(caught.value)
    assert said.startswith("4 of 7 trials failed, the others are in the ledger: ")
    assert f"({diverges.name}): training diverged: the loss is not a number" in said
    assert f"({killed.name}): its worker process died: it was killed (for want of" in said
    assert f"({ends.name}): its worker process died: it ended with exit code 7" in said
    assert f"({needy.name}): not run: it needs" in said
    records = {record.name: record for record in ledger.records()}
    assert records.keys() == {trial.name for trial in good}
    for record in records.values():
        assert record.reason == f"1 threads, data in {here}"
    assert notes.began == (7, 0, 2)
    for trial in good:
        steps = [what for what, name in notes.said if name == trial.name]
        assert steps == ["started", "training", "finished"]
    assert "Traceback" not in capfd.readouterr().err
    logged = [line.getMessage() for line in caplog.records if line.name == "badnets.fakes"]
    assert {f"seed {trial.seed} begins" for trial in good} <= set(logged), "what workers log"


@pytest.mark.timeout(600)
def test_what_has_ended_is_kept_while_all_others_are_busy(
    workspace: Workspace, ledger: Ledger
) -> None:
    trials = [clean_trial(seed) for seed in (0, 1, 10, 11)]
    run_all(trials, workspace, ledger, workers=2, run=run_until_kept, display=Silent())
    assert len(ledger) == len(trials)


def test_errors_come_back_from_workers_as_what_they_were() -> None:
    assert type(_error("DataError", "no data")) is DataError
    assert type(_error("TrialError", "NaN")) is TrialError
    for strange in ("KeyError", "annotations", "ClassVar", "nothing"):
        assert type(_error(strange, "text")) is TrialError


def test_workers_find_the_function_by_its_name() -> None:
    assert reference(run_fake) == "tests.runners.fakes:run_fake"
    for nameless in (lambda: None, Silent.begin):
        with pytest.raises(SettingError, match="at the top level of a module, got"):
            reference(nameless)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        """
import sys
sys.path.insert(0, sys.argv[1])
from badnets.core.errors import TrialError
from badnets.ledger import Ledger
from badnets.runners import Silent, run_all
from badnets.trials import Workspace
from pathlib import Path
from tests.ledger.samples import clean_trial
from tests.runners.fakes import run_fake
workspace = Workspace(Path(sys.argv[2]))
ledger = Ledger.open(workspace.ledger_file)
trials = [clean_trial(0), clean_trial(1)]
try:
    run_all(trials, workspace, ledger, workers=2, run=run_fake, display=Silent())
except TrialError as error:
    print(error)
"""
    )
    here = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script), str(here), str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.stdout.startswith("worker processes cannot start: "), done.stderr
    assert "if __name__ == '__main__'" in done.stdout


def test_a_worker_sets_its_threads_before_torch_is_there() -> None:
    code = "import sys, badnets.runners.worker; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_worker_that_is_asked_to_end_while_it_imports_does_not_complain() -> None:
    code = """
import os
from badnets.runners import worker

def importing(*_):
    try:
        worker._leave(15, None)
    except SystemExit as ending:
        raise ImportError("half of a module") from ending

worker._run_trials = importing
worker.serve(None, "", "", None, os.getppid())
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (143, "")
