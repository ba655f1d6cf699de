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
        check_rectangles("regions", self.boxes, torch.int64, image_index=self.image_index)

    def __len__(self) -> int:
        return len(self.image_index)


def check_rectangles(what: str, corners: Tensor, dtype: torch.dtype, **others: Tensor) -> None:
    """Refuse ``(R, 4)`` corners of a dtype, and ``(R,)`` int64 columns beside them, if they differ.

    Raises:
        ShapeError: a shape or dtype is another, or a rectangle is not finite or has no area.
    """
    count = next(iter(others.values())).numel()
    parts: dict[str, tuple[Tensor, tuple[int, ...], torch.dtype]] = {
        "corners": (corners, (count, 4), dtype)
    }
    parts |= {name: (column, (count,), torch.int64) for name, column in others.items()}
    for name, (part, shape, wanted) in parts.items():
        if part.shape != shape or part.dtype != wanted:
            raise ShapeError(
                f"{what} want corners (R, 4) {dtype} and {', '.join(others)} (R,) torch.int64, "
                f"got {name} {tuple(part.shape)} {part.dtype}"
            )
    if not bool(corners.isfinite().all()):
        raise ShapeError("a box holds NaN or infinity")
    if bool((corners[:, 2:] <= corners[:, :2]).any()):
        raise ShapeError("a box has no area: right must exceed left, and bottom top")


def whole_images(images: Tensor) -> Regions:
    """Return one region per image that covers all of it; ``images`` is ``(N, C, H, W)``."""
    count, _, height, width = images.shape
    box = torch.tensor([0, 0, width, height], device=images.device)
    return Regions(torch.arange(count, device=images.device), box.expand(count, 4))
