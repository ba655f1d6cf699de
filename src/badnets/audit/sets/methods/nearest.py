"""Likeness to the nearest clean images of the same label."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from badnets.audit.sets.base import DataMethod, Points, Scorer

NEIGHBOURS = 3


class NearestClean(DataMethod):
    """One less the mean cosine to the three nearest clean images of an image's label."""

    kind = "nearest-clean"
    needs_clean: ClassVar[bool] = True
    finds: ClassVar[float] = 0.2

    def scorer(self, suspects: Points, clean: Points) -> Scorer:
        known = functional.normalize(clean.features, dim=1)

        def scores(points: Points) -> Tensor:
            found = torch.full((len(points.labels),), torch.nan)
            for label in torch.unique(clean.labels).tolist():
                own = known[clean.labels == label]
                rows = (points.labels == label).nonzero()[:, 0]
                near = functional.normalize(points.features[rows], dim=1) @ own.T
                found[rows] = 1 - near.topk(min(NEIGHBOURS, len(own)), 1).values.mean(1)
            return found

        return scores
