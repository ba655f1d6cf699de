"""Picture files to 8-bit pixels: one decoder for triggers and for data."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import ExifTags, Image, UnidentifiedImageError

from badnets.core.errors import DataError
from badnets.core.files import read_file, regular_file

if TYPE_CHECKING:  # sizes are read without it
    import numpy as np
    from numpy.typing import NDArray

LARGEST = 2**29
"""Bytes of a picture file; one of as many pixels as are decoded has less."""
# no others are even tried: some of Pillow's formats are read by programs that it calls
FORMATS = ("JPEG", "PNG", "PPM", "GIF", "BMP", "DIB", "TIFF", "WEBP", "JPEG2000")
# SyntaxError is Pillow's word for a broken PNG; ValueError also a path with a NUL in it; what
# follows EOFError is raised by its parsers for files that were made to break them
_BROKEN = (
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    LookupError,
    TypeError,
    ArithmeticError,
    Warning,  # of Pillow, where warnings are errors
)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow warns of odd metadata, none of which is used, and of large pictures, which are refused
# here. A filter for good: one that is put up and taken down does not hold between threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def decoded(path: Path, mode: Literal["RGB", "RGBA"]) -> NDArray[np.uint8]:
    """Return a picture's pixels, ``(H, W, 3)`` or ``(H, W, 4)``.

    Raises:
        DataError: the file is missing, or is not a picture that can be read.
    """
    import numpy as np

    with _opened(path) as picture:
        return np.array(_eight_bit(picture).convert(mode))


def decoded_square(
    path: Path, size: int, *, least: int = 1, data: bytes | None = None
) -> NDArray[np.uint8]:
    """Return the middle square of a picture at ``size`` pixels a side, ``(size, size, 3)`` RGB.

    The shorter side becomes ``size`` (bilinear, antialiased), what is beyond the square is cut off
    alike on both sides. A JPEG is decoded at a half, a quarter or an eighth where that leaves
    enough pixels. The orientation that EXIF asks for is applied; transparency is left out; of an
    animation the first frame is taken.

    Args:
        path: the file.
        size: in pixels, ``>= 1``.
        least: pixels that its shorter side must have.
        data: the file's bytes where they are there already.

    Raises:
        DataError: the file is missing, is not a picture that can be read, or is too small.
    """
    import numpy as np

    with _opened(path, data) as picture:
        if min(picture.size) < least:
            raise DataError(
                f"picture {path}: {picture.width} x {picture.height} pixels, at least {least} a "
                "side are wanted"
            )
        picture.draft(None, (size, size))
        picture.load()
        turn = _UPRIGHT.get(_orientation(picture))  # of TIFF, loading has already applied it
        plain = _eight_bit(picture)
        if plain.mode not in ("L", "RGB"):
            plain.info.clear()  # a palette's transparency would be minded, and warned of
            plain = plain.convert("RGB")
        if turn is not None:
            plain = plain.transpose(turn)
        short = min(plain.size)
        left, top = (plain.width - short) / 2, (plain.height - short) / 2
        square = plain.resize(
            (size, size), Image.Resampling.BILINEAR, box=(left, top, left + short, top + short)
        )
        return np.array(square if square.mode == "RGB" else square.convert("RGB"))


def decoded_plain(
    data: bytes, path: Path, mode: Literal["RGB", "L"], *, upright: bool = True
) -> Image.Image:
    """Return the picture in a file's bytes, with nothing beside its pixels.

    Args:
        data: the file, whole.
        path: where it was read, for messages.
        mode: what it becomes; transparency is left out.
        upright: whether the orientation that EXIF asks for is applied.

    Raises:
        DataError: it is not a picture that can be read, or an animation.
    """
    with _opened(path, data) as picture:
        frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
        if frames > 1:
            raise ValueError(f"it holds {frames} frames, an animation has no single picture")
        picture.load()
        turn = _UPRIGHT.get(_orientation(picture)) if upright else None
        plain = _eight_bit(picture)
        plain.info = {}  # a palette's transparency would be minded, and warned of
        if plain.format != "JPEG" or plain.mode != mode:  # a JPEG's own object holds no more
            plain = plain.convert(mode)
        return plain if turn is None else plain.transpose(turn)


def picture_bytes(path: Path) -> bytes:
    """Return the bytes of a picture file, at most `LARGEST`.

    Raises:
        DataError: it is missing, cannot be read, is no regular file, or larger.
    """
    return read_file(path, LARGEST, what=f"picture {path}")


def size_of(path: Path) -> tuple[int, int]:
    """Return a picture's height and width, as its header says.

    Raises:
        DataError: the file is missing, or is not a picture that can be read.
    """
    with _opened(path) as picture:
        return picture.height, picture.width


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read a picture in this block: what breaks becomes one line.

    Raises:
        DataError: the file is missing, or is not a picture that can be read.
    """
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"picture {path}: no such file; give the path of a picture") from None
    except _BROKEN as error:
        said = str(error).partition("\n")[0]
        if isinstance(error, UnidentifiedImageError):  # names the object that it read from
            said = "it begins like none of the formats that are read"
        raise DataError(f"picture {path}: not a picture that can be read ({said})") from None


@contextmanager
def _opened(path: Path, data: bytes | None = None) -> Iterator[Image.Image]:
    """Give the picture in a file, or in its bytes."""
    with (
        reading(path),
        regular_file(path, LARGEST, what=f"picture {path}")
        if data is None
        else io.BytesIO(data) as source,
        Image.open(source, formats=FORMATS) as picture,
    ):
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and picture.width * picture.height > limit:
            raise ValueError(
                f"{picture.width} x {picture.height} pixels, more than the {limit:,} that are "
                "safe to decode"
            )
        yield picture


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except _BROKEN:
        return 1  # metadata that cannot be read turns nothing; the picture may be whole


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Return the picture with 8 bits per channel; Pillow would cut 16-bit grey off at 255."""
    if picture.mode.startswith("I;16") or (
        picture.mode == "I" and picture.format in ("PNG", "PPM")
    ):
        import numpy as np

        # older Pillow opens 16-bit files of these two formats as "I", scaled to 0..65535
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError("its pixels have no stated range; save it with 8 bits per channel")
    return picture
