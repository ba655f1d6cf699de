"""What images a network takes, and their normalisation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from badnets.bundles import InputSpec
from badnets.core.errors import ShapeError
from badnets.core.pictures import as_float, as_tensor, channels_last_hint

# Per-channel mean and standard deviation of images in [0, 1]; other numbers of channels: a half.
NORMALISATIONS: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {
    1: ((0.1307,), (0.3081,)),
    3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def input_spec(shape: tuple[int, int, int]) -> InputSpec:
    """Return the usual normalisation: MNIST's for grey images, ImageNet's for colour."""
    halves = (0.5,) * shape[0]
    mean, std = NORMALISATIONS.get(shape[0], (halves, halves))
    return InputSpec.of_shape(shape, mean, std)


def colour_window(side: int) -> InputSpec:
    """Return the usual normalisation of colour windows of ``side`` pixels."""
    return input_spec((3, side, side))


def check_images(given: Any, shape: tuple[int, int, int]) -> Tensor:
    """Return images that a classifier takes; arrays of numpy's become tensors.

    Args:
        given: what is to be answered.
        shape: of one image, ``(C, H, W)``.

    Raises:
        ShapeError: images are not ``(N, *shape)``, or not uint8 or float in [0, 1].
    """
    images = as_tensor(given)
    if images.ndim != 4 or tuple(images.shape[1:]) != shape:
        raise ShapeError(
            f"the network takes images (N, {', '.join(map(str, shape))}), got {tuple(images.shape)}"
            + channels_last_hint(images.shape)
        )
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ShapeError(f"images must be uint8 or float in [0, 1], got {images.dtype}")
    return images


def normalise(images: Tensor, spec: InputSpec) -> Tensor:
    """Return ``(image - mean) / std`` as float32, from uint8 or float images in [0, 1]."""
    scale = 255.0 if images.dtype == torch.uint8 else 1.0
    pictures = images.to(torch.float32)
    if images.dtype == torch.float32:
        pictures = pictures.clone()
    if spec.channels == 1:
        return pictures.mul_(1 / (scale * spec.std[0])).sub_(spec.mean[0] / spec.std[0])
    mean = torch.tensor(spec.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(spec.std, device=images.device).view(1, -1, 1, 1)
    return pictures.mul_(1 / (scale * std)).sub_(mean / std)


def denormalised(pictures: Tensor, spec: InputSpec) -> Tensor:
    """Return images as float in [0, 1] from what `normalise` made of them."""
    mean, std = (torch.tensor(values, device=pictures.device) for values in (spec.mean, spec.std))
    return (pictures * std.view(-1, 1, 1) + mean.view(-1, 1, 1)).clamp_(0, 1)


def enlarged(frames: Tensor, factor: float) -> Tensor:
    """Return ``(N, C, H, W)`` frames as float in [0, 1], ``factor`` times as large."""
    images = as_float(frames)
    if factor == 1:
        return images
    return functional.interpolate(
        images, scale_factor=factor, mode="bilinear", align_corners=False, antialias=factor < 1
    )
