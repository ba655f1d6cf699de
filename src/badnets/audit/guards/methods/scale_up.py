"""SCALE-UP: what a trigger asks for is answered however much brighter the image is made.

References:
    Guo, Li, Chen, Guo, Sun, Liu, "SCALE-UP: an efficient black-box input-level backdoor detection
    via analyzing scaled prediction consistency", ICLR 2023, section 4: scaled prediction
    consistency. On images that are nearly black and white hardly anything can be scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from badnets.audit.cells import as_float
from badnets.audit.guards.base import Answered, InputMethod

FACTORS = (3, 5, 7, 9, 11)


@dataclass(frozen=True, eq=False)
class ScaleUp(InputMethod):
    """The share of copies, times 3, 5, 7, 9 and 11 and clipped to [0, 1], that are named alike."""

    kind = "scale-up"
    passes = len(FACTORS)

    @classmethod
    def fitted(cls, subject: Any, clean: Answered) -> Self:
        """Return the method: nothing is fitted."""
        return cls()

    def scores(self, subject: Any, answered: Answered) -> Tensor:
        """Return the shares; see `badnets.audit.guards.base.InputMethod.scores`."""
        images = as_float(answered.images)
        same = [
            subject.logits((factor * images).clamp_(0, 1)).argmax(1) == answered.labels
            for factor in FACTORS
        ]
        return torch.stack(same).float().mean(0)
