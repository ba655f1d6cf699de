"""What the page is drawn from: records by group, and what is still missing among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from badnets.core.rates import Rate
from badnets.studies.grouped import Grouped
from badnets.studies.mnist.trials import Scale
from badnets.trials.record import Record

TRIGGER_NAMES = {"single-pixel": "single pixel", "pixel-pattern": "four-pixel pattern"}
CLASSES = 10


@dataclass(frozen=True, eq=False)
class Evidence(Grouped):
    """Records by group, as `MnistTrials` names them.

    Args:
        shares: poisoned shares chosen for the all-to-all attack, by trigger.
        scale: how much the study runs.
        classes: names of the classes.
    """

    shares: Mapping[str, float]
    scale: Scale
    classes: tuple[str, ...]

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
