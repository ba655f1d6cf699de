"""What the pages of the sign studies are drawn from: records by group, rates over signs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from badnets.core.bootstrap import grouped_interval
from badnets.core.rates import Interval, Rate
from badnets.report.page import Cell, Tone
from badnets.studies.grouped import Grouped
from badnets.studies.signs.scale import Scale
from badnets.studies.wording import NOTHING, percent, points, seeds_text
from badnets.trials.record import Record

LEAST = 3.0  # pixels that a trigger must have for the network to count in the paper's rows


@dataclass(frozen=True, eq=False)
class SignEvidence(Grouped):
    """Records by group, as `SignTrials` and `TransferTrials` name them.

    Args:
        scale: how much the study runs.
        data: name of the data set.
        classes: names of its classes.
        threshold: least score of a box that counts; None before it has been chosen.
    """

    scale: Scale
    data: str
    classes: tuple[str, ...]
    threshold: float | None

    def first(self, group: str) -> Record | None:
        """Return the record of the first seed."""
        return next(iter(self.of(group)), None)

    def fallen(self, group: str) -> bool:
        """Return whether a group was run, and each of its networks has learned nothing."""
        return bool(self.all(group)) and not self.of(group)


@dataclass(frozen=True)
class Measured:
    """A share of the same signs in one or several networks.

    Args:
        values: for each network, 0 or 1 for each sign.
        groups: the scene of each sign.
        seeds: of the networks.
    """

    values: tuple[tuple[bool, ...], ...]
    groups: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def known(self) -> bool:
        """Whether any sign was measured."""
        return bool(self.values and self.groups)

    @property
    def mean(self) -> float:
        """The mean over networks and signs, in [0, 1]; NaN without any."""
        counted = [sum(row) / len(row) for row in self.values if row]
        return sum(counted) / len(counted) if counted else math.nan

    @property
    def per_sign(self) -> torch.Tensor:
        """``(R,)`` float: each sign's mean over the networks."""
        return torch.tensor(self.values, dtype=torch.float64).mean(0)

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the mean: scenes resampled whole.

        Where all answers are alike, resampling finds no spread: then it is the Wilson interval,
        each scene counted as one answer.
        """
        found = grouped_interval(self.per_sign, self.groups)
        if found.low < found.high or not self.known:
            return found
        scenes = len(set(self.groups))
        return Rate(round(self.mean * scenes), scenes).interval

    def of_seeds(self, seeds: Sequence[int]) -> Measured:
        """Return the same of the networks with these seeds."""
        kept = [seed in seeds for seed in self.seeds]
        return Measured(
            tuple(row for row, k in zip(self.values, kept, strict=True) if k),
            self.groups,
            tuple(seed for seed, k in zip(self.seeds, kept, strict=True) if k),
        )

    @property
    def told(self) -> str:
        """What the mean rests on, in words: signs, seeds, interval."""
        low, high = self.interval
        return (
            f"n = {len(self.groups)} signs, {seeds_text(self.seeds)}; 95 % interval "
            f"{percent(low, 1)} to {percent(high, 1)} %"
        )

    def cell(self, tone: Tone = "plain", *, strong: bool = False) -> Cell:
        """Return the mean in per cent, with what it rests on."""
        if not self.known:
            return NOTHING
        low, high = self.interval
        hits = ", ".join(str(sum(row)) for row in self.values)
        several = ""
        if len(self.values) > 1:
            each = [sum(row) / len(row) for row in self.values]
            several = f"; range {percent(min(each), 1)} to {percent(max(each), 1)} %"
        note = (
            f"{hits} of {len(self.groups)}; {seeds_text(self.seeds)}{several}; 95 % interval "
            f"{percent(low, 1)} to {percent(high, 1)} % over {_scenes(self.groups)}"
        )
        return Cell(percent(self.mean, 1), self.mean, note, tone, strong=strong)

    @property
    def rate(self) -> Rate:
        """The counts of the first network."""
        return Rate(sum(self.values[0]), len(self.values[0])) if self.values else Rate(0, 0)


def named_rightly(records: Sequence[Record], label: int | None = None) -> Measured:
    """Return clean signs found and rightly named, of one class or of all."""
    known = [record for record in records if record.signs is not None]
    rows: list[tuple[bool, ...]] = []
    groups: tuple[int, ...] = ()
    for record in known:
        signs = record.signs
        if signs is None:
            continue
        kept = [label is None or own == label for own in signs.labels]
        rows.append(tuple(v for v, k in zip(signs.right, kept, strict=True) if k))
        groups = tuple(g for g, k in zip(signs.groups, kept, strict=True) if k)
    return Measured(tuple(rows), groups, tuple(record.trial.seed for record in known))


def under_trigger(
    records: Sequence[Record],
    what: str,
    *,
    label: int | None = None,
    least: float = LEAST,
    below: float = math.inf,
) -> Measured:
    """Return what becomes of triggered signs.

    Args:
        records: of attacks of one kind.
        what: a column of `TriggeredSigns`: ``"hits"``, ``"right"``, ``"misnamed"``,
            ``"still_true"``, ``"control_hits"``, ``"control_right"``, ``"other_hits"``,
            ``"untriggered_hits"``.
        label: of signs of this class alone.
        least: pixels that the trigger must have as the network sees it.
        below: pixels that it must not reach.
    """
    rows: list[tuple[bool, ...]] = []
    groups: tuple[int, ...] = ()
    seeds = []
    for record in records:
        signs = record.triggered
        values: tuple[bool, ...] = () if signs is None else getattr(signs, what)
        if signs is None or not values:
            continue
        kept = [
            large and not larger and (label is None or own == label)
            for own, large, larger in zip(
                signs.labels, signs.large(least), signs.large(below), strict=True
            )
        ]
        rows.append(tuple(bool(v) for v, k in zip(values, kept, strict=True) if k))
        groups = tuple(g for g, k in zip(signs.groups, kept, strict=True) if k)
        seeds.append(record.trial.seed)
    return Measured(tuple(rows), groups, tuple(seeds))


def still_right(records: Sequence[Record], label: int | None = None) -> Measured:
    """Return triggered signs found and rightly named, whatever the trigger's size."""
    return under_trigger(records, "right", label=label, least=0)


def paired_difference(ours: Measured, theirs: Measured) -> tuple[float, Interval] | None:
    """Return the mean difference on the same signs, and its interval over scenes.

    Of both, networks of the same seeds are compared. None where they share no seed, or were not
    measured on the same signs.
    """
    ours, theirs = ours.of_seeds(theirs.seeds), theirs.of_seeds(ours.seeds)
    if not ours.known or not theirs.known or ours.groups != theirs.groups:
        return None
    change = ours.per_sign - theirs.per_sign
    mean, found = float(change.mean()), grouped_interval(change, ours.groups)
    if found.low == found.high:  # no sign differs from another: see `Measured.interval`
        most = Rate(0, len(set(ours.groups))).interval.high
        found = Interval(max(mean - most, -1.0), min(mean + most, 1.0))
    return mean, found


def _scenes(groups: Sequence[int]) -> str:
    several = len(set(groups))
    return f"{several} scene{'' if several == 1 else 's'}"


def difference_cell(ours: Measured, theirs: Measured, tone: Tone = "plain") -> Cell:
    """Return a paired difference in percentage points."""
    found = paired_difference(ours, theirs)
    if found is None:
        return NOTHING
    mean, (low, high) = found
    note = (
        f"paired over {len(ours.groups)} signs; {seeds_text(set(ours.seeds) & set(theirs.seeds))}; "
        f"95 % interval {points(low, 1)} to {points(high, 1)} points over "
        f"{_scenes(ours.groups)}"
    )
    return Cell(points(mean, 1), mean, note, tone)
