"""What an image batch is, and exact moves between 8-bit and float."""

from __future__ import annotations

import torch
from torch import Tensor

from badnets.core.errors import ShapeError

LUMA = (0.299, 0.587, 0.114)  # shares of red, green and blue in brightness, ITU-R 601


def check_images(images: Tensor) -> None:
    """Refuse what is not a batch ``(N, C, H, W)`` of uint8 or float, C 1 or 3, H and W >= 1.

    Raises:
        ShapeError: another number of axes, another dtype, other channels or no pixels.
    """
    if images.ndim != 4:
        raise ShapeError(f"images must be (N, C, H, W), got shape {tuple(images.shape)}")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ShapeError(f"images must be uint8 or float in [0, 1], got {images.dtype}")
    if images.shape[1] not in (1, 3):
        raise ShapeError(f"images must have 1 or 3 channels, got {images.shape[1]}")
    if 0 in images.shape[2:]:
        raise ShapeError(f"images must have pixels, got shape {tuple(images.shape)}")


def as_float(images: Tensor) -> Tensor:
    """Return float images in [0, 1]: uint8 divided by 255, floats as they are."""
    return images.to(torch.float32).div_(255) if images.dtype == torch.uint8 else images


def as_dtype(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Return float images in [0, 1] as ``dtype``; uint8 is rounded to the nearest of 256 levels."""
    if dtype == torch.uint8:
        return images.mul(255).round_().clamp_(0, 255).to(torch.uint8)
    return images.to(dtype)


def as_grey(colour: Tensor) -> Tensor:
    """Return the luma ``(1, H, W)`` of a picture ``(3, H, W)``, float in [0, 1]."""
    weights = torch.tensor(LUMA, dtype=colour.dtype, device=colour.device).view(3, 1, 1)
    return (colour * weights).sum(0, keepdim=True).clamp_(0, 1)


def level(value: float, dtype: torch.dtype) -> float:
    """Return the brightness ``value`` in [0, 1] as images of ``dtype`` store it."""
    return float(round(value * 255)) if dtype == torch.uint8 else value
