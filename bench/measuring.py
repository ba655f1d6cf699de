"""Seconds, and two sides measured in turn."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


def seconds(call: Callable[[], object]) -> float:
    """Return the wall time of ``call``; work that was given to a GPU is waited for."""
    _finish()
    started = time.perf_counter()
    call()
    _finish()
    return time.perf_counter() - started


def processor_seconds(call: Callable[[], object]) -> float:
    """Return the processor time of ``call``, with that of the processes that ended in it."""
    before = os.times()
    call()
    return sum(os.times()[:4]) - sum(before[:4])


def _finish() -> None:
    torch = sys.modules.get("torch")  # imported by whoever measures it, not for the start-up's sake
    if torch is not None and torch.cuda.is_available():
        torch.cuda.synchronize()


@dataclass(frozen=True)
class Pairs:
    """Seconds of two sides, pair by pair.

    Attributes:
        ours: of the first side.
        theirs: of the second side.
    """

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def slower(self) -> tuple[float, ...]:
        """How many times as long as theirs ours took, pair by pair."""
        return tuple(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))

    @property
    def faster(self) -> tuple[float, ...]:
        """How many times as long as ours theirs took, pair by pair."""
        return tuple(1 / ratio for ratio in self.slower)

    @property
    def medians(self) -> dict[str, float]:
        """Median seconds of each side."""
        return {"ours_s": median(self.ours), "theirs_s": median(self.theirs)}

    def note(self, ours: str, theirs: str) -> str:
        """Return the median seconds of each side, in words."""
        return f"{ours} {_shown(median(self.ours))}, {theirs} {_shown(median(self.theirs))}"


def interleaved(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    pairs: int,
    clock: Callable[[Callable[[], object]], float] = seconds,
) -> Pairs:
    """Return the seconds of both sides, run in turn; every other pair the second side begins.

    Args:
        ours: the first side; has run once before, so that neither pays for the first time.
        theirs: the second side; likewise.
        pairs: how often each is run.
        clock: what a run's seconds are.
    """
    gc.collect()  # what was left before is not for one side to clear away
    first: list[float] = []
    second: list[float] = []
    for pair in range(pairs):
        sides = [(ours, first), (theirs, second)]
        for call, kept in sides if pair % 2 == 0 else reversed(sides):
            kept.append(clock(call))
    return Pairs(tuple(first), tuple(second))


def _shown(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.1f} ms"
