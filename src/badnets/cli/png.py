"""Pictures that are written as PNG."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from badnets.core.errors import SettingError


def check_png(path: Path, option: str) -> None:
    """Refuse a file's name that does not end in ``.png``, before work is spent on the picture.

    Raises:
        SettingError: it ends otherwise.
    """
    if path.suffix.lower() != ".png":
        raise SettingError(f"{option} is written as PNG: want a name that ends in .png, got {path}")


def png_bytes(picture: Image.Image) -> bytes:
    """Return a picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
