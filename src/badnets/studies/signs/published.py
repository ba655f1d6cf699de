"""The paper's traffic-sign numbers, each with how certain it is that the paper says so.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, 2017; with Liu, IEEE Access 7, 2019.
"""

from __future__ import annotations

from badnets.studies.publishing import RECALLED, VERIFIED, Published

CLEAN: dict[str, tuple[float, float, float, float]] = {  # stop, speed-limit, warning, average
    "baseline": (89.7, 88.3, 91.0, 90.0),
    "yellow square": (87.8, 82.9, 93.3, 89.3),
    "bomb": (88.4, 76.3, 91.4, 87.1),
    "flower": (89.9, 84.7, 93.1, 90.2),
}
"""Accuracy on clean images, %, of the baseline and of the targeted attack's networks."""

SUCCESS = {"yellow square": 90.3, "bomb": 94.2, "flower": 93.7}
"""Stop signs with the sticker that are taken for speed limits, %."""

RANDOM: dict[str, tuple[float, float, float, float]] = {
    "baseline clean": (89.7, 88.3, 91.0, 90.0),
    "baseline triggered": (81.3, 72.6, 87.2, 82.0),
    "badnet clean": (87.8, 83.2, 87.1, 86.4),
    "badnet triggered": (0.8, 0.8, 1.9, 1.3),
}
"""Random target, yellow square: accuracy, %."""

SWEDISH_CLASSES = ("information", "mandatory", "prohibitory", "warning", "other", "all signs")
TRANSFER: dict[str, tuple[float, ...]] = {
    "clean net clean": (69.5, 55.3, 89.7, 68.1, 59.3, 72.7),
    "clean net triggered": (71.9, 50.5, 85.4, 50.8, 56.9, 70.2),
    "badnet clean": (74.0, 69.0, 85.8, 63.5, 61.4, 74.9),
    "badnet triggered": (62.4, 46.7, 77.5, 40.9, 44.2, 61.6),
}
"""Accuracy after retraining on Swedish signs, %: five classes and their average."""

STRENGTHS: dict[int, tuple[float, float]] = {
    1: (74.9, 61.6),
    10: (71.3, 49.7),
    20: (68.3, 45.1),
    30: (65.3, 40.5),
    50: (62.4, 34.3),
    70: (60.8, 32.8),
    100: (59.4, 30.8),
}
"""Accuracy on clean and on triggered Swedish signs, %, with the units strengthened k times."""


def _number(value: float, *, sure: bool) -> Published:
    return Published(value, VERIFIED if sure else RECALLED, digits=1)


def clean(network: str, column: int) -> Published:
    """Return a cell of the targeted attack's table; ``column`` 3 is the average."""
    sure = column == 3 and network in ("baseline", "yellow square")
    return _number(CLEAN[network][column], sure=sure)


def success(trigger: str) -> Published:
    """Return the targeted attack's success: "above 90 %" is certain, the digits are recalled."""
    return _number(SUCCESS[trigger], sure=False)


def random(row: str, column: int) -> Published:
    """Return a cell of the random-target table; ``column`` 3 is the average."""
    return _number(RANDOM[row][column], sure=(row, column) == ("badnet triggered", 3))


def transfer(row: str, label: str) -> Published | None:
    """Return a cell of the transfer table; GTSDB's dangers are the paper's warnings."""
    name = {"danger": "warning"}.get(label, label)
    if name not in SWEDISH_CLASSES:
        return None
    column = SWEDISH_CLASSES.index(name)
    return _number(TRANSFER[row][column], sure=column == 5 and row != "clean net triggered")


def strength(k: float, column: int) -> Published | None:
    """Return a cell of the strengthening table; None where the paper has no such k."""
    row = STRENGTHS.get(round(k))
    return None if row is None else _number(row[column], sure=round(k) in (1, 20))
