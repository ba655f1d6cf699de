"""Trials that do nothing, in the pool: what each costs, of few and of very many."""

from __future__ import annotations

from collections.abc import Iterator

from bench.nothing import seconds_each
from bench.results import Result, Wanted
from bench.scales import Scale

WORKERS = 2
MOST_S = 0.003


def run(scale: Scale) -> Iterator[Result]:
    """Give seconds per trial of lists of three lengths."""
    for count in (scale.records // 20, scale.records // 2, 5 * scale.records):
        each, whole, used = seconds_each(count, workers=WORKERS)
        yield Result(
            f"{count:,} trials that do nothing in a pool of {WORKERS}, each",
            (each,),
            "s",
            wanted=Wanted("<=", MOST_S),
            note=f"{1000 * each:.2f} ms from the first record to the last; {whole:.1f} s in all, "
            f"with the start of the workers; {1000 * used:.2f} ms of the driver's processor time",
        )
