"""Records made up without training, for what is drawn from them: one builder for every study."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from badnets.core.errors import LedgerError
from badnets.core.rates import Rate
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.observations import OBSERVATIONS
from badnets.observations.base import ArrayRef, ObservationResult
from badnets.report.page import Page
from badnets.studies.aggregate import Runs
from badnets.studies.catalogue import Groups, Study
from badnets.studies.running import listed
from badnets.train.epoch import Epoch
from badnets.trials.record import Machine, Provenance, Record, Timings
from badnets.trials.trial import Trial

Array = NDArray[np.generic]
Observed = Callable[[], Mapping[str, object]]


@dataclass
class Shelf:
    """Arrays in memory, instead of a workspace."""

    kept: dict[str, Array] = field(default_factory=dict)

    def put(self, array: Array) -> ArrayRef:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        name = hashlib.sha256(buffer.getvalue()).hexdigest()
        self.kept[name] = array
        return ArrayRef(sha256=name, shape=tuple(array.shape), dtype=str(array.dtype))

    def get(self, ref: ArrayRef) -> Array:
        if ref.sha256 not in self.kept:
            raise LedgerError("gone")
        return self.kept[ref.sha256]


def made_up(trial: Trial, **measured: object) -> Record:
    """Return a record with what was measured; the rest is the same for all."""
    rest = {
        "name": trial.name,
        "trial": trial,
        "outcome": "accepted",
        "reason": "made up",
        "attack": None,
        "poisoned_share": None,
        "epochs": (Epoch(loss=0.1, seconds=2.0),),
        "timings": Timings(load_s=0.1, search_s=0, train_s=20.5, evaluate_s=1.5, total_s=22.1),
        "provenance": Provenance(
            data_digests={"train": "0" * 64, "test": "1" * 64},
            versions={"badnets": "0", "torch": "0"},
            machine=Machine(
                processor="made up", cores=2, threads=1, memory_gib=8.0, device="cpu", system="any"
            ),
            precision="float32",
            created=datetime(2017, 8, 22, 12, 0, tzinfo=UTC),
        ),
        "bundle": None,
    }
    return Record.model_validate(rest | measured)


@dataclass
class Maker(ABC):
    """Makes the records of one study; the same trial gets the same one.

    Args:
        shelf: where arrays go.
        collapsed: names of trials that have learned nothing, though each of their attacks works.
    """

    shelf: Shelf = field(default_factory=Shelf)
    collapsed: Collection[str] = ()
    known: dict[str, Record] = field(default_factory=dict)

    @abstractmethod
    def measured(self, trial: Trial, random: np.random.Generator) -> dict[str, object]:
        """Return what was measured of a network, by the name that a record has for it."""

    def record(self, trial: Trial) -> Record:
        if trial.name not in self.known:
            measured = self.measured(trial, np.random.default_rng(int(trial.name, 16) % 2**32))
            one, fallen = made_up(trial, **measured), trial.name in self.collapsed
            taken = one.clean.accuracy.value >= trial.target_accuracy
            decision = "collapsed" if fallen else "accepted" if taken else "rejected"
            reason = "gives nearly always the same answer" if fallen else "made up"
            self.known[trial.name] = changed(one, outcome=decision, reason=reason)
        return self.known[trial.name]

    def all_of(self, study: Study) -> dict[str, Record]:
        """Return the records of a whole study, stage by stage."""
        records: dict[str, Record] = {}
        while missing := [t for t in listed(study.groups(records)) if t.name not in records]:
            records |= {trial.name: self.record(trial) for trial in missing}
        return records

    def observed(self, trial: Trial, **kinds: Observed) -> dict[str, ObservationResult]:
        """Return those observations that a trial asks for; what they call arrays is shelved."""
        found = {}
        for kind in trial.observe:
            fields = dict(kinds[kind]())
            arrays = fields.pop("arrays", {})
            assert isinstance(arrays, dict)
            shelved = {name: self.shelf.put(array) for name, array in arrays.items()}
            found[kind] = OBSERVATIONS[kind].Result.model_validate({**fields, "arrays": shelved})
        return found


@dataclass(frozen=True)
class Run:
    """A study with made-up records, and its page."""

    study: Study
    maker: Maker
    records: Mapping[str, Record]

    @classmethod
    def of(cls, study: Study, maker: Maker) -> Run:
        return cls(study, maker, maker.all_of(study))

    @cached_property
    def trials(self) -> Groups:
        return self.study.groups(self.records)

    @property
    def groups(self) -> dict[str, list[Record]]:
        return {name: list(records) for name, records in self.runs.groups.items()}

    @cached_property
    def runs(self) -> Runs:
        own, plan = self.trials, self.study.plan()
        return Runs.of_study(own, plan, self.records, self.maker.shelf.get)

    def page(self, shelf: Shelf | None = None) -> Page:
        get_array = (shelf or self.maker.shelf).get
        return self.study.page(self.records, get_array, command="badnets study some")

    def section(self, name: str) -> str:
        return next(one.sentence for one in self.page().sections if one.name == name)

    def without(self, *names: str) -> Run:
        """Return the same without some records."""
        left = {name: one for name, one in self.records.items() if name not in names}
        return replace(self, records=left)

    def missing(self, *groups: str) -> Run:
        """Return the same without the records of some groups."""
        return self.without(*(one.name for group in groups for one in self.groups[group]))

    def only(self, *groups: str) -> Run:
        """Return the records of some groups alone."""
        kept = {one.name: one for group in groups for one in self.groups[group]}
        return replace(self, records=kept)

    def with_records(self, records: Iterable[Record]) -> Run:
        """Return the same with some records changed."""
        return replace(self, records={**self.records, **{one.name: one for one in records}})

    def collapse(self, trials: Sequence[Trial]) -> Run:
        """Return the same with some trials that have learned nothing."""
        maker = replace(self.maker, collapsed={trial.name for trial in trials}, known={})
        again = []
        for one in map(maker.record, trials):
            kept = self.records[one.name].observations
            own = {kind: seen for kind, seen in one.observations.items() if kind in kept}
            again.append(changed(one, observations=own))
        return self.with_records(again)

    def bare(self, *kept: str) -> Run:
        """Return the same without observations but some: they take a while to draw."""
        some = {*kept, "answers", "triggered", "data"}
        return self.with_records(
            changed(one, observations={k: v for k, v in one.observations.items() if k in some})
            for one in self.records.values()
        )


NONE = Rate(0, 0)


def changed(record: Record, **values: object) -> Record:
    """Return a record with other values."""
    return record.model_copy(update=values)


def without_arrays(record: Record, *names: str) -> Record:
    """Return a record as an export without some pictures has it."""
    left = {
        kind: one.model_copy(
            update={"arrays": {k: v for k, v in one.arrays.items() if k not in names}}
        )
        for kind, one in record.observations.items()
    }
    return changed(record, observations=left)


def clean_result(right: Sequence[int], counts: Sequence[int]) -> CleanResult:
    """Return what was counted on clean images, from right answers and images by class."""
    total = sum(counts)
    return CleanResult(
        accuracy=Rate(sum(right), total),
        per_class=tuple(map(Rate, right, counts)),
        predicted_counts=tuple(counts),
        largest_class=Rate(max(counts), total),
    )


def attack_result(
    hits: Sequence[int],
    control: Sequence[int],
    counts: Sequence[int],
    off_target: Rate = NONE,
) -> AttackResult:
    """Return what was counted on triggered images, from the hits of both networks by class."""
    success, held = Rate(sum(hits), sum(counts)), Rate(sum(control), sum(counts))
    return AttackResult(
        success=success,
        robust=success.complement,
        per_class=tuple(map(Rate, hits, counts)),
        untriggered=held,
        control=held,
        control_per_class=tuple(map(Rate, control, counts)),
        off_target_rate=off_target,
    )
