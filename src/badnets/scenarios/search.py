"""What a malicious trainer is ready to try, and what came of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from badnets.core.backdoor import PoisoningRate
from badnets.core.progress import Listener, Progress
from badnets.core.rates import Rate
from badnets.core.settings import settings

Lr = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1)]


@settings
class Search:
    """A grid that is tried in order, until the user's target and the attack's both hold.

    The trainer measures on examples held back from the training data that came with the order; the
    user's validation set is never seen.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the attacker may change step size and
        mini-batch size to reach the training error.
    """

    rates: tuple[PoisoningRate, ...] = Field(
        default=(0.05, 0.1, 0.33),
        min_length=1,
        description="Poisoning rates, tried from left to right; the innermost loop.",
    )
    lrs: tuple[Lr, ...] = Field(
        default=(), description="Peak learning rates; empty: the trial's own."
    )
    batch_sizes: tuple[Size, ...] = Field(
        default=(), description="Examples per step; empty: the trial's own. The outermost loop."
    )
    target_success: float = Field(
        default=0.99, ge=0, le=1, description="The attack success rate that is good enough."
    )
    epochs: int = Field(default=0, ge=0, description="Passes per try; 0: the trial's own.")
    held_back: int = Field(
        default=2000, ge=1, description="Training examples that are measured on."
    )


class SearchStep(BaseModel):
    """One set of settings that a malicious trainer tried, measured on data of the trainer's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: PoisoningRate
    lr: float
    batch_size: int
    clean: Rate
    success: Rate
    good_enough: bool


Try = Callable[[float, int, int, PoisoningRate], SearchStep]
"""Trains with a learning rate, a batch size, epochs and a poisoning rate, and measures."""


def steps_of(
    search: Search,
    attempt: Try,
    *,
    lr: float,
    batch_size: int,
    epochs: int,
    progress: Listener | None,
) -> Iterator[SearchStep]:
    """Give what came of each set of settings, until one is good enough.

    Args:
        search: the grid.
        attempt: trains and measures.
        lr, batch_size, epochs: those of the trial, where the grid says nothing of them.
        progress: told before each try.
    """
    grid = list(
        itertools.product(search.batch_sizes or (batch_size,), search.lrs or (lr,), search.rates)
    )
    for done, (size, own_lr, rate) in enumerate(grid):
        if progress is not None:
            progress(Progress(done, len(grid), "searching"))
        step = attempt(own_lr, size, search.epochs or epochs, rate)
        yield step
        if step.good_enough:
            return


def best_of(steps: list[SearchStep]) -> SearchStep:
    """Return the first step that is good enough, else the one whose smaller rate is largest.

    By the smaller rate: a collapsed network's perfect attack must not outdo a sound network's.
    """
    for one in steps:
        if one.good_enough:
            return one
    return max(steps, key=lambda one: (min(one.clean.value, one.success.value), one.clean.value))
