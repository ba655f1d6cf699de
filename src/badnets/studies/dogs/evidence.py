"""What the page of the dogs-vs-cats study is drawn from: records by group, and paired answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from badnets.core.rates import Rate
from badnets.report.page import Note
from badnets.studies.dogs.trials import CAT, CLASSES, DOG, DogTrials
from badnets.studies.grouped import Grouped
from badnets.studies.pairing import Paired, paired_accuracy
from badnets.trials.record import DataSeen, Record

WORKS = 0.9  # the attack success rate from which a network is said to obey


@dataclass(frozen=True, eq=False)
class Evidence(Grouped):
    """Records by group, as `DogTrials.groups` names them.

    Args:
        trials: what the study asks for.
    """

    trials: DogTrials

    def lacking(self, group: str, what: str) -> tuple[Note, ...]:
        """Return what is to be said of a group's runs that are missing or collapsed."""
        return self.gaps(group, len(self.trials.groups()[group]), what)

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
