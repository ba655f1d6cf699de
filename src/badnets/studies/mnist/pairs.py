"""The single-target networks of one trigger, against their baselines and the published bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from badnets.core.rates import Rate
from badnets.studies.mnist.layout_evidence import backdoor_error
from badnets.studies.mnist.published import LARGEST_BACKDOOR_ERROR, WORST_CLEAN_CHANGE
from badnets.trials.record import Record

ROUNDING = 1e-9  # of the arithmetic, not of the numbers


@dataclass(frozen=True)
class Pairs:
    """The networks of one trigger, one per ordered pair of classes.

    Args:
        trigger: its name.
        records: those whose network has learned something.
        baselines: clean error of the networks they start from, by trial name.
    """

    trigger: str
    records: tuple[Record, ...]
    baselines: dict[str, Rate]

    @cached_property
    def clean(self) -> list[float]:
        """Clean errors."""
        return [record.clean.error.value for record in self.records]

    @cached_property
    def changes(self) -> list[float]:
        """Clean error less that of the network it started from, where that is known."""
        return [change for record in self.records if (change := self.change(record)) is not None]

    def baseline(self, record: Record) -> Rate | None:
        """Return the clean error of the network it started from, where that is known."""
        start = record.trial.start
        return self.baselines.get(start.name) if start else None

    def change(self, record: Record) -> float | None:
        """Return clean error less that of the baseline."""
        baseline = self.baseline(record)
        return None if baseline is None else record.clean.error.value - baseline.value

    @cached_property
    def backdoor(self) -> list[Rate]:
        """Backdoor errors."""
        return [rate for record in self.records if (rate := backdoor_error(record)) is not None]

    @cached_property
    def shares(self) -> list[float]:
        """Poisoned shares of the training sets."""
        return [one.poisoned_share.value for one in self.records if one.poisoned_share]

    def bounded(self, record: Record) -> bool:
        """Return whether both errors are within the published bounds."""
        return self.clean_bounded(record) and self.backdoor_bounded(record)

    def clean_bounded(self, record: Record) -> bool:
        """Return whether the clean error is at most 0.17 points above the baseline's."""
        change = self.change(record)
        return change is not None and 100 * change <= WORST_CLEAN_CHANGE.value + ROUNDING

    def backdoor_bounded(self, record: Record) -> bool:
        """Return whether the backdoor error is at most 0.09 %."""
        error = backdoor_error(record)
        return error is not None and 100 * error.value <= LARGEST_BACKDOOR_ERROR.value + ROUNDING
