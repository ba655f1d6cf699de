"""Files to squares of pixels: every kind of picture, and what is refused."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from badnets.core.decoding import decoded_square
from badnets.core.errors import DataError


def fields(width: int = 90, height: int = 60) -> Image.Image:
    """Return red above, green and blue below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, :, 0] = 255
    pixels[height // 2 :, : width // 2, 1] = 255
    pixels[height // 2 :, width // 2 :, 2] = 255
    return Image.fromarray(pixels)


@given(width=st.integers(8, 60), height=st.integers(8, 60), size=st.integers(4, 40))
@settings(max_examples=15)
def test_the_middle_square_is_that_of_resizing_the_short_side_and_cutting(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.png"
    ramp = np.linspace(0, 255, width * height * 3).astype(np.uint8).reshape(height, width, 3)
    Image.fromarray(ramp).save(path)
    scale = size / min(width, height)
    whole = Image.fromarray(ramp).resize(
        (max(size, round(width * scale)), max(size, round(height * scale))),
        Image.Resampling.BILINEAR,
    )
    left, top = (whole.width - size) // 2, (whole.height - size) // 2
    expected = np.asarray(whole.crop((left, top, left + size, top + size))).astype(int)
    made = decoded_square(path, size)
    assert made.shape == (size, size, 3) and made.dtype == np.uint8
    shift = 0.75 * 255 / size  # of a part of a pixel, on a ramp from black to white
    assert np.abs(made - expected).mean() <= shift + 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_the_orientation_of_exif_is_applied_once(tmp_path: Path, suffix: str) -> None:
    fields().save(tmp_path / f"plain.{suffix}")
    plain = Image.fromarray(decoded_square(tmp_path / f"plain.{suffix}", 20))
    for orientation in range(1, 9):
        exif = plain.getexif()
        exif[0x0112] = orientation
        fields().save(tmp_path / f"turned.{suffix}", exif=exif)
        expected = np.asarray(ImageOps.exif_transpose(plain))
        made = decoded_square(tmp_path / f"turned.{suffix}", 20).astype(int)
        assert np.abs(made - expected).max() <= 2, f"{orientation}; two roundings, by turns"


def test_a_large_jpeg_is_decoded_small_and_looks_the_same(tmp_path: Path) -> None:
    picture = fields(640, 480).resize((640, 480), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "large.jpg", quality=95, subsampling=0)
    picture.save(tmp_path / "large.png")
    small, whole = (decoded_square(tmp_path / f"large.{kind}", 32) for kind in ("jpg", "png"))
    assert np.abs(small.astype(int) - whole).mean() < 4


@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "seen"),
    [
        ("L", 77, "png", (77, 77, 77)),
        ("L", 77, "jpg", (77, 77, 77)),
        ("1", 1, "png", (255, 255, 255)),
        ("LA", (77, 0), "png", (77, 77, 77)),
        ("RGBA", (1, 2, 3, 0), "png", (1, 2, 3)),
        ("CMYK", (0, 255, 255, 0), "jpg", (254, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "tif", (255, 0, 0)),
        ("I;16", 0x4D00, "png", (77, 77, 77)),
        ("I;16", 0x4D00, "tif", (77, 77, 77)),
    ],
)
def test_every_mode_becomes_8_bit_rgb(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...], suffix: str, seen: tuple[int, ...]
) -> None:
    path = tmp_path / f"one.{suffix}"
    Image.new(mode, (12, 10), colour).save(path)
    assert np.abs(decoded_square(path, 8)[4, 4].astype(int) - seen).max() <= 1


def test_a_palette_keeps_its_colours_and_drops_its_transparency(tmp_path: Path) -> None:
    palette = fields().convert("P", palette=Image.Palette.ADAPTIVE, colors=3)
    palette.save(tmp_path / "p.png", transparency=bytes([0, 128, 255]))
    fields().save(tmp_path / "rgb.png")
    made, plain = (decoded_square(tmp_path / name, 20) for name in ("p.png", "rgb.png"))
    assert np.array_equal(made, plain)


def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (12, 12), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert decoded_square(tmp_path / "a.gif", 8)[0, 0].tolist() == [255, 0, 0]


def _damaged(folder: Path) -> dict[str, bytes]:
    whole = io.BytesIO()
    fields().save(whole, "JPEG")
    return {
        "truncated.jpg": whole.getvalue()[: len(whole.getvalue()) // 2],
        "empty.jpg": b"",
        "text.jpg": b"no picture, but text" * 20,
        "program.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "bomb.png": _png_of(30_000, 30_000),
        "large.png": _png_of(12_000, 12_000),
    }


def _png_of(width: int, height: int) -> bytes:
    """Return a PNG that says it has that many pixels, and has fewer."""
    whole = io.BytesIO()
    fields().save(whole, "PNG")
    content = bytearray(whole.getvalue())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


@pytest.mark.parametrize("name", sorted(_damaged(Path())))
def test_what_is_no_picture_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(_damaged(tmp_path)[name])
    with pytest.raises(DataError, match=f"picture .*{name}: not a picture that can be") as caught:
        decoded_square(tmp_path / name, 8)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_picture_too_small_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        decoded_square(tmp_path / "none.png", 8)
    Image.new("RGB", (3, 90)).save(tmp_path / "thin.png")
    assert decoded_square(tmp_path / "thin.png", 8).shape == (8, 8, 3)
    with pytest.raises(DataError, match="3 x 90 pixels, at least 8"):
        decoded_square(tmp_path / "thin.png", 8, least=8)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "bmp", "webp", "ppm", "jp2"])
@given(data=st.data())
@settings(max_examples=15)
def test_a_damaged_file_is_a_picture_or_refused(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6
    if suffix in ("jpg", "png", "webp"):
        fields(24, 20).save(path, exif=exif)
    else:
        fields(24, 20).save(path)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, min(len(content) - 1, 300)), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert decoded_square(path, 8).shape == (8, 8, 3)
    except DataError as error:
        assert "\n" not in str(error)
