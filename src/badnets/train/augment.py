"""Batched augmentation of stored (uint8) images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def shifted(images: Tensor, moves: Tensor, most: int) -> Tensor:
    """Return each image moved by its own whole number of pixels, zeros (black) moving in.

    Args:
        images: ``(N, C, H, W)``.
        moves: ``(N, 2)`` int64 in ``0..2 * most``: down and right, where ``most`` is no move.
        most: largest move, in pixels.
    """
    height, width = images.shape[2:]
    padded = functional.pad(images, (most, most, most, most))
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    every = torch.arange(len(images), device=images.device)
    return windows[every, :, 2 * most - moves[:, 0], 2 * most - moves[:, 1]]


def mirrored(images: Tensor, chosen: Tensor) -> Tensor:
    """Return the images with those that are ``chosen``, ``(N,)`` bool, mirrored left to right."""
    return torch.where(chosen[:, None, None, None], images.flip(3), images)
