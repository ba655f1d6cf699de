"""Distance to clean images of the same label."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from badnets.audit.sets.base import DataMethod, Points, Scorer, whitened


class Mahalanobis(DataMethod):
    """Squared Mahalanobis distance to the clean mean of an image's label.

    References:
        Lee et al., "A simple unified framework for detecting out-of-distribution samples", NeurIPS
        2018. We shrink the pooled covariance, as there are fewer clean images than features, and
        count in units of what is typical for the class.
    """

    kind = "mahalanobis"
    needs_clean: ClassVar[bool] = True
    relative: ClassVar[bool] = True
    finds: ClassVar[float] = 0.9

    def scorer(self, suspects: Points, clean: Points) -> Scorer:
        apart = whitened(clean)

        def scores(points: Points) -> Tensor:
            return apart(points).square().sum(1)

        return scores
