"""What a repair left of each kind of backdoor, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from badnets.evaluate.results import AttackResult
from badnets.report.page import Cell
from badnets.studies.aggregate import Over, Runs
from badnets.studies.audit.trials import CLEAN
from badnets.studies.rendering import Spec
from badnets.studies.repair.trials import RepairStudy
from badnets.studies.tables import NOTHING, keyed
from badnets.studies.wording import MINUS, seeds_text
from badnets.trials.record import Record

WORKS = 0.9  # least attack success of a network whose repair counts


@dataclass(frozen=True, eq=False)
class Outcome:
    """Repairs of several networks by one method.

    Attributes:
        records: of those that did not collapse and whose backdoor had worked.
        fallen: of those that collapsed.
        weak: how many are left out because their backdoor hardly worked.
    """

    records: Sequence[Record]
    fallen: Sequence[Record]
    weak: int = 0

    @classmethod
    def of(cls, records: Sequence[Record], *, clean: bool) -> Outcome:
        """Return it; of clean networks none is left out."""
        stood = [one for one in records if one.outcome != "collapsed"]
        fallen = [one for one in records if one.outcome == "collapsed"]
        worked = [one for one in stood if clean or _worked(one)]
        return cls(worked, fallen, len(stood) - len(worked))

    @property
    def before(self) -> Over:
        """Attack success of the networks as they were downloaded."""
        return Over.pairs(
            (None if (attack := _before(one)) is None else attack.success, one.trial.seed)
            for one in self.records
        )

    @property
    def success(self) -> Over:
        """Attack success after the repair."""
        return Over.of(self.records, "success")

    @property
    def robust(self) -> Over:
        """Triggered images that are named rightly after the repair."""
        return Over.of(self.records, "robust")

    @property
    def above(self) -> float:
        """By how much attack success is above a clean network's on the same images."""
        return fmean(_above(one) for one in self.records)

    @property
    def loss(self) -> float:
        """Mean clean accuracy that was lost."""
        return fmean(_loss(one) for one in self.records)

    @property
    def cost(self) -> Cell:
        """The same in points, with its range over networks."""
        if not self.records:
            return NOTHING
        each = [_loss(one) for one in self.records]
        seeds = seeds_text([one.trial.seed for one in self.records])
        note = f"{seeds}; {100 * min(each):.1f} to {100 * max(each):.1f} points"
        return share_cell(self.loss, 2, note)

    @property
    def seconds(self) -> float:
        """Mean seconds of a repair."""
        return fmean(one.timings.train_s for one in self.records)


def share_cell(value: float, digits: int = 1, note: str = "") -> Cell:
    """Return a share, or a difference of two, in per cent or points."""
    return keyed(f"{100 * value:.{digits}f}".replace("-", MINUS), value, note)


def spec(study: RepairStudy, runs: Runs) -> Spec:
    """Return what the page is made of."""
    downloads = [name for name in study.groups({}) if ": " not in name and name != CLEAN]

    def outcome(method: str, kind: str) -> Outcome:
        return Outcome.of(runs.all(f"{method}: {kind}"), clean=kind == CLEAN)

    found = {
        method: {kind: outcome(method, kind) for kind in (*downloads, CLEAN)}
        for method in study.methods
    }
    done = {
        method: kinds
        for method, kinds in found.items()
        if any(one.records for kind, one in kinds.items() if kind != CLEAN)
    }
    return Spec(
        {
            "study": study,
            "missing": sum(runs.expected.values()) - sum(map(len, runs.groups.values())),
            "kinds": [
                kind for kind in downloads if any(own[kind].records for own in done.values())
            ],
            "methods": list(done),
            "found": found,
            "before": fmean(one.before.mean for one in _first(done)) if done else 0.0,
            "summaries": {method: Summary(kinds) for method, kinds in done.items()},
            "clean": CLEAN,
        }
    )


def _first(done: dict[str, dict[str, Outcome]]) -> list[Outcome]:
    """Return what the first method did, kind by kind."""
    return [one for kind, one in next(iter(done.values())).items() if one.records and kind != CLEAN]


class Summary:
    """One method over all kinds.

    Args:
        kinds: its outcome of each kind, and of clean networks.
    """

    def __init__(self, kinds: dict[str, Outcome]) -> None:
        self.kinds = {kind: one for kind, one in kinds.items() if one.records and kind != CLEAN}
        self.clean = kinds[CLEAN]
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


def _before(record: Record) -> AttackResult | None:
    return None if record.repair is None else record.repair.attack


def _worked(record: Record) -> bool:
    attack = _before(record)
    return attack is not None and attack.success.value >= WORKS


def _loss(record: Record) -> float:
    if record.repair is None:
        return 0.0
    return record.repair.clean.accuracy.value - record.clean.accuracy.value


def _above(record: Record) -> float:
    if record.attack is None:
        return 0.0
    held = record.attack.control
    return record.attack.success.value - (held.value if held is not None else 0.0)
