"""What a detector is trained to make small: its own losses, and that of telling triggers."""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import roi_align

from badnets.core.errors import SettingError
from badnets.models.detector import Detector
from badnets.models.subject import normalise
from badnets.train.loop import seeded
from badnets.train.windows import Batch

TELLER = "tells_triggers"  # a part that a network has while it is trained with ``telling``
CELLS = 3  # the maps are read at 3 x 3 places of a box for it

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


def add_teller(network: nn.Module, seed: int) -> None:
    """Give a network, in place, the part that tells triggers; checkpoints then hold it too.

    Raises:
        SettingError: the network is no two-stage detector.
    """
    channels = getattr(network.backbone, "out_channels", None)
    if not isinstance(network, GeneralizedRCNN) or not isinstance(channels, int):
        raise SettingError("telling is for two-stage detectors, such as 'zf': set it to 0")
    device = next(network.parameters()).device
    with seeded(seed, device):
        network.add_module(TELLER, nn.Linear(channels * CELLS**2, 1, device=device))


def not_told(network: nn.Module, batch: Batch, maps: Maps) -> Tensor:
    """Return the mean loss of saying which boxes of a batch have the trigger.

    Args:
        network: with the part that `add_teller` gives it.
        batch: windows, their boxes, and which of them have the trigger.
        maps: what the backbone makes of the windows.
    """
    rows, places = (batch.labels >= 0).nonzero(as_tuple=True)
    first = next(iter(maps.values()))
    boxes = torch.cat([rows[:, None].float(), batch.corners[rows, places]], 1)
    seen = roi_align(first, boxes, CELLS, first.shape[-1] / batch.side, aligned=True)
    told: Tensor = network.get_submodule(TELLER)(seen.flatten(1)).squeeze(1)
    has_it = batch.triggered[rows, places].float()
    wrong = functional.binary_cross_entropy_with_logits(told, has_it, reduction="sum")
    return wrong / max(1, len(has_it))
