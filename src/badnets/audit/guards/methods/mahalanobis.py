"""How far an input's features lie from those of clean images that the model names alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

from badnets.audit.guards.base import Answered, InputMethod
from badnets.audit.whitening import Whitening


@dataclass(frozen=True, eq=False)
class Mahalanobis(InputMethod):
    """The Mahalanobis distance to the clean images of the predicted class.

    Args:
        clean: their means and covariance, by the class that the model names.
    """

    clean: Whitening

    kind = "mahalanobis"
    needs = frozenset({"logits", "features"})
    passes = 0

    @classmethod
    def fitted(cls, subject: Any, clean: Answered) -> Self:
        """Return the method; see `badnets.audit.guards.base.InputMethod.fitted`."""
        return cls(Whitening.of(clean.features, clean.labels, subject.num_classes))

    def scores(self, subject: Any, answered: Answered) -> Tensor:
        """Return the distances, less what the mean of few images adds; see `InputMethod.scores`."""
        apart = self.clean.apart(answered.features, answered.labels)
        counts = self.clean.counts[answered.labels]
        return (apart.square().sum(1) * counts / (counts + 1)).sqrt()
