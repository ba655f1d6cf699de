"""The MNIST study as a whole: its trials in two stages, and its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from badnets.studies.mnist.trials import MnistTrials, scale
from badnets.trials.record import Record
from badnets.trials.trial import Trial

if TYPE_CHECKING:
    from badnets.report.page import Page
    from badnets.studies.catalogue import GetArray


@dataclass(frozen=True)
class MnistStudy:
    """Chooses the all-to-all attack's share on held-back images, then measures everything.

    Args:
        trials: on a data set, at a scale.
    """

    trials: MnistTrials

    def groups(self, records: Mapping[str, Record]) -> dict[str, list[Trial]]:
        """Return the groups of trials known so far; see `badnets.studies.catalogue.Study`."""
        groups = self.trials.choosing()
        if all(trial.name in records for trials in groups.values() for trial in trials):
            groups |= self.trials.measuring(self.trials.chosen_shares(records))
        return groups

    def page(self, records: Mapping[str, Record], get_array: GetArray, *, command: str) -> Page:
        """Return the page, from records alone."""
        from badnets.studies.grouped import known
        from badnets.studies.mnist.layout import page

        groups = self.groups(records)
        complete = "baseline" in groups
        shares = self.trials.chosen_shares(records) if complete else {}
        return page(known(groups, records), shares, self.trials.scale, get_array, command)


def make(data: str, *, quick: bool = False) -> MnistStudy:
    """Return the study on ``"mnist"`` or ``"digits"``."""
    return MnistStudy(MnistTrials(data, scale(data, quick=quick)))
