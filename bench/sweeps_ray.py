"""Trials that do nothing, on a Ray cluster of this machine and in the pool: what each costs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from badnets.core.progress import Listener
from badnets.ledger import Ledger, read_records
from badnets.runners import Silent, run_missing
from badnets.runners.ray_connection import connected
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace
from bench.ledger import RECORDS
from bench.measuring import interleaved
from bench.results import Result, Wanted
from bench.scales import Scale

WORKERS = 2
MOST_S = 0.015
CALLS = 300


def run(scale: Scale) -> Iterator[Result]:
    """Give seconds per trial of a short and of a long list, and what a call of an actor costs."""
    few, many = scale.records // 20, scale.records // 2
    with connected("local", cpus=WORKERS) as cluster:
        for count in (few, many):
            per_trial, whole, cpu = _seconds(count, ray="auto")
            pooled, _, pools_cpu = _seconds(count)
            yield Result(
                f"{count:,} trials that do nothing on Ray, each",
                (per_trial,),
                "s",
                wanted=Wanted("<=", MOST_S),
                note=f"{1000 * per_trial:.2f} ms from the first record to the last; {whole:.1f} s "
                f"in all, with the start of {WORKERS} workers; the pool: {1000 * pooled:.2f} ms; "
                f"processor time of the driver {1000 * cpu:.2f} ms, of the pool's "
                f"{1000 * pools_cpu:.2f} ms; {cluster}",
            )
        actor, task = _calls()
        pairs = interleaved(actor, task, scale.rounds)
        yield Result(
            f"{CALLS} calls, one after another: a task / an actor",
            pairs.faster,
            "x",
            note=pairs.note("an actor", "a task"),
        )


def run_nothing(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Return the record of another trial under this one's name."""
    return _known().model_copy(update={"trial": trial, "name": trial.name})


@lru_cache(maxsize=1)
def _known() -> Record:
    return next(record for record in read_records(RECORDS) if not record.trial.requires())


def _seconds(count: int, **where: Any) -> tuple[float, float, float]:
    """Return the seconds from one record to the next, those of the whole call, and this process's.

    The last are processor time for each trial.
    """
    base = _known().trial
    trials = [base.model_copy(update={"seed": 1000 + place}) for place in range(count)]
    kept: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        with Ledger.open(workspace.ledger_file) as ledger:
            start, used = time.perf_counter(), time.process_time()
            run_missing(
                trials,
                workspace,
                ledger,
                workers=WORKERS,
                display=Silent(),
                on_record=lambda _: kept.append(time.perf_counter()),
                run=run_nothing,
                **where,
            )
            whole, used = time.perf_counter() - start, time.process_time() - used
            assert len(kept) == count
    return (kept[-1] - kept[0]) / (count - 1), whole, used / count


def _calls() -> tuple[Callable[[], None], Callable[[], None]]:
    import ray

    class Actor:
        def call(self, given: str) -> str:
            return given

    actor: Any = ray.remote(num_cpus=1)(Actor).remote()
    task: Any = ray.remote(num_cpus=1)(lambda given: given)

    def by_actor() -> None:
        for _ in range(CALLS):
            ray.get(actor.call.remote("nothing"))

    def by_task() -> None:
        for _ in range(CALLS):
            ray.get(task.remote("nothing"))

    by_actor()
    by_task()
    return by_actor, by_task
