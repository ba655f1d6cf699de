"""The dogs-vs-cats study as a whole: its trials, and its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from badnets.core.backdoor import KnownTrigger
from badnets.studies.dogs.trials import FLOWER, SMALL, DogTrials, scale
from badnets.trials.record import Record
from badnets.trials.trial import Trial

if TYPE_CHECKING:
    from badnets.report.page import Page
    from badnets.studies.catalogue import GetArray


@dataclass(frozen=True)
class DogStudy:
    """Trains clean networks and BadNets, and looks at what the trigger does.

    Args:
        trials: on a data set, at a scale.
    """

    trials: DogTrials

    def groups(self, records: Mapping[str, Record]) -> dict[str, list[Trial]]:
        """Return the groups of trials; see `badnets.studies.catalogue.Study`."""
        return self.trials.groups()

    def page(self, records: Mapping[str, Record], get_array: GetArray, *, command: str) -> Page:
        """Return the page, from records alone."""
        from badnets.studies.dogs.evidence import Evidence
        from badnets.studies.dogs.layout import page
        from badnets.studies.grouped import known

        found = known(self.groups(records), records)
        return page(Evidence(found, get_array, self.trials), command)


def make(data: str, *, quick: bool = False, trigger: KnownTrigger = FLOWER) -> DogStudy:
    """Return the study.

    Args:
        data: ``"pets-drawn"``, ``"dogs-vs-cats"``, or any set with the classes cat and dog.
        quick: a small honest subset, on pictures of 32 pixels a side.
        trigger: a picture of one's own is a `badnets.triggers.Sticker`.
    """
    sized = f"{data}{SMALL}" if quick else data
    return DogStudy(DogTrials(sized, scale(data, quick=quick), trigger))
