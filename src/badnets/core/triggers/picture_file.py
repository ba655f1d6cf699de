"""Pictures from files, at the size that a trigger needs."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.decoding import decoded, missing, unreadable
from badnets.core.errors import DataError
from badnets.core.roots import data_root


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
    found = _found(file)
    return _resized(found, _state(found), height, width).clone()


def _found(file: str) -> str:
    """Return the path itself, or where it leads from the data root if it is there alone."""
    with suppress(OSError, ValueError, DataError):  # said better where the file is read
        path = Path(file)
        if not path.is_absolute() and not path.exists() and (data_root() / path).is_file():
            return str(data_root() / path)
    return file


def _state(file: str) -> tuple[int, ...]:
    """Return what changes when the file does: it tells versions of it apart in the caches."""
    try:
        found = Path(file).stat()
    except FileNotFoundError:
        raise missing(file) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise unreadable(file, error) from None
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)


@lru_cache(maxsize=64)
def _resized(file: str, state: tuple[int, ...], height: int, width: int) -> Tensor:
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
def _opened(file: str, state: tuple[int, ...]) -> Tensor:
    """Return the picture at its own size, as the file was in this state or in a later one."""
    pixels = decoded(Path(file), "RGBA").astype(np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
