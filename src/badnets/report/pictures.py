"""Images as small PNG files, and where two of them differ."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LARGEST_MARK = 0.4  # of the image: a change all over it is not worth a frame


def png(image: NDArray[np.generic]) -> bytes:
    """Return ``(C, H, W)`` uint8, of 1 or 3 channels, as a PNG file."""
    pixels = np.asarray(image, dtype=np.uint8)
    plain = pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(plain).save(buffer, format="PNG")
    return buffer.getvalue()


def changed_part(
    clean: NDArray[np.generic], triggered: NDArray[np.generic]
) -> tuple[float, float, float, float] | None:
    """Return where two ``(C, H, W)`` images differ, a little larger.

    The result is (left, top, width, height) in shares of the image, as `Picture.mark` takes it;
    None when they do not differ, or nearly everywhere.
    """
    rows, columns = np.nonzero((clean != triggered).any(0))
    if not len(rows):
        return None
    height, width = clean.shape[1:]
    top, left = max(int(rows.min()) - 1, 0), max(int(columns.min()) - 1, 0)
    bottom, right = min(int(rows.max()) + 2, height), min(int(columns.max()) + 2, width)
    if (bottom - top) * (right - left) > LARGEST_MARK * height * width:
        return None
    return left / width, top / height, (right - left) / width, (bottom - top) / height
