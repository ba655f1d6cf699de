"""How far an input's features lie from those of clean images that the model names alike.

References:
    Lee, Lee, Lee, Shin, "A simple unified framework for detecting out-of-distribution samples and
    adversarial attacks", NeurIPS 2018, section 2.1: class means and one covariance for all. Here
    the class is the one that the model names, of the last hidden layer alone, and the covariance is
    shrunk, as there may be fewer images than features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from badnets.audit.input_base import Answered, InputMethod

SHRUNK = 0.1  # share of the covariance that is replaced by its mean variance
_LEAST = 1e-12  # of the largest variance: features that never differ


@dataclass(frozen=True, eq=False)
class Mahalanobis(InputMethod):
    """The Mahalanobis distance to the clean images of the predicted class.

    Args:
        whitening: ``(F, F)``: features times it have no correlations, and variances of 1.
        means: ``(K, F)``: of each class, whitened; NaN where no clean image is named so.
        counts: ``(K,)``: how many images are.
    """

    whitening: Tensor
    means: Tensor
    counts: Tensor

    kind = "mahalanobis"
    needs = frozenset({"logits", "features"})
    passes = 0

    @classmethod
    def fitted(cls, subject: Any, clean: Answered) -> Self:
        """Return the method; see `badnets.audit.input_base.InputMethod.fitted`."""
        if clean.features is None:
            raise ValueError("features are needed")
        features, labels = clean.features.cpu().double(), clean.labels.cpu()
        counts = labels.bincount(minlength=subject.num_classes).double()
        sums = features.new_zeros(subject.num_classes, features.shape[1])
        means = sums.index_add_(0, labels, features) / counts[:, None]
        centred = features - means[labels]
        covariance = centred.T @ centred / len(centred)
        level = covariance.diagonal().mean() + torch.finfo(torch.float32).tiny
        covariance = (1 - SHRUNK) * covariance
        covariance.diagonal().add_(SHRUNK * level)
        values, vectors = torch.linalg.eigh(covariance)
        whitening = vectors / values.clamp_min(_LEAST * float(values[-1])).sqrt()
        kept = (whitening, means @ whitening, counts)
        return cls(*(each.float().to(clean.features.device) for each in kept))

    def scores(self, subject: Any, answered: Answered) -> Tensor:
        """Return the distances, less what the mean of few images adds; see `InputMethod.scores`."""
        if answered.features is None:
            raise ValueError("features are needed")
        apart = answered.features @ self.whitening - self.means[answered.labels]
        counts = self.counts[answered.labels]
        return (apart.square().sum(1) * counts / (counts + 1)).sqrt()
