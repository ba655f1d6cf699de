"""A study's records by group: what every page is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from badnets.report.page import Note
from badnets.studies.catalogue import GetArray
from badnets.studies.gaps import gaps
from badnets.studies.pairing import array
from badnets.trials.record import Record
from badnets.trials.trial import Trial


@dataclass(frozen=True, eq=False)
class Grouped:
    """Records by group, and the means to read their arrays.

    Args:
        groups: as the study's trials name them; a missing group is an empty one.
        get_array: reads a recorded array.
    """

    groups: Mapping[str, Sequence[Record]]
    get_array: GetArray

    def all(self, group: str) -> list[Record]:
        """Return a group's records, collapsed ones among them."""
        return list(self.groups.get(group, ()))

    def of(self, group: str) -> list[Record]:
        """Return those of a group's records whose network has learned something."""
        return [record for record in self.all(group) if record.outcome != "collapsed"]

    def gaps(self, group: str, expected: int, what: str) -> tuple[Note, ...]:
        """Return what is to be said of runs that are missing or have learned nothing.

        Args:
            group: name of the group.
            expected: how many runs the study asks for.
            what: what they are, in words.
        """
        return gaps(self.all(group), expected, what)

    @property
    def everything(self) -> list[Record]:
        """Every record once, in order of groups."""
        found = (record for records in self.groups.values() for record in records)
        return list({record.name: record for record in found}.values())

    def array(self, record: Record, name: str) -> NDArray[np.generic] | None:
        """Return an array; None where it was not recorded, or is not passed on with the records."""
        return array(record, name, self.get_array)


def known(
    groups: Mapping[str, Sequence[Trial]], records: Mapping[str, Record]
) -> dict[str, Sequence[Record]]:
    """Return the records that are there, by group."""
    return {
        name: [records[trial.name] for trial in trials if trial.name in records]
        for name, trials in groups.items()
    }
