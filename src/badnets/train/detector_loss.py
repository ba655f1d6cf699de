"""What a detector is trained to make small."""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.image_list import ImageList

from badnets.models.detector import Detector
from badnets.models.inputs import normalise
from badnets.train.windows import Batch

Maps = OrderedDict[str, Tensor]
"""A backbone's maps by name."""


def batch_loss(
    network: nn.Module, detector: Detector, batch: Batch, maps: Maps | None = None
) -> Tensor:
    """Return the sum of a detector's losses on a batch of windows.

    Two-stage detectors take the batch as it is; others get torchvision's lists.

    Args:
        network: in training mode.
        detector: whose it is: it knows the normalisation.
        batch: windows and their boxes.
        maps: what the backbone makes of the windows, where that is known already.
    """
    targets = batch.targets()
    if not isinstance(network, GeneralizedRCNN):
        losses = network(list(batch.images), targets)
        return cast("Tensor", sum(losses.values()))
    if maps is None:
        maps = backbone_maps(network, detector, batch)
    side, count = batch.side, len(batch.labels)
    first = next(iter(maps.values()))
    images = ImageList(first.new_empty(1).expand(count, 3, side, side), [(side, side)] * count)
    with torch.autocast(first.device.type, enabled=False):
        proposals, proposing = network.rpn(images, maps, targets)
        _, naming = network.roi_heads(maps, proposals, images.image_sizes, targets)
    return cast("Tensor", sum([*proposing.values(), *naming.values()]))


def backbone_maps(network: nn.Module, detector: Detector, batch: Batch) -> Maps:
    """Return what a two-stage detector's backbone makes of a batch, by name, float32."""
    backbone = cast("nn.Module", network.backbone)
    images = normalise(batch.images, detector.input).to(memory_format=torch.channels_last)
    maps = backbone(images)
    named = {"0": maps} if isinstance(maps, Tensor) else maps
    return OrderedDict((name, value.float()) for name, value in named.items())
