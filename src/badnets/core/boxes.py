"""Boxes with labels: what a detector is to find in a batch of images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from badnets.core.errors import ShapeError
from badnets.core.regions import Regions, check_rectangles


@dataclass(frozen=True, eq=False)
class LabelledBoxes:
    """The objects in a set of images, all in one list.

    Args:
        image_index: ``(R,)`` int64, which image each lies in.
        corners: ``(R, 4)`` float32 ``(left, top, right, bottom)`` in pixels; right and bottom are
            exclusive, so a box around one pixel is 1 wide.
        labels: ``(R,)`` int64 class of each, ``>= 0``; a detector's own background is not counted.

    Raises:
        ShapeError: shapes or dtypes differ from these, a box is not finite or has no area.
    """

    image_index: Tensor
    corners: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        others = {"image_index": self.image_index, "labels": self.labels}
        check_rectangles("boxes", self.corners, torch.float32, **others)
        if bool((self.labels < 0).any()) or bool((self.image_index < 0).any()):
            raise ShapeError("labels and image_index must be >= 0")

    @classmethod
    def none(cls) -> LabelledBoxes:
        """Return no boxes at all."""
        whole = torch.zeros(0, dtype=torch.int64)
        return cls(whole, torch.zeros(0, 4), whole)

    def __repr__(self) -> str:
        return f"LabelledBoxes({len(self):,} boxes)"

    def __len__(self) -> int:
        """Return the number of boxes ``R``."""
        return len(self.labels)

    def take(self, rows: Tensor) -> LabelledBoxes:
        """Return the boxes at ``rows``: ``(n,)`` int64 positions or ``(R,)`` bool."""
        return LabelledBoxes(self.image_index[rows], self.corners[rows], self.labels[rows])

    def joined(self, other: LabelledBoxes) -> LabelledBoxes:
        """Return these boxes and the others after them."""
        return LabelledBoxes(
            torch.cat([self.image_index, other.image_index]),
            torch.cat([self.corners, other.corners]),
            torch.cat([self.labels, other.labels]),
        )

    def of_images(self, images: Tensor) -> LabelledBoxes:
        """Return the boxes of some images, numbered by their place among them.

        Args:
            images: ``(n,)`` int64; an image that is named twice gives its boxes twice.
        """
        pairs = (images[:, None] == self.image_index[None, :]).nonzero()
        return LabelledBoxes(pairs[:, 0], self.corners[pairs[:, 1]], self.labels[pairs[:, 1]])

    def regions(self) -> Regions:
        """Return the boxes as regions for triggers, at whole pixels.

        Corners are rounded to the nearest pixel; a box thinner than one keeps one.
        """
        rounded = self.corners.round().long()
        rounded[:, 2:] = torch.maximum(rounded[:, 2:], rounded[:, :2] + 1)
        return Regions(self.image_index, rounded)
