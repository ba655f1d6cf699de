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


class Forgetting(LossTerm):
    """What the cross-entropy of some images lacks to ``most``, beside that of the batch.

    The paper ascends on these images alone and without a bound, with small steps of SGD. With few
    epochs that wrecks a network, above all one that was trained on clean images.

    Args:
        spec: normalisation of the images.
        images: ``(n, C, H, W)`` as they are stored.
        labels: ``(n,)`` int64, what they are no longer to be named.
        most: the cross-entropy from which on an image counts as forgotten, ``> 0``.
        drawn: which of them stand beside a batch.
    """

    def __init__(
        self,
        spec: InputSpec,
        images: Tensor,
        labels: Tensor,
        most: float,
        drawn: torch.Generator,
    ) -> None:
        self.spec, self.images, self.labels = spec, images, labels
        self.most, self.drawn = most, drawn

    def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over as many of them as the batch has."""
        rows = torch.randint(len(self.labels), (len(labels),), generator=self.drawn)
        given = normalise(self.images[rows].to(images.device), self.spec)
        own = self.labels[rows].to(images.device)
        each = functional.cross_entropy(logits(given).float(), own, reduction="none")
        lacking: Tensor = (self.most - each).clamp_min(0).mean()
        return lacking


def losses(subject: Classifier, rows: TrainingRows, *, seed: int) -> Tensor:
    """Return ``(M,)``: each row's cross-entropy, triggers put on, on the CPU."""
    found = [
        functional.cross_entropy(subject.logits(images).float().cpu(), labels, reduction="none")
        for images, labels in rows.in_order(EVALUATION_BATCH, seed=seed)
    ]
    return torch.cat(found)
