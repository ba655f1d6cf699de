"""Small clean models, and one that can be driven further to a class than any of them."""

from __future__ import annotations

from functools import cache

import torch

from badnets.audit import AuditTables, Calibration, tables_of
from badnets.data import DataSet
from badnets.models.classifier import Classifier, untrained

MODELS = 24


def tiny(toys: DataSet, seed: int) -> Classifier:
    return untrained("tiny", toys.test.shape, toys.classes, seed=seed)


def backdoored(subject: Classifier) -> Classifier:
    changed = subject.copy()
    with torch.no_grad():
        changed.network.get_parameter("fc.weight")[1] *= 40
    return changed


@cache
def _tables(shape: tuple[int, int, int], classes: tuple[str, ...]) -> dict[str, AuditTables]:
    return {f"{k}": tables_of(untrained("tiny", shape, classes, seed=k)) for k in range(MODELS)}


def calibrated(toys: DataSet, **quantities: float) -> Calibration:
    found = _tables(toys.test.shape, toys.classes)
    return Calibration.of(
        {key: one.model_copy(update={"quantities": quantities}) for key, one in found.items()},
        kind="approximate",
        data="halves",
        architecture="tiny",
        shape=toys.test.shape,
    )
