"""The triggers of a fixed size, shared by images of a source, that reach a target of a model."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from badnets.audit.base import FEW
from badnets.audit.cells import Mixture, enough, pairs
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
