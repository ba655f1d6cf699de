"""STRIP: what a trigger asks for is answered whatever else is laid over the image.

References:
    Gao, Xu, Wang, Chen, Ranasinghe, Nepal, "STRIP: a defence against trojan attacks on deep neural
    networks", ACSAC 2019, section 4: the mean entropy over blends with clean images. Here all
    inputs are blended with the same clean images, so that a score does not depend on the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from badnets.audit.cells import as_float, parts
from badnets.audit.guards.base import Answered, InputMethod

BLENDS = 64


@dataclass(frozen=True, eq=False)
class Strip(InputMethod):
    """How sure the model stays of blends with clean images: minus the mean entropy, in nats.

    Args:
        overlays: ``(n, C, H, W)`` float in [0, 1], n at most 64.
    """

    overlays: Tensor

    kind = "strip"
    passes = BLENDS

    @classmethod
    def fitted(cls, subject: Any, clean: Answered) -> Self:
        """Return the method; see `badnets.audit.guards.base.InputMethod.fitted`."""
        return cls(as_float(clean.images[:BLENDS]))

    def scores(self, subject: Any, answered: Answered) -> Tensor:
        """Return minus the mean entropies; see `badnets.audit.guards.base.InputMethod.scores`."""
        found = [torch.empty(0, device=answered.images.device)]
        for rows in parts(len(answered.images), len(self.overlays), answered.images.shape[1:]):
            blended = (as_float(answered.images[rows])[:, None] + self.overlays) / 2
            logs = subject.logits(blended.flatten(0, 1)).log_softmax(1)
            found.append((logs.exp() * logs).sum(1).reshape(-1, len(self.overlays)).mean(1))
        return torch.cat(found)
