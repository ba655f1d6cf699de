"""Batched augmentation of stored (uint8) images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.errors import ShapeError
from badnets.core.pictures import LUMA, as_dtype, as_float, level
from badnets.train.settings import Training

ASPECT = 4 / 3  # of a window's sides to one another, at most, before either meets an edge


@dataclass(frozen=True, eq=False)
class Augmentation:
    """One epoch's random changes.

    Args:
        changes: functions below, in the order in which they are applied, each with what it takes
            beside the images: a row for every image.
    """

    changes: tuple[tuple[Callable[[Tensor, Tensor], Tensor], Tensor], ...]

    @classmethod
    def drawn(
        cls, training: Training, count: int, drawn: torch.Generator, device: torch.device
    ) -> Augmentation:
        """Return an epoch's changes for ``count`` images.

        What a training does not ask for takes no random numbers, so a setting that is added
        leaves the numbers of all trainings without it as they were: new ones are drawn last.
        """
        changes: list[tuple[Callable[[Tensor, Tensor], Tensor], Tensor]] = []
        if training.shift:
            moves = torch.randint(2 * training.shift + 1, (count, 2), generator=drawn)
            changes.append((partial(shifted, most=training.shift), moves))
        if training.rotate:
            turns = (torch.rand(count, generator=drawn) * 2 - 1).mul_(training.rotate)
            changes.insert(0, (rotated, turns))  # applied before it is moved
        if training.flip:
            changes.append((mirrored, torch.rand(count, generator=drawn) < 0.5))
        if training.crop < 1:
            changes.append((cropped, random_windows(training.crop, count, drawn)))
        reach = torch.tensor([training.brightness, training.contrast, training.saturation])
        if reach.any():
            tones = 1 + (torch.rand(count, 3, generator=drawn) * 2 - 1) * reach
            changes.append((toned, tones))
        if training.cutout:
            side = torch.full((count, 1), training.cutout)
            holes = torch.cat([torch.rand(count, 2, generator=drawn), side], 1)
            changes.append((cut_out, holes))
        if training.stickers:
            places, colours = (
                torch.rand(count, 2, generator=drawn),
                torch.rand(count, 3, generator=drawn),
            )
            side = training.stickers * (torch.rand(count, 1, generator=drawn) < 0.5)
            changes.append((stuck, torch.cat([places, side, colours], 1)))
        return cls(tuple((change, values.to(device)) for change, values in changes))

    def __call__(self, images: Tensor, rows: slice) -> Tensor:
        """Return the images changed as ``rows`` of the epoch's changes say, of the same dtype."""
        for change, values in self.changes:
            images = change(images, values[rows])
        return images


def random_windows(least: float, count: int, drawn: torch.Generator) -> Tensor:
    """Return windows for `cropped`: of random area, shape and place, all inside the image.

    Args:
        least: smallest share of the image's area, in (0, 1]; areas between it and 1 are drawn
            evenly. A window whose longer side meets the image's keeps less than its area.
        count: how many.
        drawn: where the random numbers come from.

    Returns:
        ``(count, 4)`` float in [0, 1]: top, left, height, width as shares of the image's sides.

    References:
        Szegedy et al., "Going deeper with convolutions", arXiv:1409.4842, section 6: area from
        8 %, sides up to 4/3 to one another.
    """
    area, shape, down, along = torch.rand(4, count, generator=drawn)
    area = least + (1 - least) * area
    aspect = ((2 * shape - 1) * math.log(ASPECT)).exp()
    height, width = (area / aspect).sqrt().clamp(max=1), (area * aspect).sqrt().clamp(max=1)
    return torch.stack([down * (1 - height), along * (1 - width), height, width], 1)


def cropped(images: Tensor, windows: Tensor) -> Tensor:
    """Return a window of each image, enlarged to the whole (bilinear).

    Args:
        images: ``(N, C, H, W)`` uint8, or float in [0, 1].
        windows: ``(N, 4)`` float: top, left, height, width as shares of the image's sides.
    """
    top, left, height, width = windows.unbind(1)
    zero = torch.zeros_like(top)  # the window's corners, -1 and 1, go to the image's coordinates
    across, down = (width, zero, 2 * left + width - 1), (zero, height, 2 * top + height - 1)
    return _resampled(images, (*across, *down), "border")


def toned(images: Tensor, tones: Tensor) -> Tensor:
    """Return each image with its own brightness, contrast and saturation, in that order.

    Brightness multiplies all values; contrast moves them from the image's mean luma; saturation
    moves colours from their own luma, and leaves grey images alone. 1 changes nothing. Values
    are clipped once, at the end.

    Args:
        images: ``(N, C, H, W)`` uint8, or float in [0, 1]; C 1 or 3.
        tones: ``(N, 3)`` float, ``>= 0``: the three factors.

    Raises:
        ShapeError: images have neither 1 nor 3 channels.
    """
    if images.shape[1] not in (1, 3):
        raise ShapeError(f"colours need images of 1 or 3 channels, got {images.shape[1]}")
    pictures = as_float(images)
    shares = pictures.new_tensor(LUMA if images.shape[1] == 3 else (1.0,)).view(1, -1, 1, 1)
    luma = (pictures * shares).sum(1, keepdim=True)
    brightness, contrast, saturation = tones.to(pictures.dtype).view(-1, 3, 1, 1, 1).unbind(1)
    if images.shape[1] == 1:
        saturation = torch.ones_like(saturation)
    mean = luma.mean((2, 3), keepdim=True)
    scale = brightness * contrast
    # the three steps are linear in the picture, so one sum does them all
    changed = pictures * (scale * saturation) + luma * (scale * (1 - saturation))
    changed += (1 - contrast) * brightness * mean
    return as_dtype(changed.clamp_(0, 1), images.dtype)


def cut_out(images: Tensor, holes: Tensor) -> Tensor:
    """Return the images with a mid-grey rectangle each, clipped at the edges.

    Args:
        images: ``(N, C, H, W)`` uint8, or float in [0, 1].
        holes: ``(N, 3)`` float in [0, 1]: the centre from the top and from the left, and the
            sides, as shares of the image's.

    References:
        DeVries, Taylor, "Cutout", arXiv:1708.04552.
    """
    return images.masked_fill(_inside(images, holes), level(0.5, images.dtype))


def stuck(images: Tensor, stickers: Tensor) -> Tensor:
    """Return the images with a square of one colour each, clipped at the edges.

    Args:
        images: ``(N, C, H, W)`` uint8, or float in [0, 1]; C 1 or 3.
        stickers: ``(N, 6)`` float in [0, 1]: the centre from the top and from the left, the side
            as a share of the image's (0: none), and red, green and blue; of grey images the first.
    """
    colours = as_dtype(stickers[:, 3 : 3 + images.shape[1], None, None], images.dtype)
    return torch.where(_inside(images, stickers[:, :3]), colours, images)


def _inside(images: Tensor, holes: Tensor) -> Tensor:
    inside = []
    for axis, size in enumerate(images.shape[2:]):
        places = (torch.arange(size, device=images.device) + 0.5) / size
        inside.append((places - holes[:, axis : axis + 1]).abs() < holes[:, 2:] / 2)
    return inside[0][:, None, :, None] & inside[1][:, None, None, :]


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
    across, down = (cosine, -sine * height / width, zero), (sine * width / height, cosine, zero)
    return _resampled(images, (*across, *down), "zeros")


def mirrored(images: Tensor, chosen: Tensor) -> Tensor:
    """Return the images with those that are ``chosen``, ``(N,)`` bool, mirrored left to right."""
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def _resampled(images: Tensor, affine: tuple[Tensor, ...], beyond: str) -> Tensor:
    """Return the images under affine maps, each ``(N,)``, bilinear; ``beyond``: the edges."""
    matrices = torch.stack(affine, 1).view(-1, 2, 3)
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    seen = functional.grid_sample(as_float(images), grid, padding_mode=beyond, align_corners=False)
    return as_dtype(seen, images.dtype)
