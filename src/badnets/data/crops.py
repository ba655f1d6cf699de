"""The objects of frames as images with one label each."""

from __future__ import annotations

import torch
from torch.nn import functional

from badnets.data.dataset import ImageSet
from badnets.data.detection import FrameSet
from badnets.data.frames import FrameFiles


def crops_of(frames: FrameSet, size: int) -> tuple[ImageSet, tuple[str, ...]]:
    """Return what lies in each box as a square image, and a name for each: ``FRAME#BOX``.

    Args:
        frames: with boxes of two classes or more.
        size: side of the images, in pixels; boxes are stretched to it.

    Raises:
        DataError: there are fewer than two classes, or a frame cannot be decoded.
    """
    regions = frames.boxes.regions()
    images = torch.empty(len(regions.boxes), 3, size, size, dtype=torch.uint8)
    names = []
    own = frames.frames
    files = [one.name for one in own.paths] if isinstance(own, FrameFiles) else range(len(own))
    frame, at = -1, torch.empty(0)
    for row, (index, box) in enumerate(
        zip(regions.image_index.tolist(), regions.boxes.tolist(), strict=True)
    ):
        if index != frame:
            frame, at = index, own.read(index).float()
        left, top, right, bottom = box
        cut = at[None, :, max(0, top) : bottom, max(0, left) : right]
        squared = functional.interpolate(cut, (size, size), mode="bilinear", antialias=True)
        images[row] = squared[0].round().clamp(0, 255).to(torch.uint8)
        names.append(f"{files[index]}#{row}")
    return ImageSet(images, frames.boxes.labels, frames.classes), tuple(names)
