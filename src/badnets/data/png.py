"""Pictures that are written as PNG files."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from badnets.bundles.atomic import write_bytes
from badnets.core.errors import SettingError


def check_png(path: Path | None, option: str) -> None:
    """Refuse a file's name that does not end in ``.png``, before work is spent on the picture.

    Raises:
        SettingError: it ends otherwise.
    """
    if path is not None and path.suffix.lower() != ".png":
        raise SettingError(f"{option} is written as PNG: want a name that ends in .png, got {path}")


def write_png(path: Path, picture: Image.Image) -> Path:
    """Write a picture, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())
    return path
