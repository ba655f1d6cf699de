"""Small clean models, and one that can be driven further to a class than any of them."""

from __future__ import annotations

from functools import cache

import torch

from badnets.audit import Audited, AuditTables, Calibration, Recovered, audit, tables_of
from badnets.core.rates import Rate
from badnets.core.results import Measured
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


def audited(toys: DataSet, conclusion: str) -> Audited:
    """Return an audit of a tiny network; of the backdoored one with a trigger of two rows."""
    if conclusion == "not checked":
        return audit(tiny(toys, 0), toys.test)
    if conclusion == "nothing found":
        return audit(tiny(toys, 5), calibration=calibrated(toys))
    found = audit(backdoored(tiny(toys, 99)), calibration=calibrated(toys))
    keep, add = torch.ones(1, *toys.test.shape[1:]), torch.zeros(toys.test.shape)
    keep[:, -2:], add[:, -2:] = 0.0, 1.0
    images = toys.test.images[:8].float() / 255
    effect, before = Rate(30, 32), Rate(1, 32)
    recovered = Recovered(
        "mask-inversion", 1, effect, before, images, keep * images + add, keep, add
    )
    measured = {"effect": Measured.of(effect), "before": Measured.of(before)}
    return found._replace(recovered=recovered, verdict=found.verdict.model_copy(update=measured))
