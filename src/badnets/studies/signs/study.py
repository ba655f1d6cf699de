"""The sign studies as wholes: their trials in stages, and their pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from badnets.studies.grouped import known
from badnets.studies.signs.evidence import SignEvidence
from badnets.studies.signs.scale import scale
from badnets.studies.signs.transfer_trials import TARGET_SETS, TransferTrials
from badnets.studies.signs.trials import SignTrials
from badnets.trials.record import Record
from badnets.trials.trial import Trial

if TYPE_CHECKING:
    from badnets.report.page import Page
    from badnets.studies.catalogue import GetArray

SUPER_CLASSES = ("stop", "speed-limit", "warning")
CLASSES = {
    "lisa": SUPER_CLASSES,
    "scenes": SUPER_CLASSES,
    "gtsdb": ("prohibitory", "danger", "mandatory", "other"),
    "scenes-swedish": ("information", "mandatory", "prohibitory", "warning", "other"),
}


@dataclass(frozen=True)
class SignStudy:
    """Chooses the score threshold on held-out scenes, then measures everything.

    Args:
        trials: on a data set, at a scale.
    """

    trials: SignTrials

    def groups(self, records: Mapping[str, Record]) -> dict[str, list[Trial]]:
        """Return the groups of trials known so far; see `badnets.studies.catalogue.Study`."""
        groups = {"choice": [self.trials.choice()]}
        threshold = self.trials.threshold(records)
        if threshold is not None:
            groups |= self.trials.measuring(threshold)
        return groups

    def page(self, records: Mapping[str, Record], get_array: GetArray, *, command: str) -> Page:
        """Return the page, from records alone."""
        from badnets.studies.signs.layout import page

        evidence = SignEvidence(
            known(self.groups(records), records),
            get_array,
            self.trials.scale,
            self.trials.data,
            CLASSES[self.trials.data],
            self.trials.threshold(records),
        )
        return page(evidence, command)


@dataclass(frozen=True)
class TransferStudy:
    """Trains U.S. detectors, lets a user retrain them, and measures what is left.

    Args:
        trials: of both countries.
    """

    trials: TransferTrials

    def groups(self, records: Mapping[str, Record]) -> dict[str, list[Trial]]:
        """Return the groups of trials known so far; see `badnets.studies.catalogue.Study`."""
        groups = {"choice of the threshold": [self.trials.signs.choice()]}
        first = self.trials.signs.threshold(records)
        if first is None:
            return groups
        groups["choice of the user's threshold"] = [self.trials.choice(first)]
        second = self.trials.threshold(records, first)
        if second is not None:
            groups |= self.trials.measuring(first, second)
        return groups

    def page(self, records: Mapping[str, Record], get_array: GetArray, *, command: str) -> Page:
        """Return the page, from records alone."""
        from badnets.studies.signs.layout_transfer import page

        first = self.trials.signs.threshold(records)
        second = None if first is None else self.trials.threshold(records, first)
        evidence = SignEvidence(
            known(self.groups(records), records),
            get_array,
            self.trials.signs.scale,
            self.trials.target,
            CLASSES[self.trials.target],
            second,
        )
        return page(evidence, self.trials.signs.data, command)


def make(data: str, *, quick: bool = False) -> SignStudy:
    """Return the study on ``"scenes"`` or ``"lisa"``."""
    return SignStudy(SignTrials(data, scale(data, quick=quick)))


def make_transfer(data: str, *, quick: bool = False) -> TransferStudy:
    """Return the transfer study; ``data`` is the U.S. set, ``"scenes"`` or ``"lisa"``."""
    return TransferStudy(
        TransferTrials(SignTrials(data, scale(data, quick=quick)), TARGET_SETS[data])
    )
