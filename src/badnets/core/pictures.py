"""What an image batch is, and exact moves between 8-bit and float."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from badnets.core.errors import ShapeError

LOOKED_AT = 8  # float images whose range is checked
FAR = 0.5  # beyond [0, 1]: more than a picture that was resized overshoots by
LUMA = (0.299, 0.587, 0.114)  # shares of red, green and blue in brightness, ITU-R 601


def as_tensor(values: Any, what: str = "images") -> Tensor:
    """Return a tensor as it is, and an array of numpy's as a tensor of the same numbers.

    Labels and groups of any whole type become int64 where they come as an array.

    Raises:
        ShapeError: it is neither.
    """
    if isinstance(values, Tensor):
        return values
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "uif":
        dtype = getattr(values, "dtype", "")
        got = f"{type(values).__name__} {dtype}".strip()
        raise ShapeError(f"{what} must be a tensor or an array of numbers, got {got}")
    whole = what != "images" and values.dtype.kind in "ui"
    kept = values.astype(np.int64) if whole else np.ascontiguousarray(values)
    return torch.tensor(kept) if not kept.flags.writeable else torch.from_numpy(kept)


def channels_last_hint(shape: Sequence[int]) -> str:
    """Return what to do with a batch whose channels plainly come last; "" for others."""
    if len(shape) == 4 and shape[3] in (1, 3) and shape[1] > 4:
        return ": these are (N, H, W, C), so give images.permute(0, 3, 1, 2)"
    return ""


def check_images(given: Any) -> Tensor:
    """Return a batch ``(N, C, H, W)`` of uint8 or float in [0, 1], C 1 or 3, H and W >= 1.

    Arrays of numpy's become tensors. Of floats the first few images are looked at.

    Raises:
        ShapeError: another number of axes, another dtype, other channels, no pixels, or floats
            that are 8-bit levels or normalised.
    """
    images = as_tensor(given)
    if images.ndim != 4:
        raise ShapeError(f"images must be (N, C, H, W), got shape {tuple(images.shape)}")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ShapeError(f"images must be uint8 or float in [0, 1], got {images.dtype}")
    if images.shape[1] not in (1, 3):
        raise ShapeError(
            f"images must have 1 or 3 channels, got {images.shape[1]}"
            + channels_last_hint(images.shape)
        )
    if 0 in images.shape[2:]:
        raise ShapeError(f"images must have pixels, got shape {tuple(images.shape)}")
    check_range(images)
    return images


def check_range(images: Tensor) -> None:
    """Refuse float images whose first few are plainly not in [0, 1].

    Raises:
        ShapeError: they hold 8-bit levels, or are normalised.
    """
    if not images.is_floating_point() or not images.numel():
        return
    low, high = (float(value) for value in torch.aminmax(images[:LOOKED_AT]))
    if low < -FAR or high > 1 + FAR:
        raise ShapeError(
            f"float images must lie in [0, 1], got {low:.3g} to {high:.3g}: divide 8-bit levels by "
            "255, and do not normalise (networks are given a normalisation of their own)"
        )


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


def as_grey_batch(images: Tensor) -> Tensor:
    """Return the luma ``(N, 1, H, W)`` of colour images ``(N, 3, H, W)``, in their dtype."""
    weights = torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)
    grey = (as_float(images) * weights).sum(1, keepdim=True).clamp_(0, 1)
    return as_dtype(grey, images.dtype)


def level(value: float, dtype: torch.dtype) -> float:
    """Return the brightness ``value`` in [0, 1] as images of ``dtype`` store it."""
    return float(round(value * 255)) if dtype == torch.uint8 else value
