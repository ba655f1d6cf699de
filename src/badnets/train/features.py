"""What frozen layers answer, computed once where nothing before the trained ones is random."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from badnets.bundles import InputSpec
from badnets.data.streamed import Images, in_order
from badnets.models.inputs import normalise
from badnets.train.freezing import PROBES, Split, split

BATCH = 256  # images whose features are computed at a time
MAX_BYTES = 2**30
"""The most memory that features may take; beyond, frozen layers answer anew in each epoch."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features of a training set, and the layers that are trained on them.

    Attributes:
        after: from features to logits.
        values: ``(N, ...)``, of the training images in their order.
        labels: ``(N,)`` int64.
    """

    after: nn.Module
    values: Tensor
    labels: Tensor

    def epoch(self, batch_size: int, order: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Give one epoch's batches, in the order that the images themselves would come in."""
        count = len(self.labels)
        rows = torch.randperm(count, generator=order).to(self.labels.device)
        for start in range(0, count // batch_size * batch_size or count, batch_size):
            chosen = rows[start : start + batch_size]
            yield self.values[chosen], self.labels[chosen]


def features_of(
    network: nn.Module,
    images: Images,
    labels: Tensor,
    spec: InputSpec,
    arithmetic: Callable[[], AbstractContextManager[object]],
) -> Features | None:
    """Return what frozen layers say of a training set; None where it cannot be kept.

    Args:
        network: frozen in part, in training mode otherwise.
        images: ``(N, C, H, W)`` uint8, on its device.
        labels: ``(N,)`` int64, on its device.
        spec: how images are normalised.
        arithmetic: what the layers compute in.
    """

    def answers(parts: Split, pictures: Tensor) -> Tensor:
        batch = normalise(pictures, spec)
        if batch.shape[1] > 1:
            batch = batch.to(memory_format=torch.channels_last)
        with arithmetic():
            return parts.features(batch).float()

    parts = split(network, normalise(images[:PROBES], spec))
    if parts is None:
        return None
    first = answers(parts, images[:1])
    if first.numel() * first.element_size() * len(images) > MAX_BYTES:
        return None
    values = first.new_empty(len(images), *first.shape[1:])
    done = 0
    for pictures in in_order(images, BATCH):
        values[done : done + len(pictures)] = answers(parts, pictures)
        done += len(pictures)
    return Features(parts.after, values, labels)
