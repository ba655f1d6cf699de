"""Which trials have to be run for those that are wanted, and in what order."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from badnets.trials.trial import Trial


@dataclass(frozen=True)
class Step:
    """One trial that has to be run.

    Args:
        trial: the trial.
        needs: names of the steps whose bundles it needs; they come before it.
        remake: whether its record is held already, and only its bundle has gone missing.
    """

    trial: Trial
    needs: frozenset[str]
    remake: bool = False

    @property
    def name(self) -> str:
        """The trial's name."""
        return self.trial.name


def plan(
    trials: Sequence[Trial],
    done: Container[str],
    has_bundle: Callable[[Trial], bool],
    *,
    bundles: bool = False,
) -> list[Step]:
    """Return the steps in an order in which each comes after those that it needs.

    Equal trials are run once. A trial that is done is not run, unless another step needs its
    bundle and that is missing.

    Args:
        trials: those that are wanted; what they require is added.
        done: names of the trials whose records are held.
        has_bundle: whether a trial's bundle is there.
        bundles: whether the bundles of the wanted trials are wanted too.
    """
    steps: dict[str, Step] = {}
    there: set[str] = set()  # bundles that were found: a store is asked about each once

    def visit(trial: Trial, *, for_bundle: bool) -> None:
        if trial.name in steps or trial.name in there:
            return
        held = trial.name in done
        if held and not for_bundle:
            return
        if held and has_bundle(trial):
            there.add(trial.name)
            return
        for other in trial.requires():
            visit(other, for_bundle=True)
        needs = frozenset(other.name for other in trial.requires() if other.name in steps)
        steps[trial.name] = Step(trial, needs, remake=held)

    for trial in trials:
        visit(trial, for_bundle=bundles)
    return list(steps.values())


def names_of(trial: Trial) -> set[str]:
    """Return the trial's name and those of all that it requires."""
    return {trial.name}.union(*(names_of(other) for other in trial.requires()))


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
