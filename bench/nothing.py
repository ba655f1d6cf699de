"""Trials that do nothing, and their records: for what everything around a trial costs."""

from __future__ import annotations

import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from badnets.core.progress import Listener
from badnets.ledger import Ledger, read_records
from badnets.runners import Silent, run_missing
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace
from bench.ledger import RESULTS

FIRST_SEED = 1000


def trials_of_nothing(count: int) -> list[Trial]:
    """Return so many trials that differ in their seeds."""
    base = _known().trial
    return [base.model_copy(update={"seed": FIRST_SEED + place}) for place in range(count)]


def record_for(trial: Trial) -> Record:
    """Return the record of another trial under this one's name."""
    return _known().model_copy(update={"trial": trial, "name": trial.name})


def run_nothing(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Return a record without doing anything."""
    return record_for(trial)


def seconds_each(count: int, **where: Any) -> tuple[float, float, float]:
    """Return what trials of nothing cost: see `badnets.runners.run_missing` for where they run.

    Args:
        count: how many.
        where: further arguments.

    Returns:
        Seconds from one record to the next, seconds of the whole call, and processor time of this
        process for each trial.
    """
    trials, kept = trials_of_nothing(count), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        with Ledger.open(workspace.ledger_file) as ledger:
            start, used = time.perf_counter(), time.process_time()
            run_missing(
                trials,
                workspace,
                ledger,
                display=Silent(),
                on_record=lambda _: kept.append(time.perf_counter()),
                run=run_nothing,
                **where,
            )
            whole, used = time.perf_counter() - start, time.process_time() - used
            assert len(kept) == count
    return (kept[-1] - kept[0]) / (count - 1), whole, used / count


@lru_cache(maxsize=1)
def _known() -> Record:
    records = read_records(RESULTS / "mnist.json")
    return next(record for record in records if not record.trial.requires())
