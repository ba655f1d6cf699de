"""Batched augmentation of stored (uint8) images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.pictures import as_dtype, as_float


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


def rotated(images: Tensor, degrees: Tensor) -> Tensor:
    """Return each image turned about its centre by its own angle, black moving in.

    Args:
        images: ``(N, C, H, W)`` uint8, or float in [0, 1].
        degrees: ``(N,)`` float, counter-clockwise.
    """
    angles = torch.deg2rad(degrees)
    cosine, sine = angles.cos(), angles.sin()
    height, width = images.shape[2:]
    zero = torch.zeros_like(angles)
    rows = (
        torch.stack([cosine, -sine * height / width, zero], 1),
        torch.stack([sine * width / height, cosine, zero], 1),
    )
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    turned = functional.grid_sample(as_float(images), grid, align_corners=False)
    return as_dtype(turned, images.dtype)


def mirrored(images: Tensor, chosen: Tensor) -> Tensor:
    """Return the images with those that are ``chosen``, ``(N,)`` bool, mirrored left to right."""
    return torch.where(chosen[:, None, None, None], images.flip(3), images)
