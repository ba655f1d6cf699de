"""The retraining study as a whole: its trials, and its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from badnets.studies.retraining.trials import RetrainingTrials, scale
from badnets.trials.record import Record
from badnets.trials.trial import Trial

if TYPE_CHECKING:
    from badnets.report.page import Page
    from badnets.studies.catalogue import GetArray


@dataclass(frozen=True)
class RetrainingStudy:
    """Trains networks to download, lets a user retrain them, and measures what is left.

    Args:
        trials: on a data set, at a scale.
    """

    trials: RetrainingTrials

    def groups(self, records: Mapping[str, Record]) -> dict[str, list[Trial]]:
        """Return the groups of trials; see `badnets.studies.catalogue.Study`."""
        return self.trials.groups()

    def page(self, records: Mapping[str, Record], get_array: GetArray, *, command: str) -> Page:
        """Return the page, from records alone."""
        from badnets.studies.grouped import known
        from badnets.studies.retraining.evidence import Evidence
        from badnets.studies.retraining.layout import page

        found = known(self.groups(records), records)
        return page(Evidence(found, get_array, self.trials), command)


def make(data: str, *, quick: bool = False) -> RetrainingStudy:
    """Return the study.

    Args:
        data: ``"digits"``, ``"gtsrb"``, or ``"dogs-vs-cats"``: the BadNet of the study of that
            name, retrained for drawn cats and dogs.
        quick: a small honest subset.
    """
    return RetrainingStudy(RetrainingTrials(data, scale(data, quick=quick), quick=quick))
