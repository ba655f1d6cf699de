"""Numbers over several networks: means over seeds, their intervals, paired differences.

Networks of several seeds answer the same test images, so an interval is about one network's
images: pooled counts would claim one that is too narrow. Where images come in clusters (signs of
one scene look alike), clusters are resampled whole. What collapsed is left out everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from badnets.core.bootstrap import grouped_interval
from badnets.core.errors import LedgerError
from badnets.core.rates import Interval, Rate, typical
from badnets.report.page import Note
from badnets.studies import reading
from badnets.studies.catalogue import GetArray, Groups
from badnets.studies.wording import counts, interval, percent, seeds_text, span
from badnets.trials.record import Record


@dataclass(frozen=True, eq=False)
class Runs:
    """A study's records by group, and the means to read their arrays.

    Args:
        groups: as the study's trials name them; a missing group is an empty one.
        get_array: reads a recorded array.
        expected: how many runs of each group the study asks for.
    """

    groups: Mapping[str, Sequence[Record]]
    get_array: GetArray
    expected: Mapping[str, int]

    @classmethod
    def of_study(
        cls, groups: Groups, plan: Groups, records: Mapping[str, Record], get_array: GetArray
    ) -> Runs:
        """Return those records that are there, by group; ``plan`` names every group."""
        known = {
            name: [one for trial in trials if (one := records.get(trial.name)) is not None]
            for name, trials in groups.items()
        }
        return cls(known, get_array, {name: len(trials) for name, trials in plan.items()})

    def all(self, group: str) -> list[Record]:
        """Return a group's records, collapsed ones among them."""
        return list(self.groups.get(group, ()))

    def of(self, group: str) -> list[Record]:
        """Return those of a group's records whose network did not collapse."""
        return [record for record in self.all(group) if record.outcome != "collapsed"]

    def first(self, group: str) -> Record | None:
        """Return the first of them."""
        return next(iter(self.of(group)), None)

    @property
    def everything(self) -> list[Record]:
        """Every record once, in order of groups."""
        found = (record for records in self.groups.values() for record in records)
        return list({record.name: record for record in found}.values())

    @cached_property
    def by_name(self) -> dict[str, Record]:
        """Every record by its trial's name."""
        return {record.name: record for record in self.everything}

    def mean(self, records: str | Iterable[Record], what: str, label: int | None = None) -> Over:
        """Return a rate over a group (those that did not collapse), or over some records."""
        own = self.of(records) if isinstance(records, str) else records
        return Over.of(own, what, label)

    def fallen(self, group: str) -> bool:
        """Return whether a group was run, and each of its networks collapsed."""
        return bool(self.all(group)) and not self.of(group)

    def why_not(self, *groups: str, when: object = True) -> str:
        """Return why nothing can be said of some groups; empty where something can.

        Args:
            groups: their names; one of them must have a network that did not collapse.
            when: what must be there besides.
        """
        known = not groups or any(map(self.of, groups))
        if known and when:
            return ""
        if groups and not any(self.expected.get(group) for group in groups):
            return "It does not belong to this run of the study."
        if any(map(self.fallen, groups)):
            return "What was trained for it collapsed, so there is nothing to measure."
        return "Too little has been run for it yet." if known else "It has not been run yet."

    def gaps(self, group: str, what: str) -> tuple[Note, ...]:
        """Return a note on runs that are missing, and one on those that collapsed.

        Args:
            group: name of the group.
            what: what its runs are, in words.
        """
        notes: list[Note] = []
        records, expected = self.all(group), self.expected.get(group, 0)
        if len(records) < expected:
            done = f"{len(records)} of {expected}" if records else f"none of {expected}"
            notes.append(Note(f"Not complete: {done} {what} have been run.", "missing"))
        fallen = [record.trial.title for record in records if record.outcome == "collapsed"]
        if fallen:
            said = (
                f"{len(fallen)} of {len(records)} {what} collapsed: they give nearly always the "
                "same answer, are left out of every number here and never count as an attack: "
                f"{'; '.join(fallen)}."
            )
            notes.append(Note(said, "warning"))
        return tuple(notes)

    def array(self, record: Record, name: str) -> NDArray[np.generic] | None:
        """Return an array; None where it was not recorded, or is not passed on with the records."""
        ref = record.arrays.get(name)
        try:
            return None if ref is None else self.get_array(ref)
        except LedgerError:
            return None

    def right(
        self, record: Record, answers: str = "answers", labels: str = "answers_labels"
    ) -> NDArray[np.float64] | None:
        """Return ``(N,)`` 1.0 where an image was correctly named; None where that is not known."""
        said, true = self.array(record, answers), self.array(record, labels)
        if said is None or true is None or said.shape != true.shape:
            return None
        return np.asarray(said == true, dtype=np.float64)

    def cost(self, ours: str, theirs: str) -> Paired | None:
        """Return one group's clean accuracy less another's, seed by seed, image by image."""
        honest = {record.trial.seed: self.right(record) for record in self.of(theirs)}
        changes: dict[int, NDArray[np.float64]] = {}
        for record in self.of(ours):
            mine, other = self.right(record), honest.get(record.trial.seed)
            if mine is not None and other is not None and len(mine) == len(other):
                changes[record.trial.seed] = mine - other
        return paired(changes)


@dataclass(frozen=True)
class Over:
    """The same rate of networks trained with different seeds.

    Args:
        rates: one per network.
        seeds: theirs.
        answers: for each network, 0 or 1 for each item, where items come in clusters.
        clusters: the cluster of each item: the scene of a sign.
    """

    rates: tuple[Rate, ...] = ()
    seeds: tuple[int, ...] = ()
    answers: tuple[tuple[bool, ...], ...] = ()
    clusters: tuple[int, ...] = ()

    @classmethod
    def of(cls, records: Iterable[Record], what: str, label: int | None = None) -> Over:
        """Return a rate of each record that has it; see `badnets.studies.reading.rate`."""
        found = ((reading.rate(record, what, label), record.trial.seed) for record in records)
        return cls.pairs(found)

    @classmethod
    def pairs(cls, found: Iterable[tuple[Rate | None, int]]) -> Over:
        """Return rates with their seeds, those that count anything."""
        known = [(rate, seed) for rate, seed in found if rate is not None and rate.total]
        return cls(tuple(rate for rate, _ in known), tuple(seed for _, seed in known))

    @classmethod
    def clustered(
        cls, answers: Sequence[tuple[bool, ...]], clusters: tuple[int, ...], seeds: Sequence[int]
    ) -> Over:
        """Return the shares of the same items in several networks."""
        if not clusters or not answers:
            return cls()
        rates = tuple(Rate(sum(row), len(row)) for row in answers)
        return cls(rates, tuple(seeds), tuple(answers), clusters)

    def __bool__(self) -> bool:
        return bool(self.rates)

    @property
    def digits(self) -> int:
        """How many digits of a per cent are worth printing."""
        return 1 if self.clusters else 2

    @cached_property
    def values(self) -> list[float]:
        """Each network's, in [0, 1]."""
        return [rate.value for rate in self.rates]

    @cached_property
    def mean(self) -> float:
        """The mean over the networks, in [0, 1]; NaN without any."""
        return sum(self.values) / len(self.values) if self.values else math.nan

    @cached_property
    def typical(self) -> Rate:
        """The mean as a count among one network's images: what its interval is about."""
        return typical(self.rates)

    @property
    def low(self) -> float:
        """The smallest, in [0, 1]."""
        return min(self.values, default=math.nan)

    @property
    def high(self) -> float:
        """The largest, in [0, 1]."""
        return max(self.values, default=math.nan)

    @property
    def items(self) -> NDArray[np.float64]:
        """``(N,)`` float: each item's mean over the networks."""
        return np.asarray(np.mean(np.array(self.answers, np.float64), 0))

    @cached_property
    def interval(self) -> Interval:
        """The 95 % interval of the mean: Wilson's, or clusters resampled whole.

        Where all answers are alike, resampling finds no spread: then it is Wilson's, each cluster
        counted as one answer.
        """
        if not self.clusters:
            return self.typical.interval
        found = grouped_interval(self.items, self.clusters)
        if found.low < found.high:
            return found
        total = len(set(self.clusters))
        return Rate(round(self.mean * total), total).interval

    def of_seeds(self, seeds: Iterable[int]) -> Over:
        """Return the same of the networks with these seeds."""
        kept = [k for k, seed in enumerate(self.seeds) if seed in set(seeds)]
        answers = [self.answers[k] for k in kept]
        return Over.clustered(answers, self.clusters, [self.seeds[k] for k in kept])

    @property
    def note(self) -> str:
        """Counts, seeds, range and interval."""
        if not self.rates:
            return "not measured"
        start = f"{counts(self.rates)}; {seeds_text(self.seeds)}"
        several = len(self.rates) > 1
        if not self.clusters:
            wide = f"; range {span(self.low, self.high)}" if several else ""
            return f"{start}{wide}; {interval(self.typical, n=False)}"
        wide = f"; range {_ends(self.low, self.high)}" if several else ""
        total = len(set(self.clusters))
        scenes = f"{total} scene{'' if total == 1 else 's'}"
        return f"{start}{wide}; 95 % interval {_ends(*self.interval)} over {scenes}"


def _ends(low: float, high: float) -> str:
    return f"{percent(low, 1)} to {percent(high, 1)} %"


class Paired(NamedTuple):
    """A difference on the same items.

    Attributes:
        mean: over items and seeds.
        interval: 95 %, items resampled with all their seeds, or clusters of them whole.
        by_seed: the difference of each pair of networks.
        items: how many.
        clusters: how many; 0 where each item stands for itself.
    """

    mean: float
    interval: Interval
    by_seed: dict[int, float]
    items: int
    clusters: int = 0


def paired(
    changes: Mapping[int, NDArray[np.float64]], clusters: Sequence[int] = ()
) -> Paired | None:
    """Return the mean of differences; None without any, or where seeds saw other items.

    Args:
        changes: by seed, ``(N,)`` float: the difference on each item.
        clusters: the cluster of each; empty: each item is one.
    """
    if not changes or len({len(one) for one in changes.values()}) > 1:
        return None
    each = np.stack(list(changes.values())).mean(0)
    groups = clusters or range(len(each))
    mean, found = float(each.mean()), grouped_interval(each, groups)
    if found.low == found.high:  # no item differs from another: resampling finds no spread
        most = Rate(0, len(set(groups))).interval.high
        found = Interval(max(mean - most, -1.0), min(mean + most, 1.0))
    by_seed = {seed: float(one.mean()) for seed, one in changes.items()}
    return Paired(mean, found, by_seed, len(each), len(set(clusters)))


def difference(ours: Over, theirs: Over) -> Paired | None:
    """Return the mean difference on the same clustered items, of networks of the same seeds.

    None where they share no seed, or were not measured on the same items.
    """
    ours, theirs = ours.of_seeds(theirs.seeds), theirs.of_seeds(ours.seeds)
    if not ours or not theirs or ours.clusters != theirs.clusters:
        return None
    beside = dict(zip(theirs.seeds, theirs.answers, strict=True))
    changes = {
        seed: np.array(row, np.float64) - np.array(beside[seed], np.float64)
        for seed, row in zip(ours.seeds, ours.answers, strict=True)
    }
    return paired(changes, ours.clusters)
