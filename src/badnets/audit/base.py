"""The contract of audit methods: a subject and a few clean images in, a raw table out.

What a table means is for a null to say (`badnets.core.nulls`): a method never concludes.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from badnets.audit.deadline import Deadline, OutOfTime
from badnets.core.errors import SettingError, ShapeError
from badnets.core.lookup import shortened
from badnets.core.nulls import Table
from badnets.core.registry import Registry
from badnets.core.verdicts import NotCovered
from badnets.models.subject import Subject, capabilities

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Tier = Literal["instant", "standard", "thorough"]
TIERS: tuple[Tier, ...] = ("instant", "standard", "thorough")
"""How long a method takes: milliseconds, seconds to minutes, or longer."""
MOST, MOST_PER_CLASS = 1000, 40  # clean images that are looked at
LOOKING = 0.25  # of a budget, for naming clean images
FEW = 12  # classes up to which all pairs of two get the full effort
ALL_PAIRS = 64  # classes up to which all pairs are looked at, with less effort
OF_MANY = 32  # clean images of all classes together, at least, where there are many


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
    """How many clean images of each class it needs, all of them named right by the model.

    Above `FEW` classes it takes what there is of each, `OF_MANY` or more in all.
    """
    by_source: ClassVar[bool] = False
    """Whether it looks at each source apart: a class with fewer is then left out as one."""
    images_of_many: ClassVar[int] = 1
    """How many of each class it needs above `FEW` classes and up to `ALL_PAIRS`, to look at it."""

    @abstractmethod
    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return raw numbers by class, or by source and target; higher is more suspicious.

        Args:
            subject: the model.
            clean: an `ImageSet` of clean images that the model names right, `images_per_class` of
                each class or more.
            seed: everything random follows from it.
        """

    def applies(self, shape: Sequence[int]) -> bool:
        """Return whether there is anything to look for on images ``(C, H, W)``, whatever else."""
        return True

    def leaves_out(self, num_classes: int) -> str | None:
        """Return what it does not look at among so many classes, in words; None: all the same."""
        return None


class TriggerMethod(AuditMethod):
    """A method whose search ends in triggers, so that one can be recovered for what it suspects."""

    @abstractmethod
    def trigger(
        self, subject: Any, images: Tensor, target: int, *, seed: int
    ) -> tuple[Tensor, Tensor]:
        """Return what turns most of some images into the target, sought longer than for a table.

        Args:
            subject: the model.
            images: ``(n, C, H, W)`` float in [0, 1], of other classes.
            target: the class that the trigger is to give.
            seed: everything random follows from it.

        Returns:
            ``(1, H, W)`` in [0, 1]: how much of each pixel it keeps, and ``(C, H, W)`` in [-1, 1]:
            what it adds; the sum is clipped to [0, 1].
        """

    def promising(
        self, subject: Any, clean: Any, targets: Tensor, drawn: torch.Generator
    ) -> Tensor | None:
        """Return ``(P,)``: for each target a source that it may be of; None: it cannot say."""
        return None


AUDITS: Registry[AuditMethod] = Registry(
    "audit method",
    {
        "head-weights": "badnets.audit.methods.weights:HeadWeights",
        "dormant-units": "badnets.audit.methods.dormant:DormantUnits",
        "maximum-margin": "badnets.audit.methods.maximum_margin:MaximumMargin",
        "perturbation-transfer": "badnets.audit.methods.transfer:PerturbationTransfer",
        "additive-inversion": "badnets.audit.methods.inversion:AdditiveInversion",
        "mask-inversion": "badnets.audit.methods.inversion:MaskInversion",
        "patch-search": "badnets.audit.methods.patches:PatchSearch",
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
    budget: float | Deadline | None = None,
    tier: Tier = "thorough",
) -> AuditTables:
    """Return the tables of all methods; what cannot be done is lost coverage, never a crash.

    Args:
        subject: the model.
        clean: an `ImageSet` of clean images; None: methods that need none look alone.
        seed: everything random follows from it.
        budget: stop after so many seconds, or at that deadline, in the middle of a method too.
        tier: methods that take longer than this tier's are left out.

    Raises:
        SettingError: the images are of other classes than the model's.
        ShapeError: they are of another shape.
    """
    check_clean(subject, clean)
    deadline, right, lost = Deadline.of(budget), None, list[NotCovered]()
    found, unnamed = AuditTables(tables={}), clean is not None and tier != "instant"
    lacking = list[NotCovered]()
    with deadline.kept_by(subject) as timed:
        for kind in AUDITS:
            method = AUDITS[kind]()
            if not method.applies(subject.input.shape):
                continue
            why = _unable(method, subject, tier)
            if why is None and unnamed and method.tier != "instant":
                right, quantities, lacking = _named_right(timed, clean, seed, deadline)
                found.quantities.update(quantities)
                lost += lacking
                unnamed = False
            if why is None and deadline.is_over:
                why = f"the {deadline} were over before {kind}"
            why = why or _short_of_images(method, clean, right, hurried=bool(lacking))
            if why is None:
                start = time.perf_counter()
                try:
                    table = method.table(timed, right, seed=seed)
                except OutOfTime:
                    why = f"the {deadline} were over before {kind} had finished"
                else:
                    cells = [cell for row in table for cell in row if cell is not None]
                    if not cells:
                        least = method.images_of_many
                        why = f"{kind} needs {least} clean images of a class, named right"
                    elif all(map(math.isfinite, cells)):
                        found.tables[kind] = table
                        found.versions[kind] = method.version
                        found.seconds[kind] = round(time.perf_counter() - start, 3)
                    else:
                        why = f"{kind} met numbers that are not finite"
            lost += _lost(method, subject, right, why)
    return found.model_copy(update={"coverage": tuple(lost)})


def check_clean(subject: Subject, clean: Any) -> None:
    """Refuse clean images that are not of a model's classes and shape.

    Raises:
        SettingError, ShapeError: they are not.
    """
    if clean is None:
        return
    if clean.num_classes != subject.num_classes:
        raise SettingError(
            f"the model knows {subject.num_classes} classes, the clean images are of "
            f"{clean.num_classes}: give images of its classes"
        )
    if tuple(clean.shape) != tuple(subject.input.shape):
        from badnets.core.examples import sizes  # imports torch, which recipes do without

        raise ShapeError(
            f"the model takes images of {sizes(subject.input.shape)}, the clean images are "
            f"{sizes(clean.shape)}: give them at its size, or a folder of pictures, which is read "
            "to fit"
        )


def _unable(method: AuditMethod, subject: Subject, tier: Tier) -> str | None:
    """Return why a method cannot look at a model, whatever the images; None: it can."""
    lacking = sorted(method.needs - capabilities(subject))
    if TIERS.index(method.tier) > TIERS.index(tier):
        return f"{method.kind} looks only at the {method.tier} tier (--tier {method.tier})"
    if lacking:
        return f"{method.kind} needs {', '.join(lacking)}, which the model does not give"
    return None


def _short_of_images(method: AuditMethod, clean: Any, right: Any, *, hurried: bool) -> str | None:
    """Return which images are missing for a method to look at all; None: none are."""
    kind, wanted = method.kind, method.images_per_class
    if not wanted:
        return None
    if clean is None:
        return f"{kind} needs clean images, and none were given"
    if right is None:
        none = "there was no time to name any" if hurried else "it names none so"
        return f"{kind} needs clean images that the model names right, and {none}"
    if right.num_classes > FEW:
        known = sum(count > 0 for count in right.counts)
        if len(right) >= OF_MANY and known > 1:
            return None
        return (
            f"{kind} needs {OF_MANY} clean images of two classes or more that the model names "
            f"right, and there are {len(right)} of {known}"
        )
    fewest, rarest = min(zip(right.counts, right.classes, strict=True))
    if fewest >= wanted or (method.by_source and max(right.counts) >= wanted):
        return None
    return (
        f"{kind} needs {wanted} clean images of each class that the model names right, and of "
        f"{rarest} there are {fewest}"
    )


def _lost(
    method: AuditMethod, subject: Subject, right: Any, why: str | None
) -> Iterator[NotCovered]:
    """Give what a method did not look at: all of it, or classes that it left out."""
    kind, wanted, count = method.kind, method.images_per_class, subject.num_classes
    if why is not None:
        yield NotCovered(what=method.covers, why=why)
        return
    if (out := method.leaves_out(count)) is not None:
        yield NotCovered(what=out, why=f"{kind} would take too long with {count:,} classes")
    if right is None or not wanted or (count <= FEW and not method.by_source):
        return
    least = wanted if count <= FEW else method.images_of_many if count <= ALL_PAIRS else 1
    few = [name for name, own in zip(right.classes, right.counts, strict=True) if own < least]
    if few:
        need = f"{least} clean images" if least > 1 else "a clean image"
        yield NotCovered(
            what=f"backdoors of the source class{'es' if len(few) > 1 else ''} {shortened(few)}",
            why=f"{kind} needs {need} of each that the model names right",
        )


def _named_right(
    subject: Subject, clean: Any, seed: int, deadline: Deadline
) -> tuple[Any, dict[str, float], list[NotCovered]]:
    """Return the clean images that it names right, its quantities, and what took too long."""
    if "logits" not in capabilities(subject):
        return None, {}, []
    from badnets.audit.cells import margins, spread  # imports torch, which recipes do without
    from badnets.data.splitting import shuffled

    count = clean.num_classes
    most = MOST if count > ALL_PAIRS else max(MOST, MOST_PER_CLASS * count)
    if len(clean) > most and count > FEW:
        order = shuffled(len(clean), seed)
        clean = clean.take(order[spread(clean.labels.cpu()[order], most)])
    elif len(clean) > most:
        clean = clean.sample(most, seed=seed)
    logits, lost = answers(subject, clean, deadline)
    if not len(logits):
        return None, {}, lost
    margin = margins(logits, clean.labels.cpu()[: len(logits)])
    right = (margin > 0).nonzero()[:, 0]
    quantities = {
        "clean error": 1 - len(right) / max(1, len(margin)),
        "mean clean margin": float(margin[right].mean()),  # labels of some others may be wrong
    }
    finite = {name: value for name, value in quantities.items() if math.isfinite(value)}
    return (clean.take(right) if len(right) else None), finite, lost


def answers(subject: Any, clean: Any, deadline: Deadline) -> tuple[Any, list[NotCovered]]:
    """Return ``(n, K)`` logits of as many images as a part of the time allows, and what is left."""
    import torch

    from badnets.audit.cells import LARGE, at_once

    step = len(clean) if math.prod(clean.shape) <= LARGE else at_once(clean.shape)
    found, begun = [torch.empty(0, subject.num_classes)], deadline.elapsed
    most = math.inf if deadline.seconds is None else LOOKING * deadline.seconds
    try:
        for start in range(0, len(clean), step):
            if deadline.elapsed - begun > most:
                break
            rows = torch.arange(start, min(start + step, len(clean)))
            found.append(subject.logits(clean.images_at(rows)).cpu())
    except OutOfTime:
        pass  # what it has named till then is named
    logits = torch.cat(found)
    if len(logits) == len(clean):
        return logits, []
    what = f"{len(clean) - len(logits):,} of {len(clean):,} clean images"
    why = f"the model had not named them after a part of the {deadline}"
    return logits, [NotCovered(what=what, why=why)]
