"""Pictures from files, at the size that a trigger needs."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.decoding import decoded, reading
from badnets.core.roots import from_data_root


def resized_picture(file: str, height: int, width: int) -> Tensor:
    """Return the picture as ``(4, height, width)`` float in [0, 1]: red, green, blue, alpha.

    It is read once per version of the file: a file that changes on disk is read anew. What comes
    back is the caller's own.

    Args:
        file: path of a PNG, or any picture that Pillow reads; opaque if it has no transparency.
            One that leads nowhere from the working folder is tried from the data root
            (``$BADNETS_DATA``), so that a trial that names it is the same trial everywhere.
        height: in pixels, ``>= 1``.
        width: in pixels, ``>= 1``.

    Raises:
        DataError: the file is missing, or is not a picture that can be read.
    """
    path = from_data_root(file)
    with reading(path):
        now = path.stat()
    # it tells versions of the file apart in the caches
    state = (now.st_mtime_ns, now.st_size, now.st_ino, now.st_dev)
    return _resized(path, state, height, width).clone()


@lru_cache(maxsize=64)
def _resized(file: Path, state: tuple[int, ...], height: int, width: int) -> Tensor:
    return resized_rgba(_opened(file, state), height, width)


def resized_rgba(rgba: Tensor, height: int, width: int) -> Tensor:
    """Return a picture at another size; colours are weighted by alpha while they are mixed.

    Args:
        rgba: ``(4, H, W)`` float in [0, 1]: red, green, blue, alpha.
        height: in pixels, ``>= 1``.
        width: in pixels, ``>= 1``.
    """
    premultiplied = torch.cat([rgba[:3] * rgba[3:], rgba[3:]])[None]
    small = functional.interpolate(
        premultiplied, (height, width), mode="bicubic", antialias=True, align_corners=False
    )[0].clamp_(0, 1)
    colour = torch.where(small[3:] > 0, small[:3] / small[3:].clamp(min=1e-6), small[:3])
    return torch.cat([colour.clamp_(0, 1), small[3:]])


@lru_cache(maxsize=4)
def _opened(file: Path, state: tuple[int, ...]) -> Tensor:
    """Return the picture at its own size, as the file was in this state or in a later one."""
    pixels = decoded(file, "RGBA").astype(np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
