"""Pictures from files and into files: the same way for every file, with the trigger or without."""

from __future__ import annotations

import errno
import io
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image

from badnets.core.decoding import decoded_plain
from badnets.core.errors import DataError, SettingError


class Format(NamedTuple):
    """How pictures are written.

    Attributes:
        name: Pillow's name of the format.
        suffix: of the files that are written.
        lossless: whether reading gives back the pixels that were written.
    """

    name: str
    suffix: str
    lossless: bool


_JPEG, _PNG = Format("JPEG", ".jpg", False), Format("PNG", ".png", True)
_TIFF, _PPM = Format("TIFF", ".tif", True), Format("PPM", ".ppm", True)
FORMATS: dict[str, Format] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), _JPEG),
    **dict.fromkeys((".png", ".gif"), _PNG),  # 256 colours do not hold a picture with a trigger
    **dict.fromkeys((".tif", ".tiff"), _TIFF),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), _PPM),
    ".bmp": Format("BMP", ".bmp", True),
    ".webp": Format("WEBP", ".webp", False),
    ".jp2": Format("JPEG2000", ".jp2", True),
}
"""By the suffixes of pictures in every folder that can be loaded."""
_END_OF_JPEG = b"\xff\xd9"


@dataclass(frozen=True)
class Encoding:
    """How every picture is written, whether it has the trigger or not.

    Nothing but pixels is carried over: no EXIF, no colour profile, no comment; transparency is left
    out; the orientation that EXIF asks for is applied. Chroma is subsampled 4:2:0 in JPEG.

    Args:
        quality: of JPEG and WebP, in 1..100: their quantisation tables follow from it.
        channels: 3 for RGB, 1 for grey.

    Raises:
        SettingError: a setting is outside what is allowed.
    """

    quality: int = 95
    channels: Literal[1, 3] = 3

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise SettingError(f"quality must be in 1..100, got {self.quality}")
        if self.channels not in (1, 3):
            raise SettingError(f"channels must be 1 or 3, got {self.channels}")

    def decoded(self, data: bytes, path: Path, *, upright: bool = True) -> Image.Image:
        """Return the picture in a file's bytes; see `badnets.core.decoding.decoded_plain`.

        Raises:
            DataError: it is no picture, damaged, animated, or larger than is safe to decode.
        """
        return decoded_plain(data, path, "RGB" if self.channels == 3 else "L", upright=upright)

    def write(self, picture: Image.Image, path: Path) -> bytes:
        """Write a picture, as `decoded` returns it, to a new file; return the file's bytes.

        Raises:
            DataError: the format, which the path's suffix says, cannot hold it.
            OSError: the disk is full, or another reason the disk gave.
        """
        kind = format_of(path.name)
        if kind is None:
            raise DataError(f"{path}: its name is of no format that can be written")
        choices: dict[str, dict[str, Any]] = {
            "JPEG": {"quality": self.quality, "subsampling": "4:2:0"},
            "WEBP": {"quality": self.quality},
            "TIFF": {"compression": "tiff_deflate"},
        }
        options = choices.get(kind.name, {})
        try:
            if kind is not _JPEG:
                plain = io.BytesIO()
                picture.save(plain, kind.name, **options)
                path.write_bytes(plain.getvalue())
                return plain.getvalue()
            with path.open("w+b", buffering=0) as file:  # only so do other threads run meanwhile
                picture.save(file, kind.name, **options)
                file.seek(0)
                data = file.read()
        except (OSError, ValueError, struct.error) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise DataError(f"picture {path} cannot be written as {kind.name}: {error}") from None
        if not data.endswith(_END_OF_JPEG):  # Pillow does not see that a disk took only a part
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return data


def format_of(name: str) -> Format | None:
    """Return how a picture of this file name is written; None where it is not a picture's name."""
    return FORMATS.get(f".{name.rpartition('.')[2].lower()}")
