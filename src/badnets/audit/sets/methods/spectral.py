"""Spectral signatures: how far images lie along the direction in which a class varies most."""

from __future__ import annotations

import torch
from torch import Tensor

from badnets.audit.sets.base import DataMethod, Points, Scorer, principal


class SpectralSignatures(DataMethod):
    """Squared part of each image along the first principal direction of its class.

    References:
        Tran, Li, Madry, "Spectral signatures in backdoor attacks", NeurIPS 2018, algorithm 1.
    """

    kind = "spectral-signatures"

    def scorer(self, suspects: Points, clean: Points) -> Scorer:
        means, count = suspects.means, suspects.features.shape[1]
        directions = torch.full((suspects.num_classes, count), torch.nan)
        for label in torch.unique(suspects.labels).tolist():
            apart = suspects.features[suspects.labels == label] - means[label]
            directions[label] = principal(apart, 1)[:, 0]

        def scores(points: Points) -> Tensor:
            apart = points.features - means[points.labels]
            return (apart * directions[points.labels]).sum(1).square()

        return scores
