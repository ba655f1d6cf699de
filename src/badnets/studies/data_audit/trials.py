"""Poisoned and clean training sets, each audited with a network that was trained on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch, PixelPattern
from badnets.studies.audit.zoos import ZOOS
from badnets.studies.catalogue import Groups, Study
from badnets.studies.dogs.trials import EVERY
from badnets.studies.dogs.trials import make as dogs
from badnets.trials.trial import OutsourcedTrial

if TYPE_CHECKING:
    from badnets.trials.record import Record

SEEDS, CLEAN_SEEDS = (0, 1, 2), (0, 1, 2, 3)  # of five kinds of clean sets: 20 in all
CLEAN = "clean: "  # what names of groups of clean sets begin with
BADNET = Backdoor(PixelPattern("gu"), AllToOne(7), 0.05)


class Poisoned(NamedTuple):
    """A kind of poisoned set: what it is called, of which data, and the poison."""

    title: str
    data: str
    backdoor: Backdoor


POISONED = {
    "all": (
        Poisoned("BadNets, 5 %", "mnist", BADNET),
        Poisoned("BadNets, 1 %", "gtsrb", Backdoor(Patch(4, (1.0, 1.0, 0.0)), AllToOne(1), 0.01)),
        Poisoned("half of one class", "dogs-vs-cats", dogs("dogs-vs-cats").backdoor(EVERY)),
    ),
    "digits": (Poisoned("BadNets, 5 %", "digits", Backdoor(Patch(4), AllToOne(7), 0.05)),),
}
CLEAN_SETS = {
    "all": ("digits", "mnist", "gtsrb", "cifar10-jpeg", "dogs-vs-cats"),
    "digits": ("digits",),
}


@dataclass(frozen=True)
class DataAuditStudy(Study):
    """Trains a network on each set, cheaply, and audits the set with its features.

    Args:
        data: ``"all"``, or one data set's name.
        seeds: of poisoned sets; ``clean_seeds``: of clean ones.
    """

    data: str
    seeds: tuple[int, ...] = SEEDS
    clean_seeds: tuple[int, ...] = CLEAN_SEEDS

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return the sets: ``DATA: KIND`` of poisoned ones, and ``clean: DATA``."""
        poisoned = {
            f"{one.data}: {one.title}": [
                _trial(one.data, seed, one.backdoor) for seed in self.seeds
            ]
            for one in POISONED[self.data]
        }
        clean = {
            f"{CLEAN}{data}": [_trial(data, seed) for seed in self.clean_seeds]
            for data in CLEAN_SETS[self.data]
        }
        return {**poisoned, **clean}


def _trial(data: str, seed: int, backdoor: Backdoor | None = None) -> OutsourcedTrial:
    return ZOOS[data].trial(seed, backdoor, observe=("data-audit",), keep_bundle=False)


def make(data: str, *, quick: bool = False) -> DataAuditStudy:
    """Return the study.

    Args:
        data: ``"all"`` or ``"digits"``.
        quick: one seed.
    """
    return DataAuditStudy(data, (0,), (0,)) if quick else DataAuditStudy(data)
