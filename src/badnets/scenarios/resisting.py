"""Training that resists: ways to train on data that may be poisoned."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from badnets.core.errors import DataError, SettingError
from badnets.core.registry import Registry
from badnets.core.settings import settings
from badnets.train.settings import Training

if TYPE_CHECKING:
    from badnets.core.progress import Listener
    from badnets.data import ImageSet
    from badnets.models.classifier import Classifier
    from badnets.train.classification import TrainingRows
    from badnets.train.loop import Fitted


FORGOTTEN = 2.0  # times the cross-entropy of a guess: what is unlearned is no longer likely
BESIDE = 10  # images of the others for each that is unlearned
LOST = 0.01  # of those of other labels that may be named with less certainty for it


class Resistance(ABC):
    """One way to train on data of which nobody knows whether some is poisoned.

    It sees rows and labels alone, never which of them are poisoned.

    Attributes:
        kind: its name in `RESISTANCES`.
        version: raised when the same data would give another network.
    """

    if TYPE_CHECKING:

        @property
        def kind(self) -> str: ...

    version: ClassVar[int] = 1

    if TYPE_CHECKING:

        @property
        def trusted(self) -> float:
            """Share of the training set of which it is known that it is clean, in [0, 1]."""

    @abstractmethod
    def fit(
        self,
        subject: Classifier,
        rows: TrainingRows,
        training: Training,
        *,
        seed: int,
        trusted: ImageSet | None = None,
        progress: Listener | None = None,
    ) -> Fitted[Classifier]:
        """Return a trained copy of a classifier.

        Args:
            subject: where training starts from.
            rows: what it is trained on.
            training: how it would be trained if the data could be trusted.
            seed: everything random follows from it.
            trusted: images of which it is known that they are clean; a share `trusted` of the set.
            progress: told every few steps.

        Raises:
            SettingError: it needs more trusted images, of all or of a class.
            TrialError: training diverged.
        """


RESISTANCES: Registry[Resistance] = Registry(
    "way to resist",
    {
        "anti-backdoor": "badnets.scenarios.resisting:AntiBackdoor",
        "audit-and-retrain": "badnets.scenarios.resisting:AuditAndRetrain",
    },
    contract=Resistance,
)
"""A new one: a class, and one line ``"kind": "module:Class"``."""
AnyResistance: TypeAlias = Annotated[Resistance, RESISTANCES.field()]
"""A field of settings that holds one; see `badnets.core.registry.Registry.field`."""


@settings
class AntiBackdoor(Resistance):
    """ABL: what is learned first and best is set apart, and unlearned at the end.

    A backdoor is learned sooner than the task. In a first part of training the loss of each image
    is kept from falling below ``gamma``, and only poisoned ones fall; those with the smallest loss
    are set apart. Training begins anew without them, and ends with gradient ascent on them, beside
    some of the other images, until they are no longer named as they are labelled, or until images
    of other labels than most of theirs suffer: of a clean set nothing is unlearned.

    Args:
        early: share of the epochs of the first part, in (0, 1).
        gamma: the loss below which it is pushed up again, ``> 0``.
        isolated: share of the images that are set apart, in (0, 1).
        ascent: passes over them at most, ``>= 1``.
        lr: learning rate of the ascent, ``> 0``.

    References:
        Li, Lyu, Koren, Lyu, Li, Ma, "Anti-backdoor learning: training clean models on poisoned
        data", NeurIPS 2021: 20 of 100 epochs, gamma 0.5, 1 %.
    """

    kind: Literal["anti-backdoor"] = "anti-backdoor"
    version: ClassVar[int] = 2
    early: float = Field(default=0.2, gt=0, lt=1)
    gamma: float = Field(default=0.5, gt=0)
    isolated: float = Field(default=0.01, gt=0, lt=1)
    ascent: int = Field(default=10, ge=1)
    lr: float = Field(default=1e-4, gt=0)
    trusted: ClassVar[float] = 0.0

    def fit(
        self,
        subject: Classifier,
        rows: TrainingRows,
        training: Training,
        *,
        seed: int,
        trusted: ImageSet | None = None,
        progress: Listener | None = None,
    ) -> Fitted[Classifier]:
        """Return a trained copy; see `Resistance.fit`."""
        import torch

        from badnets.core.seeds import generator
        from badnets.models.classifier import EVALUATION_BATCH as BATCH
        from badnets.train.anti_backdoor import Flooded, Forgetting, losses
        from badnets.train.classification import fit

        spec = subject.input
        first = replace(training, epochs=max(1, round(self.early * training.epochs)), ema=0.0)
        held_up = [Flooded(spec, self.gamma)]
        begun = fit(subject, rows, first, seed=seed, terms=held_up, progress=progress).subject
        order = losses(begun, rows, seed=seed).argsort(stable=True)
        count = max(1, round(self.isolated * len(rows)))
        apart, rest = rows.take(order[:count]), rows.take(order[count:].sort().values)
        fitted = fit(subject, rest, training, seed=seed, progress=progress)
        network, drawn = fitted.subject, generator(seed, "forgetting")
        some = rest.take(torch.randperm(len(rest), generator=drawn)[: BESIDE * count])
        others = some.take((some.labels != apart.labels.mode().values).nonzero()[:, 0].cpu())
        raised = Training(
            epochs=1,
            batch_size=min(training.batch_size, len(some)),
            lr=self.lr,
            schedule="constant",
            precision=training.precision,
        )
        images, labels = (
            torch.cat(own) for own in zip(*apart.in_order(BATCH, seed=seed), strict=True)
        )
        most = FORGOTTEN * math.log(network.num_classes)
        terms = [Forgetting(spec, images, labels, most, drawn)]

        def sure(network: Classifier) -> float:
            return float((losses(network, others, seed=seed) < math.log(2)).float().mean())

        least = sure(network) - LOST
        for number in range(self.ascent):
            if float(losses(network, apart, seed=seed).mean()) >= most:
                break
            raised_once = fit(network, some, raised, seed=seed + number, terms=terms).subject
            if sure(raised_once) < least:
                break
            network = raised_once
        return replace(fitted, subject=network)


@settings
class AuditAndRetrain(Resistance):
    """A network is trained on all images; what betrays a backdoor is left out, and it begins anew.

    An image is left out that stands out from the trusted ones of its label, by the first network's
    last hidden layer; the threshold is what held-out trusted images exceed at a rate that is asked
    for. Where most images of a class are poisoned, these are what is typical of it and do not stand
    out: the first network is repaired with the trusted images, and what it then names otherwise
    than it is labelled is left out too. The network that is returned never sees what was left out.

    Args:
        trusted: share of the training set of which it is known that it is clean, in (0, 1).
        max_fpr: share of clean images that may be left out as standing out, in (0, 1).

    References:
        The distance is that of Lee et al., NeurIPS 2018; see
        `badnets.audit.sets.methods.mahalanobis`. The repair is
        `badnets.repair.methods.unlearning`.
    """

    kind: Literal["audit-and-retrain"] = "audit-and-retrain"
    version: ClassVar[int] = 2
    trusted: float = Field(default=0.05, gt=0, lt=1)
    max_fpr: float = Field(default=0.02, gt=0, lt=1)

    def fit(
        self,
        subject: Classifier,
        rows: TrainingRows,
        training: Training,
        *,
        seed: int,
        trusted: ImageSet | None = None,
        progress: Listener | None = None,
    ) -> Fitted[Classifier]:
        """Return a trained copy; see `Resistance.fit`."""
        import torch

        from badnets.audit.sets.base import Points
        from badnets.audit.sets.methods.mahalanobis import Mahalanobis
        from badnets.audit.sets.placing import Placed
        from badnets.models.classifier import EVALUATION_BATCH
        from badnets.repair.base import Parts
        from badnets.repair.methods.unlearning import Unlearning
        from badnets.train.classification import fit

        least = round(1 / self.max_fpr)
        if trusted is None or len(trusted) < least:
            count = 0 if trusted is None else len(trusted)
            raise SettingError(
                f"{self.kind} needs {least} trusted images or more for a rate of "
                f"{self.max_fpr:g}, and there are {count}: raise trusted or max_fpr"
            )
        try:
            own = Parts.of(trusted, seed)
        except DataError as error:
            raise SettingError(f"{self.kind}: {error}: raise trusted") from None
        first = fit(subject, rows, training, seed=seed, progress=progress).subject
        repaired = Unlearning().repaired(first, own, seed=seed, progress=progress).subject
        features, contradicted = list[torch.Tensor](), list[torch.Tensor]()
        for images, labels in rows.in_order(EVALUATION_BATCH, seed=seed):
            features.append(first.features(images).float().cpu())
            contradicted.append(repaired.logits(images).argmax(1).cpu() != labels)
        suspects = Points(torch.cat(features), rows.labels.cpu(), first.num_classes)
        typical = first.features(trusted.images).float().cpu()
        clean = Points(typical, trusted.labels.cpu(), first.num_classes)
        flagged = Placed.by(Mahalanobis(), suspects, clean, seed=seed).flagged(self.max_fpr)
        kept = (~flagged & ~torch.cat(contradicted)).nonzero()[:, 0]
        return fit(subject, rows.take(kept), training, seed=seed, progress=progress)
