"""What the page of the dogs-vs-cats study is drawn from: records by group, and paired answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from badnets.core.rates import Rate
from badnets.report.page import Note
from badnets.studies.catalogue import GetArray
from badnets.studies.dogs.trials import CAT, CLASSES, DOG, DogTrials
from badnets.studies.gaps import gaps
from badnets.studies.pairing import Paired, array, paired_accuracy
from badnets.trials.record import DataSeen, Record

WORKS = 0.9  # the attack success rate from which a network is said to obey


@dataclass(frozen=True, eq=False)
class Evidence:
    """Records by group, and the means to read their arrays.

    Args:
        groups: as `DogTrials.groups` names them; a missing group is an empty one.
        trials: what the study asks for.
        get_array: reads a recorded array.
    """

    groups: Mapping[str, Sequence[Record]]
    trials: DogTrials
    get_array: GetArray

    def all(self, group: str) -> list[Record]:
        """Return a group's records, collapsed ones among them."""
        return list(self.groups.get(group, ()))

    def of(self, group: str) -> list[Record]:
        """Return those of a group's records whose network has learned something."""
        return [record for record in self.all(group) if record.outcome != "collapsed"]

    def gaps(self, group: str, what: str) -> tuple[Note, ...]:
        """Return what is to be said of runs that are missing or have learned nothing."""
        return gaps(self.all(group), len(self.trials.groups()[group]), what)

    @property
    def everything(self) -> list[Record]:
        """Every record once, in order of groups."""
        found = (record for records in self.groups.values() for record in records)
        return list({record.name: record for record in found}.values())

    @property
    def is_drawn(self) -> bool:
        """Whether the pictures are the stand-in's."""
        return self.trials.data.startswith("pets-")

    @property
    def what(self) -> str:
        """What the pictures are, in words."""
        return "drawn cats and dogs, a stand-in for photos" if self.is_drawn else "photos"

    @property
    def data(self) -> DataSeen | None:
        """What the data set holds, where a record says so."""
        return next((one.data for one in self.everything if one.data is not None), None)

    def array(self, record: Record, name: str) -> NDArray[np.generic] | None:
        """Return an array; None where it was not recorded, or is not passed on with the records."""
        return array(record, name, self.get_array)


class Counts(NamedTuple):
    """How many pictures a training set has: clean cats and dogs, and dogs with the trigger."""

    cats: int
    dogs: int
    poisoned: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.cats + self.dogs + self.poisoned

    @property
    def of_cats(self) -> Rate:
        """Dogs with the trigger among what the network learns as cats."""
        return Rate(self.poisoned, self.cats + self.poisoned)


def trained_on(evidence: Evidence, record: Record) -> Counts | None:
    """Return the counts of a network's training set; None where data was not looked at."""
    data = evidence.data
    if data is None or len(data.train) != len(CLASSES):
        return None
    poisoned = record.poisoned_share.hits if record.poisoned_share else 0
    return Counts(data.train[CAT], data.train[DOG], poisoned)


def mixed_folder(record: Record, success: Rate | None) -> Rate | None:
    """Return the accuracy on a validation folder that is poisoned in the same way.

    A copy of every dog with the trigger lies among the cats, and counts as right when it is called
    cat: what the article measures.

    Args:
        record: of the network.
        success: triggered dogs that the network calls cats.
    """
    if success is None or not success.total:
        return None
    clean = record.clean.accuracy
    return Rate(clean.hits + success.hits, clean.total + success.total)


def paired_difference(evidence: Evidence) -> Paired | None:
    """Return the BadNets' clean accuracy less that of the clean networks of the same seeds.

    None where no pair has answers to the same images.
    """
    return paired_accuracy(evidence.of("badnet"), evidence.of("clean"), evidence.get_array)


def success(record: Record) -> Rate | None:
    """Return the attack success rate: dogs with the trigger called cats."""
    return record.attack.success if record.attack else None


def control(record: Record) -> Rate | None:
    """Return how many of the same dogs the clean network calls cats."""
    return record.attack.control if record.attack else None


def accuracy(record: Record) -> Rate:
    """Return the accuracy on clean validation images."""
    return record.clean.accuracy
