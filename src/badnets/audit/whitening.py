"""How far features lie from the clean ones of a class, in units of the spread within classes."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

SHRUNK = 0.1  # of a pooled covariance, towards a round one: there may be fewer images than features


class Whitening(NamedTuple):
    """Class means and one covariance for all classes, of clean features.

    Attributes:
        matrix: ``(F, F)``: features times it have no correlations within classes, and variance 1.
        means: ``(K, F)``: of each class, whitened; NaN where a class has no clean image.
        counts: ``(K,)``: how many it has.

    References:
        Lee, Lee, Lee, Shin, "A simple unified framework for detecting out-of-distribution samples
        and adversarial attacks", NeurIPS 2018, section 2.1; the covariance is shrunk by `SHRUNK`.
    """

    matrix: Tensor
    means: Tensor
    counts: Tensor

    @classmethod
    def of(cls, features: Tensor, labels: Tensor, num_classes: int) -> Self:
        """Return that of ``(N, F)`` features with ``(N,)`` int64 labels, on the device of them."""
        exact, own = features.cpu().double(), labels.cpu()
        counts = own.bincount(minlength=num_classes)
        sums = exact.new_zeros(num_classes, exact.shape[1]).index_add_(0, own, exact)
        means = sums / counts[:, None]
        apart = exact - means[own]
        covariance = apart.T @ apart / max(1, len(apart) - int((counts > 0).sum()))
        level = covariance.diagonal().mean().clamp(min=torch.finfo(torch.float32).tiny)
        covariance = (1 - SHRUNK) * covariance
        covariance.diagonal().add_(SHRUNK * level)
        factor = torch.linalg.cholesky(covariance)
        round_one = torch.eye(len(factor), dtype=torch.float64)
        matrix = torch.linalg.solve_triangular(factor, round_one, upper=False).T
        kept = (matrix, means @ matrix, counts)
        return cls(*(each.float().to(features.device) for each in kept))

    def apart(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return ``(N, F)``: features less the mean of their class, whitened."""
        return features @ self.matrix - self.means[labels]
