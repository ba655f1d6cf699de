"""Run many trials: what the ledger holds is not run again, what is interrupted goes on later."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from badnets.core.errors import BadnetsError, OutputError, SettingError
from badnets.core.progress import Progress
from badnets.ledger import Ledger
from badnets.runners.display import Display, display_for
from badnets.runners.planning import Step, plan
from badnets.runners.pool import run_in_pool
from badnets.runners.run_tracker import RunOne, RunTracker
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace


def run_all(
    trials: Sequence[Trial],
    workspace: Workspace,
    ledger: Ledger,
    *,
    workers: int | None = None,
    data_root: Path | str | None = None,
    display: Display | None = None,
    on_record: Callable[[Record], None] | None = None,
    run: RunOne | None = None,
    bundles: bool = False,
) -> dict[str, Record]:
    """Return the records of the trials by name, after running those that the ledger lacks.

    Each record is in the ledger as soon as its trial ends. After Ctrl-C or a kill, the same call
    goes on where it was; only the trials that were running then are lost.

    Args:
        trials: those that are wanted; what they require is run before them.
        workspace: where bundles and arrays go.
        ledger: where records are.
        workers: 1 runs them in this process, more in as many processes of one thread each. None
            takes one per core where more than one trial is wanted and there is no GPU: that does
            not depend on how many are left, so what is resumed gives the same records.
        data_root: where data sets lie; None: as `badnets.data.load` finds it.
        display: is told what happens; None shows it on stderr.
        on_record: is called with each new record.
        run: runs one trial; None for `badnets.trials.run_trial`.
        bundles: whether a trial whose record is held is run again where its bundle has gone.

    Raises:
        SettingError: ``workers`` is below 1.
        TrialError: trials failed, or their worker was killed; raised when all others are done.
        DataError, OutputError, LedgerError: these stop every trial, so they are raised at once.
        KeyboardInterrupt: after Ctrl-C, once the workers have ended.
    """
    data_root = None if data_root is None else Path(data_root)
    if workers is not None and workers < 1:
        raise SettingError(f"workers must be >= 1, got {workers}")
    workspace.prepare()
    wanted = list(dict.fromkeys(trial.name for trial in trials))
    held = ledger.has(name for trial in trials for name in _names(trial))
    steps = plan(trials, held, lambda one: workspace.bundle(one).is_dir(), bundles=bundles)
    if steps:
        count = workers if workers is not None else _best_workers(len(wanted))
        tracker = RunTracker(ledger, display or display_for(), on_record)
        _run(
            steps,
            workspace,
            tracker,
            run or _run_trial(),
            data_root,
            count,
            len(held & set(wanted)),
        )
    return {record.name: record for record in ledger.records(names=wanted)}


def _run(
    steps: list[Step],
    workspace: Workspace,
    tracker: RunTracker,
    run: RunOne,
    data_root: Path | None,
    workers: int,
    held: int,
) -> None:
    """Run the steps; those that fail are in the tracker, and raised when all others are done."""
    interrupted = False
    tracker.display.begin(steps, held, min(workers, len(steps)))
    try:
        if workers == 1:
            _run_here(steps, workspace, tracker, run, data_root)
        else:
            run_in_pool(steps, workspace, tracker, run, data_root, workers)
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        tracker.display.end(interrupted=interrupted)
        with suppress(OutputError):  # a full disk has been complained of already
            workspace.prepare()  # clears away what stopped workers left half-written
    tracker.raise_failures(len(steps))


def _run_here(
    steps: list[Step],
    workspace: Workspace,
    tracker: RunTracker,
    run: RunOne,
    data_root: Path | None,
) -> None:
    """Run one step after another, in this process, with all of its threads (or its GPU)."""
    left = steps
    while left := tracker.give_up_on(left):
        step = tracker.next_of(left, lambda one: workspace.bundle(one).is_dir())
        if step is None:
            continue

        def tell(progress: Progress, step: Step = step) -> None:
            tracker.display.progress(step, progress)

        tracker.display.started(step)
        try:
            record = run(step.trial, workspace, data_root=data_root, progress=tell)
        except BadnetsError as error:
            tracker.fail(step, error)
        else:
            tracker.store(step, record)


def _run_trial() -> RunOne:
    from badnets.trials.running import run_trial

    return run_trial


def _names(trial: Trial) -> set[str]:
    """Return the trial's name and those of all that it requires."""
    return {trial.name}.union(*(_names(other) for other in trial.requires()))


def _best_workers(wanted: int) -> int:
    if wanted == 1:
        return 1
    from badnets.core.devices import best_device

    return _cores() if best_device().type == "cpu" else 1


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
