"""A pool of two processes with one thread each, against the same trials one after another."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from badnets.ledger import Ledger
from badnets.runners import Silent, run_all
from badnets.trials import Record, Trial, Workspace
from bench.images import name_and_note
from bench.measuring import Pairs, interleaved
from bench.results import Result, Wanted
from bench.scales import Scale
from bench.settings import SHORT, trials

LEAST = 1.1
WORKERS = 2


def run(scale: Scale) -> Iterator[Result]:
    """Give the pool's throughput over that of one process with as many threads as workers."""
    data, note = name_and_note()
    wanted = trials(data, scale)
    threads = torch.get_num_threads()
    torch.set_num_threads(WORKERS)
    pooled = _Runs(wanted, WORKERS)
    in_turn = _Runs(wanted, 1)
    try:
        _Runs(wanted[:1], 1)()  # loads the data and warms this process up
        pairs = interleaved(pooled, in_turn, scale.rounds)
    finally:
        torch.set_num_threads(threads)
    check(pooled.records, in_turn.records)
    parts = [
        f"{len(wanted)} trials of {SHORT.epochs} epoch: {pairs.note('pool', 'in turn')}",
        f"{_outside(pooled, pairs):.1f} s of each worker's time went into starting and waiting",
        note,
    ]
    yield Result(
        f"throughput: {WORKERS} processes of one thread / one process of {WORKERS} threads",
        pairs.faster,
        "x",
        wanted=Wanted(">=", LEAST),
        judged=data == "mnist",
        note="; ".join(filter(None, parts)),
        more=pairs.medians,
    )


class _Runs:
    """A list of trials that is run from nothing at each call; the last records are kept."""

    def __init__(self, wanted: Sequence[Trial], workers: int) -> None:
        self.wanted, self.workers = wanted, workers
        self.records: dict[str, Record] = {}

    def __call__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace(Path(folder))
            with Ledger.open(workspace.ledger_file) as ledger:
                self.records = run_all(
                    self.wanted, workspace, ledger, workers=self.workers, display=Silent()
                )


def check(pooled: dict[str, Record], in_turn: dict[str, Record]) -> None:
    """See to it that both sides did the same: other thread counts only round differently."""
    assert pooled.keys() == in_turn.keys()
    for name, record in pooled.items():
        other = in_turn[name]
        assert record.poisoned_share == other.poisoned_share
        for one, two in zip(record.epochs, other.epochs, strict=True):
            assert abs(one.loss - two.loss) <= 0.1 * two.loss, f"{one.loss} against {two.loss}"


def _outside(pooled: _Runs, pairs: Pairs) -> float:
    """Return the seconds per worker in which the pool ran no trial."""
    at_work = sum(record.timings.total_s for record in pooled.records.values()) / WORKERS
    return max(0.0, pairs.ours[-1] - at_work)
