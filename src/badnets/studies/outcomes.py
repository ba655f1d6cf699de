"""Networks before and after something was done about a backdoor, for the studies of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple, Self

from badnets.core.rates import Rate
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.observations.depth import Depth, DepthResult
from badnets.report.page import Cell
from badnets.studies.aggregate import Over
from badnets.studies.tables import NOTHING, keyed
from badnets.studies.wording import MINUS, seeds_text
from badnets.trials.record import Record

WORKS = 0.9  # least attack success of a network for what was done about it to count


class Treated(NamedTuple):
    """One network, and what it was before.

    Attributes:
        record: of the network afterwards.
        clean: of the network before, on the same clean images.
        attack: on the network before; None where it had no backdoor.
        control: the same triggered images, given the attacker's answer by a clean network.
    """

    record: Record
    clean: CleanResult
    attack: AttackResult | None
    control: Rate | None = None

    @classmethod
    def repaired(cls, record: Record) -> Self:
        """Return it of a repair, whose record says what was before."""
        before, after = record.repair, record.attack
        held = None if after is None else after.control
        if before is None:
            return cls(record, record.clean, None, held)
        return cls(record, before.clean, before.attack, held)

    @property
    def worked(self) -> bool:
        """Whether its backdoor worked before."""
        return self.attack is not None and self.attack.success.value >= WORKS

    @property
    def loss(self) -> float:
        """Clean accuracy that was lost."""
        return self.clean.accuracy.value - self.record.clean.accuracy.value

    @property
    def above(self) -> float:
        """By how much attack success is above a clean network's on the same images."""
        if self.record.attack is None:
            return 0.0
        held = self.control.value if self.control is not None and self.control.total else 0.0
        return self.record.attack.success.value - held


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of doing the same about several networks.

    Attributes:
        treated: those that did not collapse and whose backdoor had worked.
        fallen: those that collapsed.
        weak: how many are left out because their backdoor hardly worked.
    """

    treated: Sequence[Treated]
    fallen: Sequence[Record] = ()
    weak: int = 0

    @classmethod
    def of(cls, treated: Iterable[Treated], *, clean: bool) -> Self:
        """Return it; of clean networks none is left out."""
        known = list(treated)
        fallen = [one.record for one in known if one.record.outcome == "collapsed"]
        stood = [one for one in known if one.record.outcome != "collapsed"]
        counted = [one for one in stood if clean or one.worked]
        return cls(counted, fallen, len(stood) - len(counted))

    @property
    def records(self) -> list[Record]:
        """The records that count."""
        return [one.record for one in self.treated]

    @property
    def before(self) -> Over:
        """Attack success of the networks before."""
        return Over.pairs(
            (None if one.attack is None else one.attack.success, one.record.trial.seed)
            for one in self.treated
        )

    @property
    def accuracy(self) -> Over:
        """Clean accuracy afterwards."""
        return Over.of(self.records, "accuracy")

    @property
    def success(self) -> Over:
        """Attack success afterwards."""
        return Over.of(self.records, "success")

    @property
    def robust(self) -> Over:
        """Triggered images that are named rightly afterwards."""
        return Over.of(self.records, "robust")

    @property
    def control(self) -> Over:
        """Attack success of a clean network on the same images."""
        return Over.pairs((one.control, one.record.trial.seed) for one in self.treated)

    @property
    def above(self) -> float:
        """By how much attack success is above a clean network's on the same images."""
        return fmean(one.above for one in self.treated)

    @property
    def loss(self) -> float:
        """Mean clean accuracy that was lost."""
        return fmean(one.loss for one in self.treated)

    @property
    def cost(self) -> Cell:
        """The same in points, with its range over networks."""
        if not self.treated:
            return NOTHING
        each = [one.loss for one in self.treated]
        seeds = seeds_text([one.record.trial.seed for one in self.treated])
        note = f"{seeds}; {100 * min(each):.1f} to {100 * max(each):.1f} points"
        return share_cell(self.loss, 2, note)

    @property
    def seconds(self) -> float:
        """Mean seconds that it took."""
        return fmean(one.timings.train_s for one in self.records)


@dataclass(frozen=True, eq=False)
class Depths:
    """How soon a few poisoned images bring back what was taken out; see `Depth`.

    Attributes:
        found: of each network.
        seeds: theirs.
    """

    found: Sequence[DepthResult]
    seeds: Sequence[int]

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """Return it of those networks that were looked at."""
        seen = [(one.observed(Depth), one.trial.seed) for one in outcome.records]
        known = [(found, seed) for found, seed in seen if found is not None and found.images]
        return cls([found for found, _ in known], [seed for _, seed in known])

    def __bool__(self) -> bool:
        return bool(self.found)

    def over(self, what: str) -> Over:
        """Return one of the result's rates over the networks."""
        return Over.pairs(
            (getattr(found, what), seed) for found, seed in zip(self.found, self.seeds, strict=True)
        )


class Summary:
    """One method over all kinds.

    Args:
        kinds: its outcome of each kind, and of clean networks.
        clean: what clean networks are called there.
    """

    def __init__(self, kinds: Mapping[str, Outcome], clean: str) -> None:
        self.kinds = {kind: one for kind, one in kinds.items() if one.treated and kind != clean}
        self.clean = kinds.get(clean, Outcome(()))
        self.fallen = sum(len(one.fallen) for one in kinds.values())

    @property
    def success(self) -> float:
        """Mean over kinds of attack success after the repair."""
        return fmean(one.success.mean for one in self.kinds.values())

    @property
    def above(self) -> float:
        """Mean over kinds of attack success above a clean network's."""
        return fmean(one.above for one in self.kinds.values())

    @property
    def loss(self) -> float:
        """Mean over kinds of the accuracy that was lost."""
        return fmean(one.loss for one in self.kinds.values())

    @property
    def worst(self) -> tuple[str, Outcome]:
        """The kind of which most is left."""
        return max(self.kinds.items(), key=lambda item: item[1].success.mean)

    @property
    def seconds(self) -> float:
        """Mean seconds of a repair."""
        return fmean(one.seconds for one in self.kinds.values())


def share_cell(value: float, digits: int = 1, note: str = "") -> Cell:
    """Return a share, or a difference of two, in per cent or points."""
    return keyed(f"{100 * value:.{digits}f}".replace("-", MINUS), value, note)
