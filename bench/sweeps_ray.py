"""Trials that do nothing, on a Ray cluster of this machine and in the pool: what each costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from badnets.runners.ray_connection import connected
from bench.measuring import interleaved
from bench.nothing import seconds_each
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
            per_trial, whole, cpu = seconds_each(count, workers=WORKERS, ray="auto")
            pooled, _, pools_cpu = seconds_each(count, workers=WORKERS)
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
