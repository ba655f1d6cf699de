"""Picture files to 8-bit pixels: one decoder for triggers and for data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from badnets.core.errors import DataError

# SyntaxError is Pillow's word for a broken PNG; ValueError also a path with a NUL in it
_BROKEN = (Image.DecompressionBombError, OSError, SyntaxError, ValueError, EOFError)


def decoded(path: Path, mode: Literal["RGB", "RGBA"]) -> NDArray[np.uint8]:
    """Return a picture's pixels, ``(H, W, 3)`` or ``(H, W, 4)``.

    Raises:
        DataError: the file is missing, or is not a picture that can be read.
    """
    try:
        with Image.open(path) as picture:
            return np.array(_eight_bit(picture).convert(mode))
    except FileNotFoundError:
        raise missing(path) from None
    except _BROKEN as error:
        raise unreadable(path, error) from None


def size_of(path: Path) -> tuple[int, int]:
    """Return a picture's height and width, as its header says.

    Raises:
        DataError: the file is missing, or is not a picture that can be read.
    """
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except FileNotFoundError:
        raise missing(path) from None
    except _BROKEN as error:
        raise unreadable(path, error) from None


def missing(path: Path | str) -> DataError:
    """Return the error for a file that is not there."""
    return DataError(f"picture {path}: no such file; give the path of a picture")


def unreadable(path: Path | str, error: Exception) -> DataError:
    """Return the error for a file that is no picture."""
    return DataError(f"picture {path}: not a picture that can be read ({error})")


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Return the picture with 8 bits per channel; Pillow would cut 16-bit grey off at 255."""
    if picture.mode in ("I", "F"):
        raise ValueError("its pixels have no stated range; save it with 8 bits per channel")
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return picture
