"""BackdoorBench's numbers of BadNets with 10 % of the images poisoned, in per cent.

References:
    Wu et al., "BackdoorBench: a comprehensive benchmark of backdoor learning", NeurIPS 2022, and
    the leaderboard of its site.
"""

from __future__ import annotations

from typing import NamedTuple

from badnets.report.page import Tag
from badnets.studies.defended.trials import RETRAINED
from badnets.studies.publishing import Published

LISTED = Tag("l", "listed", "in the leaderboard's own table of results")


class PublishedRow(NamedTuple):
    """A line of the leaderboard.

    Attributes:
        title: what the method is called there.
        ours: the name of what we do in its place; empty: the network as it was trained.
        accuracy: on clean images.
        success: of the attack.
        robust: triggered images named rightly.
    """

    title: str
    ours: str
    accuracy: Published
    success: Published
    robust: Published


def _row(title: str, ours: str, *values: float) -> PublishedRow:
    accuracy, success, robust = (Published(value, LISTED) for value in values)
    return PublishedRow(title, ours, accuracy, success, robust)


BADNETS: dict[str, tuple[PublishedRow, ...]] = {
    "cifar10-jpeg": (
        _row("no defence", "", 91.32, 95.03, 4.67),
        _row("FT", "fine-tuning", 89.96, 1.48, 89.39),
        _row("Fine-Pruning", "fine-pruning", 91.31, 57.13, 41.62),
        _row("Neural Cleanse", "unlearning", 89.05, 1.27, 89.16),
        _row("ANP", "neuron-pruning", 84.17, 0.73, 84.04),
        _row("I-BAU", "universal-unlearning", 89.16, 1.29, 89.24),
        _row("ABL", "anti-backdoor", 83.32, 0.00, 89.02),
        _row("AC, retrained", "audit-and-retrain", 88.80, 86.23, 13.28),
    ),
    "gtsrb": (
        _row("no defence", "", 97.24, 59.25, 4.42),
        _row("FT", "fine-tuning", 98.73, 5.09, 94.00),
        _row("Fine-Pruning", "fine-pruning", 98.21, 0.09, 70.93),
        _row("Neural Cleanse", "unlearning", 97.48, 0.01, 97.45),
        _row("ANP", "neuron-pruning", 95.86, 0.00, 95.51),
        _row("I-BAU", "universal-unlearning", 96.47, 0.02, 96.46),
        _row("ABL", "anti-backdoor", 93.82, 0.00, 94.21),
        _row("AC, retrained", "audit-and-retrain", 95.53, 95.94, 3.95),
    ),
}
OURS_ALONE = ("auto", RETRAINED)  # steps that the leaderboard has no method for
