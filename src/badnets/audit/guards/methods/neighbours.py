"""How far an input's features lie from the nearest clean images that the model names alike.

References:
    Sun, Ming, Zhu, Li, "Out-of-distribution detection with deep nearest neighbors", ICML 2022: the
    distance to the k-th neighbour. Here it is the mean of three, among those that the model names
    as the input, and features keep their length: a trigger often makes it longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from badnets.audit.guards.base import Answered, InputMethod

NEIGHBOURS = 3
MOST = 1000  # clean images that inputs are compared with


@dataclass(frozen=True, eq=False)
class NearestNeighbours(InputMethod):
    """The mean distance to the three nearest clean images of the predicted class.

    Args:
        features: ``(n, F)``, of the clean images.
        labels: ``(n,)``, as the model names them.
    """

    features: Tensor
    labels: Tensor

    kind = "nearest-neighbours"
    needs = frozenset({"logits", "features"})
    passes = 0

    @classmethod
    def fitted(cls, subject: Any, clean: Answered) -> Self:
        """Return the method; see `badnets.audit.guards.base.InputMethod.fitted`."""
        return cls(clean.features[:MOST], clean.labels[:MOST])

    def scores(self, subject: Any, answered: Answered) -> Tensor:
        """Return the distances; see `badnets.audit.guards.base.InputMethod.scores`."""
        apart = torch.cdist(answered.features, self.features)
        apart = apart.masked_fill(answered.labels[:, None] != self.labels, torch.nan)
        count = min(NEIGHBOURS, len(self.features))
        nearest = apart.nan_to_num(torch.inf).topk(count, 1, largest=False).values
        return nearest.masked_fill(nearest == torch.inf, torch.nan).nanmean(1)
