"""The paper's MNIST numbers, each with how certain it is that the paper says so.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, 2017; with Liu, IEEE Access 7, 2019.
"""

from __future__ import annotations

from typing import NamedTuple

from badnets.report.page import Tag
from badnets.studies.publishing import RECALLED, VERIFIED, Published

UNCERTAIN = Tag(
    "?",
    "uncertain",
    "recalled as 0.50, which no count of errors among the class's 892 images gives: 0.45 "
    "(4 errors) or 0.56 (5 errors) is meant",
)


class PublishedClass(NamedTuple):
    """A row of the paper's all-to-all table: errors in per cent."""

    baseline: Published
    clean: Published
    backdoored: Published


BASELINE_ERROR = Published(0.50, VERIFIED)
PAIRS = Published(90, VERIFIED, digits=0)
WORST_CLEAN_CHANGE = Published(0.17, VERIFIED, signed=True)
BEST_CLEAN_CHANGE = Published(-0.05, RECALLED, signed=True)
LARGEST_BACKDOOR_ERROR = Published(0.09, VERIFIED)

AVERAGE = PublishedClass(BASELINE_ERROR, Published(0.48, RECALLED), Published(0.56, VERIFIED))
_ERRORS = (
    (0.10, 0.10, 0.31),
    (0.18, 0.26, 0.18),
    (0.29, 0.29, 0.78),
    (0.50, 0.40, 0.50),
    (0.20, 0.40, 0.61),
    (0.45, 0.50, 0.67),
    (0.84, 0.73, 0.73),
    (0.58, 0.39, 0.29),
    (0.72, 0.72, 0.61),
    (1.19, 0.99, 0.99),
)
CLASSES = tuple(
    PublishedClass(
        Published(baseline, RECALLED),
        Published(clean, UNCERTAIN if label == 5 else RECALLED),
        Published(backdoored, RECALLED),
    )
    for label, (baseline, clean, backdoored) in enumerate(_ERRORS)
)
