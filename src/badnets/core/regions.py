"""Regions: the rectangles that triggers are placed in relation to."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from badnets.core.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Regions:
    """Rectangles in a batch of images: whole images for a classifier, objects for a detector.

    Args:
        image_index: ``(R,)`` int64, which image of the batch each rectangle lies in.
        boxes: ``(R, 4)`` int64 pixel corners ``(left, top, right, bottom)``; right and bottom are
            exclusive, so a box is ``images[i, :, top:bottom, left:right]``.

    Raises:
        ShapeError: shapes or dtypes differ from these, or a box has no area.
    """

    image_index: Tensor
    boxes: Tensor

    def __post_init__(self) -> None:
        count = self.image_index.numel()
        if self.image_index.shape != (count,) or self.boxes.shape != (count, 4):
            raise ShapeError(
                f"regions want image_index (R,) and boxes (R, 4), got "
                f"{tuple(self.image_index.shape)} and {tuple(self.boxes.shape)}"
            )
        if {self.image_index.dtype, self.boxes.dtype} != {torch.int64}:
            raise ShapeError(
                f"regions want whole pixels: int64 image_index and boxes, got "
                f"{self.image_index.dtype} and {self.boxes.dtype}"
            )
        if count and bool((self.boxes[:, 2:] <= self.boxes[:, :2]).any()):
            raise ShapeError("a region has no area: right must exceed left, and bottom top")

    def __len__(self) -> int:
        return len(self.image_index)


def whole_images(images: Tensor) -> Regions:
    """Return one region per image that covers all of it; ``images`` is ``(N, C, H, W)``."""
    count, _, height, width = images.shape
    box = torch.tensor([0, 0, width, height], device=images.device)
    return Regions(torch.arange(count, device=images.device), box.expand(count, 4))
