"""A detector asked about given regions of frames: what it would name each, as a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FasterRCNN

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError, ShapeError
from badnets.models.inputs import enlarged
from badnets.models.network_subject import FromLogits, NetworkSubject, evaluating

BACKGROUND = "(background)"


def names_regions(network: nn.Module) -> bool:
    """Return whether a detector names regions that it is given."""
    return isinstance(network, FasterRCNN)


@dataclass(frozen=True, eq=False, repr=False)
class RegionSubject(NetworkSubject, FromLogits):
    """What a detector names given regions; background is its last class.

    Args:
        network: a Faster R-CNN.
        boxes: R regions in the frames' pixels, each of the frame ``image_index``.
        scale: frames are enlarged by this factor before the network sees them.

    Raises:
        SettingError: the network does not name regions that it is given.
    """

    boxes: LabelledBoxes
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not names_regions(self.network):
            raise SettingError(
                f"{self.architecture} names no regions that it is given: take a Faster R-CNN"
            )

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(R, K)`` logits of the regions; differentiable, all frames in one batch.

        Args:
            images: frames ``(N, 3, H, W)``, uint8 or float in [0, 1].

        Raises:
            ShapeError: they are not ``(N, 3, H, W)``, or a region lies in a frame beyond N.
        """
        index, network = self.boxes.image_index, self.network
        if images.ndim != 4 or images.shape[1] != 3:
            raise ShapeError(f"frames must be (N, 3, H, W), got {tuple(images.shape)}")
        if not len(index):
            return torch.empty(0, self.num_classes)
        if int(index.max()) >= len(images):
            raise ShapeError(f"a region lies in frame {int(index.max())}, got {len(images)} frames")
        corners = (self.boxes.corners * self.scale).to(self.device)
        parts: Any = network  # torchvision's, each of them called as it calls it
        with evaluating(network):
            batch, _ = parts.transform(list(enlarged(images.to(self.device), self.scale)))
            maps = parts.backbone(batch.tensors)
            named = {"0": maps} if isinstance(maps, Tensor) else maps
            own = [corners[index == row] for row in range(len(images))]
            pooled = parts.roi_heads.box_roi_pool(named, own, batch.image_sizes)
            logits, _ = parts.roi_heads.box_predictor(parts.roi_heads.box_head(pooled))
        order = index.argsort(stable=True).argsort()  # from frame by frame back to how they came
        return torch.cat([logits[:, 1:], logits[:, :1]], 1)[order.to(logits.device)]

    def logits(self, images: Tensor) -> Tensor:
        """Return ``(R, K)`` float32 logits of the regions of frames, without gradient."""
        with torch.inference_mode():
            return self.forward(images).float()
