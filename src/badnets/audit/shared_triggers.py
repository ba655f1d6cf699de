"""The triggers of a fixed size, shared by images of a source, that reach a target of a model."""

from __future__ import annotations

from statistics import fmean
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from badnets.audit.base import FEW
from badnets.audit.cells import Mixture, Views, enough, pairs
from badnets.audit.methods.inversion import (
    BATCH,
    BATCH_OF_MANY,
    HELD,
    HELD_OF_MANY,
    AdditiveInversion,
    MaskInversion,
    PairInversion,
)
from badnets.core.seeds import generator

SUSPECTS, RESTARTS = 3, 3  # of many classes: targets that are sought longer, and how often each
LONGER, LARGER = 150, 24  # steps, and images of a step, of these
MOST_HELD = 256  # images that they are measured on
TURNED = 0.78  # of these images: a target that triggers give to fewer is none


class WideMaskInversion(MaskInversion):
    """Patches of some pixels more: the search is long, and one target is told from another."""

    kind = "wide-mask-inversion"
    covered: ClassVar[float] = 2 * MaskInversion.covered


class SharedTriggers(NamedTuple):
    """P triggers of one family, found by the optimisation that an audit's table is made by.

    Attributes:
        family: the method that found them.
        sources: ``(P,)``, the class of the images; -1: of all classes.
        targets: ``(P,)``.
        reached: ``(P,)``, the target's mean margin on images that they were not sought on.
        parameters: of the triggers.
    """

    family: PairInversion
    sources: Tensor
    targets: Tensor
    reached: Tensor
    parameters: list[Tensor]

    @property
    def working(self) -> SharedTriggers:
        """Those with which the target is on average the largest logit."""
        rows = self.reached > 0
        return SharedTriggers(
            self.family,
            self.sources[rows],
            self.targets[rows],
            self.reached[rows],
            [one[rows.to(one.device)] for one in self.parameters],
        )


def shared_triggers(subject: Any, clean: Any, *, seed: int) -> list[SharedTriggers]:
    """Return the triggers of each family.

    Up to `badnets.audit.base.FEW` classes one for each pair of classes, else one for each target.

    Args:
        subject: the model.
        clean: an `ImageSet` of images that it names right.
        seed: everything random follows from it.
    """
    count, result = subject.num_classes, []
    for family in (MaskInversion(), AdditiveInversion()):
        drawn = generator(seed, family.kind)
        known = enough(clean, family.images_per_class) if count <= FEW else []
        if known:
            sources, targets = pairs(count, known)
            sought, held = family.images_of(clean, sources)
        else:
            targets = torch.arange(count)
            sources = torch.full_like(targets, -1)
            sought, held = (half.but(targets) for half in Mixture.halves(clean))
        size = (BATCH, HELD) if known else (BATCH_OF_MANY, HELD_OF_MANY)
        parts = list(family.triggers(subject, sought, held, targets, drawn, *size))
        parameters = [torch.cat(own) for own in zip(*(found for found, _ in parts), strict=True)]
        reached = torch.cat([one for _, one in parts])
        result.append(SharedTriggers(family, sources, targets, reached, parameters))
    return result


def triggers_of_worst(subject: Any, clean: Any, *, seed: int) -> list[SharedTriggers]:
    """Return what is to be forgotten: the working `shared_triggers`; of many classes one target's.

    Above `badnets.audit.base.FEW` classes a short search reaches some target or other in every
    network. There those that are reached furthest are sought longer, several times from different
    beginnings, with wider masks, on images of all other classes, and the target counts that both
    families of triggers give to most images. Where that is fewer than `TURNED`, there is nothing to
    forget.

    Args:
        subject: the model.
        clean: an `ImageSet` of images that it names right.
        seed: everything random follows from it.
    """
    found = shared_triggers(subject, clean, seed=seed)
    if subject.num_classes <= FEW:
        return [own for one in found if len((own := one.working).targets)]
    reached = torch.stack([one.reached for one in found]).amax(0)
    most: list[int] = reached.topk(SUSPECTS).indices.tolist()
    suspects = [_sought_longer(subject, clean, target, seed) for target in most]
    share, worst = max(suspects, key=lambda one: one[0])
    return worst if share >= TURNED else []


def _sought_longer(
    subject: Any, clean: Any, target: int, seed: int
) -> tuple[float, list[SharedTriggers]]:
    """Return triggers of a target, and the mean over the families of the share that they turn."""
    rows = (clean.labels != target).nonzero()[:, 0].cpu()
    rows = rows[clean.labels.cpu()[rows].argsort(stable=True)]
    if len(rows) < 2:
        return 0.0, []
    sought, held = (
        Views.of_each(clean.images_at(part)[None], torch.zeros(RESTARTS, dtype=torch.long))
        for part in (rows[0::2], rows[1::2])
    )
    targets, images = torch.full((RESTARTS,), target), min(MOST_HELD, len(held.images))
    turned, result = [], []
    for family in (WideMaskInversion(), AdditiveInversion()):
        drawn = generator(seed, f"{family.kind}, {target}")
        made = family.found(subject, sought, targets, drawn, LONGER, LARGER)
        margins = family.reached(subject, held, targets, made, images)
        turned.append(float((margins > 0).float().mean(1).max()))
        sources = torch.full_like(targets, -1)
        result.append(SharedTriggers(family, sources, targets, margins.mean(1), made))
    return fmean(turned), result
