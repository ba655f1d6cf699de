"""Verdicts of the zoo, from raw tables: each network judged against the calibration part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from badnets.audit.calibration import MARGIN, Calibration
from badnets.audit.combining import judged, reach
from badnets.core.outliers import anomaly_index
from badnets.core.rates import Interval, Rate
from badnets.core.targets import AllToAll
from badnets.core.verdicts import Conclusion
from badnets.observations.audit import Audit, AuditResult

if TYPE_CHECKING:
    from badnets.core.nulls import MethodPlace, Placing, Table
    from badnets.trials.record import Record

RESAMPLES = 1000
SUCCEEDED = 0.9  # attack success that a backdoor must have to count


@dataclass(frozen=True, eq=False)
class Judged:
    """A network of the zoo and what an audit says of it.

    Attributes:
        record: of its trial.
        tables: the raw tables.
        place: where it stands among the calibration part.
        methods: the same for each method alone, those that are not combined too.
        conclusions: by false-positive rate that is asked for.
    """

    record: Record
    tables: AuditResult
    place: Placing
    methods: dict[str, MethodPlace]
    conclusions: dict[float, Conclusion]

    @property
    def worked(self) -> bool:
        """Whether the user accepts it and its backdoor works."""
        attack = self.record.attack
        works = attack is not None and attack.success.value >= SUCCEEDED
        return self.record.outcome == "accepted" and works

    @cached_property
    def gamma_p(self) -> float:
        """1 - p of MM-BD's own rule: a gamma distribution of the other classes' margins.

        References:
            Wang et al., "MM-BD", IEEE S&P 2024: p = 1 - F(largest)^K, below 0.05 an attack.
        """
        from scipy.stats import gamma  # type: ignore[import-untyped]

        margins = np.array(_by_target(self.tables.tables["maximum-margin"]))
        largest = int(margins.argmax())
        shape, place, scale = gamma.fit(np.delete(margins, largest))
        return float(gamma.cdf(margins[largest], shape, place, scale) ** len(margins))

    @property
    def targets(self) -> tuple[int, ...]:
        """The classes that the method with the largest score points at."""
        return next(iter(self.place.methods.values())).targets

    @property
    def target_right(self) -> bool | None:
        """Whether the suspected target is the backdoor's; None where it has not one target."""
        backdoor = self.record.trial.implanted
        if backdoor is None:
            return None
        if isinstance(backdoor.targets, AllToAll):
            return len(self.targets) > 1
        target = getattr(backdoor.targets, "target_label", None)
        return None if target is None else self.targets == (target,)


class Judge:
    """Judges networks against the calibration part.

    Args:
        calibration: records of the calibration part's accepted networks.
        rates: false-positive rates that are asked for.
    """

    def __init__(self, calibration: Sequence[Record], rates: Sequence[float]) -> None:
        found = {
            one.name: tables
            for one in calibration
            if one.outcome == "accepted" and (tables := one.observed(Audit)) is not None
        }
        self.rates = rates
        trial = calibration[0].trial
        self.null = Calibration.of(
            found, kind="reference", data=trial.data, architecture=str(trial.network), shape=None
        )

    def __call__(self, records: Iterable[Record]) -> list[Judged]:
        """Return the verdicts on those that were audited."""
        return [one for record in records if (one := self._one(record)) is not None]

    def _one(self, record: Record) -> Judged | None:
        tables = record.observed(Audit)
        if tables is None or record.outcome == "collapsed":
            return None
        ruled = {rate: judged(tables, self.null, max_fpr=rate) for rate in self.rates}
        first = ruled[self.rates[0]]
        if first.place is None:
            return None
        said = {rate: one.conclusion for rate, one in ruled.items()}
        return Judged(record, tables, first.place, first.methods, said)


def flagged(found: Sequence[Judged], rate: float) -> Rate:
    """Return how many are called backdoored at a false-positive rate."""
    return Rate(sum(one.conclusions[rate] == "backdoor likely" for one in found), len(found))


def unchecked(found: Sequence[Judged], rate: float) -> Rate:
    """Return of how many the audit says that it could not check them."""
    return Rate(sum(one.conclusions[rate] == "not checked" for one in found), len(found))


@dataclass(frozen=True)
class Separation:
    """How well scores tell backdoored networks from clean ones.

    Attributes:
        clean: scores of clean networks.
        backdoored: of backdoored ones.
    """

    clean: tuple[float, ...]
    backdoored: tuple[float, ...]

    @classmethod
    def of(
        cls,
        clean: Iterable[Judged],
        backdoored: Iterable[Judged],
        score: Callable[[Judged], float],
    ) -> Separation:
        """Return it for a score."""
        return cls(tuple(map(score, clean)), tuple(map(score, backdoored)))

    @property
    def auroc(self) -> float:
        """The share of pairs in which the backdoored network scores higher; ties count half."""
        return _auroc(np.array(self.clean), np.array(self.backdoored))

    @cached_property
    def interval(self) -> Interval:
        """The 95 % percentile bootstrap interval of the AUROC, networks resampled."""
        drawn = np.random.default_rng(0)
        clean, bad = np.array(self.clean), np.array(self.backdoored)
        if not len(clean) or not len(bad):
            return Interval(0.0, 1.0)
        found = [
            _auroc(drawn.choice(clean, len(clean)), drawn.choice(bad, len(bad)))
            for _ in range(RESAMPLES)
        ]
        low, high = np.quantile(found, [0.025, 0.975]).tolist()
        return Interval(low, high)

    def caught(self, false_positive_rate: float) -> Rate:
        """Return backdoored networks above all but this share of the clean ones."""
        allowed = int(false_positive_rate * len(self.clean) + 1e-9)
        threshold = sorted(self.clean, reverse=True)[allowed]
        return Rate(sum(score > threshold for score in self.backdoored), len(self.backdoored))

    def above(self, threshold: float) -> Rate:
        """Return how many backdoored networks score above a threshold."""
        return Rate(sum(score > threshold for score in self.backdoored), len(self.backdoored))

    def alarms(self, threshold: float) -> Rate:
        """Return how many clean networks do."""
        return Rate(sum(score > threshold for score in self.clean), len(self.clean))

    def curve(self) -> tuple[list[float], list[float]]:
        """Return the ROC curve: false-positive and true-positive rates, in per cent."""
        levels = sorted({*self.clean, *self.backdoored, np.inf}, reverse=True)
        clean, bad = np.array(self.clean), np.array(self.backdoored)
        return (
            [100 * float((clean >= level).mean()) for level in levels],
            [100 * float((bad >= level).mean()) for level in levels],
        )


def _auroc(clean: np.ndarray, bad: np.ndarray) -> float:
    if not len(clean) or not len(bad):
        return float("nan")
    ordered = np.sort(clean)
    below = np.searchsorted(ordered, bad, "left")
    ties = np.searchsorted(ordered, bad, "right") - below
    return float((below + ties / 2).mean() / len(clean))


def combined(one: Judged) -> float:
    """Return the score of all methods together."""
    return one.place.score


def alone(method: str) -> Callable[[Judged], float]:
    """Return the score of one method."""
    return lambda one: one.methods[method].score


def anomaly(method: str) -> Callable[[Judged], float]:
    """Return the plain anomaly index of a method's classes, within the one network.

    References:
        Wang et al., "Neural Cleanse", IEEE S&P 2019: above 2 it is called an outlier.
    """
    return lambda one: max(anomaly_index(_by_target(one.tables.tables[method])))


def gamma_p(one: Judged) -> float:
    """Return 1 - p of MM-BD's own rule."""
    return one.gamma_p


def within(one: Judged) -> float:
    """Return what there is without any other model: how far additive triggers reach."""
    return reach(one.tables.tables["additive-inversion"], one.tables.quantities[MARGIN])


def _by_target(table: Table) -> list[float]:
    columns = ([cell for cell in column if cell is not None] for column in zip(*table, strict=True))
    return [float(np.mean(column)) for column in columns]
