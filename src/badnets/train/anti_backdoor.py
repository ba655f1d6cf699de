"""What anti-backdoor learning is made of: each image's own loss, held up, read off, and raised.

References:
    Li, Lyu, Koren, Lyu, Li, Ma, "Anti-backdoor learning: training clean models on poisoned data",
    NeurIPS 2021.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from badnets.bundles import InputSpec
from badnets.models.classifier import EVALUATION_BATCH, Classifier
from badnets.models.inputs import normalise
from badnets.train.classification import TrainingRows
from badnets.train.loss_terms import LossTerm


class Flooded(LossTerm):
    """Each image's cross-entropy, pushed up again where it has fallen below ``gamma``.

    Args:
        spec: normalisation of the images.
        gamma: ``> 0``.
    """

    replaces: ClassVar[bool] = True

    def __init__(self, spec: InputSpec, gamma: float) -> None:
        self.spec, self.gamma = spec, gamma

    def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over the batch: the paper's local gradient ascent."""
        given = logits(normalise(images, self.spec)).float()
        each = functional.cross_entropy(given, labels, reduction="none")
        pushed: Tensor = ((each - self.gamma).sign() * each).mean()
        return pushed


class Ascent(LossTerm):
    """The negative cross-entropy.

    Args:
        spec: normalisation of the images.
    """

    replaces: ClassVar[bool] = True

    def __init__(self, spec: InputSpec) -> None:
        self.spec = spec

    def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Return what falls as the batch's images are named otherwise than they are labelled."""
        return -functional.cross_entropy(logits(normalise(images, self.spec)).float(), labels)


def losses(subject: Classifier, rows: TrainingRows, *, seed: int) -> Tensor:
    """Return ``(M,)``: each row's cross-entropy, triggers put on, on the CPU."""
    found = [
        functional.cross_entropy(subject.logits(images).float().cpu(), labels, reduction="none")
        for images, labels in rows.in_order(EVALUATION_BATCH, seed=seed)
    ]
    return torch.cat(found)
