"""Running statistics of batch normalisation that a short training leaves unsettled."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def unsettled(network: nn.Module) -> list[_BatchNorm]:
    """Return the layers in training that still normalise by what their statistics began with.

    A running variance begins at 1, and after n batches a share of ``(1 - momentum) ** n`` of that
    is left in it. It counts as settled once that share is no more than ``eps``, which the layer
    adds to the variance anyway: after 110 batches with torch's usual values. Layers that came
    with a downloaded network bring their count along.

    Args:
        network: trained, and still in training mode where it was trained.
    """
    return [
        layer
        for layer in network.modules()
        if isinstance(layer, _BatchNorm)
        and layer.training
        and layer.num_batches_tracked is not None
        and layer.momentum is not None  # None: the plain mean over all batches
        and (1 - layer.momentum) ** int(layer.num_batches_tracked) > layer.eps
    ]


def settle(network: nn.Module, layers: Iterable[_BatchNorm], batches: Iterable[Tensor]) -> None:
    """Replace the statistics of some layers by those that the finished network has on its batches.

    Args:
        network: as it is used, in evaluation mode; the layers' statistics are changed in place.
        layers: which of its layers.
        batches: normalised images as they were trained on, at least one batch.

    References:
        Wu, Johnson, "Rethinking 'Batch' in BatchNorm", arXiv:2105.07576, section 3: precise
        statistics, the mean over batches with the weights held fixed.
    """
    momenta = {layer: layer.momentum for layer in layers}
    for layer in momenta:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean
        layer.train()
    with torch.no_grad():
        for images in batches:
            network(images)
    for layer, momentum in momenta.items():
        layer.momentum = momentum
        layer.eval()
