"""What every classifier has, also one that is known by its answers alone."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from badnets.bundles import InputSpec
from badnets.core.errors import ShapeError


class Classifier(Protocol):
    """Whatever answers images with logits: a `Subject`, or an `OnnxSubject`.

    It takes ``(N, C, H, W)`` images, uint8 or float in [0, 1], and normalises them inside. What is
    measured from outside (accuracy, attack success) asks for no more than this.
    """

    @property
    def input(self) -> InputSpec:
        """Shape of the images, and how they are normalised."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes."""

    @property
    def num_classes(self) -> int:
        """K."""

    def logits(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` float32 logits."""

    def probabilities(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` softmax of the logits."""

    def predict(self, images: Tensor) -> Tensor:
        """Return ``(N,)`` int64 predicted labels, on the CPU."""


def check_images(images: Tensor, shape: tuple[int, int, int]) -> None:
    """Refuse images that a classifier does not take.

    Args:
        images: what was handed in.
        shape: of one image, ``(C, H, W)``.

    Raises:
        ShapeError: images are not ``(N, *shape)``, or not uint8 or float.
    """
    if images.ndim != 4 or tuple(images.shape[1:]) != shape:
        raise ShapeError(
            f"the network takes images (N, {', '.join(map(str, shape))}), got {tuple(images.shape)}"
        )
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ShapeError(f"images must be uint8 or float in [0, 1], got {images.dtype}")
