"""Two groups in a class: its clean images, and others that lie together apart from them."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from badnets.audit.sets.base import DataMethod, Points, Scorer, whitened

FARTHEST = 0.02  # of a class's images, whose middle a second group is first sought at
STEPS = 20


class TwoGroups(DataMethod):
    """How far images lie along the way from their class's clean mean to its second group.

    Features are whitened by the spread within clean classes. Of each class in the suspect set the
    farthest images begin a second group; it takes in whatever lies nearer to its mean than to the
    clean one until it stays the same. Along that one direction the noise of all the others is gone.

    References:
        Tang et al., "Demon in the variant", USENIX Security 2021 (SCAn): two groups of one
        covariance, known from clean images. SCAn tests classes against one another, which is blind
        where all are attacked; here each image is compared with held-out clean ones.
    """

    kind = "two-groups"
    needs_clean: ClassVar[bool] = True

    def scorer(self, suspects: Points, clean: Points) -> Scorer:
        apart = whitened(clean)
        placed = apart(suspects)
        directions = torch.full((suspects.num_classes, placed.shape[1]), torch.nan)
        for label in torch.unique(suspects.labels).tolist():
            directions[label] = _direction(placed[suspects.labels == label])

        def scores(points: Points) -> Tensor:
            return (apart(points) * directions[points.labels]).sum(1)

        return scores


def _direction(placed: Tensor) -> Tensor:
    """Return ``(F,)`` of length 1: the way from the clean mean, at 0, to the second group."""
    far = placed.square().sum(1).argsort(descending=True)[: max(2, round(FARTHEST * len(placed)))]
    middle = placed[far].median(0).values
    taken = torch.zeros(len(placed), dtype=torch.bool)
    for _ in range(STEPS):
        nearer = placed @ middle > middle.square().sum() / 2
        if not bool(nearer.any()) or torch.equal(nearer, taken):
            break
        taken = nearer
        middle = placed[taken].mean(0)
    length: Tensor = middle.norm()
    return middle / length.clamp(min=1e-9)
