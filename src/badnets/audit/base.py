"""The contract of audit methods: a subject and a few clean images in, a raw table out.

What a table means is for a null to say (`badnets.core.nulls`): a method never concludes.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from badnets.core.errors import SettingError
from badnets.core.nulls import Table
from badnets.core.registry import Registry
from badnets.core.verdicts import NotCovered
from badnets.models.subject import Subject, capabilities

Tier = Literal["instant", "standard", "thorough"]
TIERS: tuple[Tier, ...] = ("instant", "standard", "thorough")
MOST, MOST_PER_CLASS = 1000, 40  # clean images that are looked at
"""How long a method takes: milliseconds, seconds to minutes, or longer."""


class AuditMethod(ABC):
    """One way to look for a backdoor.

    A method knows neither the attack that it is up against nor another method.

    Attributes:
        kind: its name in `AUDITS`.
        version: raised when the same subject would give another table.
        needs: capabilities of the subject; see `badnets.models.subject.CAPABILITIES`.
        covers: which kinds of backdoor it looks for, in words.
        tier: how long it takes.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    covers: ClassVar[str] = "backdoors"
    tier: ClassVar[Tier] = "standard"
    images_per_class: ClassVar[int] = 0
    """How many clean images of each class it needs, all of them named right by the model."""

    @abstractmethod
    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return raw numbers by class, or by source and target; higher is more suspicious.

        Args:
            subject: the model.
            clean: an `ImageSet` of clean images that the model names right, `images_per_class` of
                each class or more.
            seed: everything random follows from it.
        """


AUDITS: Registry[AuditMethod] = Registry(
    "audit method",
    {
        "head-weights": "badnets.audit.methods.weights:HeadWeights",
        "dormant-units": "badnets.audit.methods.dormant:DormantUnits",
        "maximum-margin": "badnets.audit.methods.maximum_margin:MaximumMargin",
        "perturbation-transfer": "badnets.audit.methods.transfer:PerturbationTransfer",
        "additive-inversion": "badnets.audit.methods.inversion:AdditiveInversion",
        "mask-inversion": "badnets.audit.methods.inversion:MaskInversion",
        "feature-margin": "badnets.audit.methods.feature_margin:FeatureMargin",
        "neuron-noise": "badnets.audit.methods.neuron_noise:NeuronNoise",
    },
)
"""A new method: a file here, and one line ``"kind": "module:Class"``."""


class AuditTables(BaseModel):
    """What every method that could look says of a model.

    Attributes:
        tables: raw table of each method.
        versions: version of each of these methods.
        seconds: how long each took.
        quantities: what a model must have in common with clean ones to be compared with them.
        coverage: what was not looked at, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tables: dict[str, Table]
    versions: dict[str, int] = {}
    seconds: dict[str, float] = {}
    quantities: dict[str, float] = {}
    coverage: tuple[NotCovered, ...] = ()


def tables_of(
    subject: Subject,
    clean: Any = None,
    *,
    seed: int = 0,
    budget: float | None = None,
    tier: Tier = "thorough",
) -> AuditTables:
    """Return the tables of all methods; what cannot be done is lost coverage, never a crash.

    Args:
        subject: the model.
        clean: an `ImageSet` of clean images; None: methods that need none look alone.
        seed: everything random follows from it.
        budget: begin no further method after so many seconds.
        tier: methods that take longer than this tier's are left out.

    Raises:
        SettingError: the images are of other classes than the model's.
        ShapeError: they are of another shape.
    """
    if clean is not None and clean.num_classes != subject.num_classes:
        raise SettingError(
            f"the model knows {subject.num_classes} classes, the clean images are of "
            f"{clean.num_classes}: give images of its classes"
        )
    begun = time.perf_counter()
    right, quantities = _named_right(subject, clean, seed)
    fewest, rarest = min(zip(right.counts, right.classes, strict=True)) if right else (0, "any")
    found = AuditTables(tables={}, quantities=quantities)
    lost = []
    for kind in AUDITS:
        method = AUDITS[kind]()
        missing = sorted(method.needs - capabilities(subject))
        wanted = method.images_per_class
        if TIERS.index(method.tier) > TIERS.index(tier):
            why = f"{kind} is a {method.tier} method, and none beyond {tier} ones were asked for"
        elif missing:
            why = f"{kind} needs {', '.join(missing)}, which the model does not give"
        elif wanted > fewest and clean is None:
            why = f"{kind} needs clean images, and none were given"
        elif wanted > fewest:
            why = (
                f"{kind} needs {wanted} clean images of each class that the model names right, and "
                f"of {rarest} there are {fewest}"
            )
        elif budget is not None and time.perf_counter() - begun > budget:
            why = f"the {budget:g} seconds were over before {kind}"
        else:
            start = time.perf_counter()
            table = method.table(subject, right, seed=seed)
            if all(math.isfinite(cell) for row in table for cell in row if cell is not None):
                found.tables[kind] = table
                found.versions[kind] = method.version
                found.seconds[kind] = round(time.perf_counter() - start, 3)
                continue
            why = f"{kind} met numbers that are not finite"
        lost.append(NotCovered(what=method.covers, why=why))
    return found.model_copy(update={"coverage": tuple(lost)})


def _named_right(subject: Subject, clean: Any, seed: int) -> tuple[Any, dict[str, float]]:
    """Return the clean images that the model names right, and what it is like on clean images."""
    if clean is None or "logits" not in capabilities(subject):
        return None, {}
    from badnets.audit.cells import margins  # imports torch, which recipes do without

    most = max(MOST, MOST_PER_CLASS * clean.num_classes)
    clean = clean.sample(most, seed=seed) if len(clean) > most else clean
    margin = margins(subject.logits(clean.images).cpu(), clean.labels)  # type: ignore[attr-defined]
    right = (margin > 0).nonzero()[:, 0]
    quantities = {
        "clean error": 1 - len(right) / max(1, len(margin)),
        "mean clean margin": float(margin[right].mean()),  # labels of some others may be wrong
    }
    finite = {name: value for name, value in quantities.items() if math.isfinite(value)}
    return (clean.take(right) if len(right) else None), finite
