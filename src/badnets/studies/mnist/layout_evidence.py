"""What the page is drawn from: records by group, and what is still missing among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from badnets.core.rates import Rate
from badnets.report.page import Note
from badnets.studies.mnist.trials import Scale
from badnets.trials.record import ArrayRef, Record

TRIGGER_NAMES = {"single-pixel": "single pixel", "pixel-pattern": "four-pixel pattern"}
CLASSES = 10


@dataclass(frozen=True, eq=False)
class Evidence:
    """Records by group, and the means to read their arrays.

    Args:
        groups: as `MnistTrials` names them; a missing group is an empty one.
        shares: poisoned shares chosen for the all-to-all attack, by trigger.
        scale: how much the study runs.
        get_array: reads a recorded array.
        classes: names of the classes.
    """

    groups: Mapping[str, Sequence[Record]]
    shares: Mapping[str, float]
    scale: Scale
    get_array: Callable[[ArrayRef], NDArray[np.generic]]
    classes: tuple[str, ...]

    def all(self, group: str) -> list[Record]:
        """Return a group's records, collapsed ones among them."""
        return list(self.groups.get(group, ()))

    def of(self, group: str) -> list[Record]:
        """Return those of a group's records whose network has learned something."""
        return [record for record in self.all(group) if record.outcome != "collapsed"]

    def gaps(self, group: str, expected: int, what: str) -> tuple[Note, ...]:
        """Return what is to be said of runs that are missing or collapsed.

        Args:
            group: name of the group.
            expected: how many runs the study asks for.
            what: what the runs are, in words.
        """
        records = self.all(group)
        notes: list[Note] = []
        if len(records) < expected:
            done = f"{len(records)} of {expected}" if records else f"none of {expected}"
            notes.append(Note(f"Not complete: {done} {what} have been run.", "missing"))
        fallen = [record for record in records if record.outcome == "collapsed"]
        if fallen:
            notes.append(
                Note(
                    f"{len(fallen)} of {len(records)} {what} collapsed: the network has learned "
                    "nothing, so it is left out of every number here and never counts as an "
                    "attack: " + "; ".join(record.trial.title for record in fallen) + ".",
                    "warning",
                )
            )
        return tuple(notes)

    @property
    def everything(self) -> list[Record]:
        """Every record once, in order of groups."""
        found = (record for records in self.groups.values() for record in records)
        return list({record.name: record for record in found}.values())

    @property
    def data(self) -> str:
        """Name of the data set; "?" before anything has been run."""
        return next((record.trial.data for record in self.everything), "?")


def clean_error(record: Record) -> Rate:
    """Return the error on clean validation images."""
    return record.clean.error


def backdoor_error(record: Record) -> Rate | None:
    """Return the share of triggered images that do not get the backdoor's label."""
    return record.attack.backdoor_error if record.attack else None


def success(record: Record) -> Rate | None:
    """Return the attack success rate."""
    return record.attack.success if record.attack else None


def control(record: Record) -> Rate | None:
    """Return how often a clean network gives the backdoor's label to the same images."""
    return record.attack.control if record.attack else None
