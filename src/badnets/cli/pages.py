"""Pages of studies: which study, which records, which file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from badnets.core.lookup import find
from badnets.studies import STUDIES, make_study, recorded

if TYPE_CHECKING:
    from badnets.report import Page
    from badnets.studies.catalogue import Study
    from badnets.trials.record import Record
    from badnets.trials.workspace import Workspace


@dataclass(frozen=True)
class Variant:
    """A study on a data set, in full or quick.

    Args:
        name: of the study.
        data: of the data set; None: the study's own.
        quick: the small subset.
    """

    name: str
    data: str | None = None
    quick: bool = False

    @property
    def study(self) -> Study:
        """The study.

        Raises:
            UnknownNameError: there is no such study, or it does not run on that data set.
        """
        return make_study(self.name, self.data, quick=self.quick)

    @property
    def file(self) -> str:
        """The page's name, without an ending: ``signs_lisa``, ``mnist_quick``.

        The data set is left out where it is called like the study, else where it is the usual one.
        """
        entry = find(STUDIES, self.name, "study")
        usual = self.name if self.name in entry.alternatives else entry.data
        data = self.data or entry.data
        parts = (self.name, data if data != usual else None, self.quick and "quick")
        return "_".join(part for part in parts if part).replace("-", "_")

    @property
    def command(self) -> str:
        """What makes the page again."""
        data = f" --data {self.data}" if self.data else ""
        return f"badnets study {self.name}{data}{' --quick' if self.quick else ''}"

    def page(self, known: Iterable[Record], room: Workspace) -> Page | None:
        """Return the page from those records that are the study's; None when there are none.

        Args:
            known: records, of other studies too.
            room: where their arrays are.
        """
        study = self.study
        found: Mapping[str, Record] = recorded(study, {record.name: record for record in known})
        return study.page(found, room.get_array, command=self.command) if found else None


def variants(name: str | None = None) -> Iterator[Variant]:
    """Yield every variant of a study, of all studies when None."""
    for known, entry in STUDIES.items():
        if name in (None, known):
            for data in (None, *entry.alternatives):
                yield Variant(known, data)
                yield Variant(known, data, quick=True)
