"""Many images on one sheet, in captioned rows: to look at data, clean and triggered."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from badnets.core.errors import DataError, SettingError
from badnets.core.pictures import as_dtype, check_images

GROUND, INK, FAINT = (255, 255, 255), (38, 42, 48), (120, 126, 134)
MAX_SIDE = 16_000


def contact_sheet(
    images: Tensor,
    *,
    titles: Sequence[str] | None = None,
    rows: Sequence[str] | None = None,
    heading: str | None = None,
    columns: int = 10,
    scale: int = 2,
) -> Image.Image:
    """Return a sheet of the images, row by row from the left, as an RGB picture.

    Args:
        images: ``(N, C, H, W)``, uint8 or float in [0, 1]; 1 or 3 channels.
        titles: a caption below each image, ``N`` of them.
        rows: a caption to the left of each row.
        heading: a line above the sheet.
        columns: images per row, >= 1.
        scale: screen pixels per image pixel, >= 1.

    Raises:
        ShapeError: the images have another shape or dtype.
        DataError: there is no image, or one holds NaN.
        SettingError: too few captions, ``columns`` or ``scale`` below 1, or a sheet too large.
    """
    grid = _as_rgb(images)
    count, height, width = grid.shape[:3]
    if columns < 1 or scale < 1:
        raise SettingError(f"columns and scale must be 1 or more, got {columns} and {scale}")
    lines = -(-count // columns)
    for what, captions, wanted in (("titles", titles, count), ("rows", rows, lines)):
        if captions is not None and len(captions) != wanted:
            raise SettingError(f"{what} must name each of {wanted}, got {len(captions)}")
    columns = min(columns, count)
    tile_w, tile_h = width * scale, height * scale
    font = ImageFont.load_default(size=12)
    gap, margin = 6, 16
    left = margin + (12 + max(_width(text, font) for text in rows) if rows else 0)
    top = margin + (26 if heading else 0)
    caption = 16 if titles else 0
    step_x, step_y = tile_w + gap, tile_h + caption + gap
    size = (left + columns * step_x - gap + margin, top + lines * step_y - gap + margin)
    size = (max(size[0], 2 * margin + _width(heading or "", font)), size[1])
    if max(size) > MAX_SIDE:
        raise SettingError(
            f"the sheet would be {size[0]} x {size[1]} pixels, at most {MAX_SIDE} on a side: "
            "take fewer images or a smaller scale"
        )
    sheet = Image.new("RGB", size, GROUND)
    draw = ImageDraw.Draw(sheet)
    if heading:
        draw.text((margin, margin - 3), heading, fill=INK, font=font)
    for index, pixels in enumerate(grid):
        x, y = left + index % columns * step_x, top + index // columns * step_y
        tile = Image.fromarray(pixels.numpy()).resize((tile_w, tile_h), Image.Resampling.NEAREST)
        sheet.paste(tile, (x, y))
        if titles:
            text = _fitted(titles[index], tile_w + gap, font)
            draw.text((x + tile_w / 2, y + tile_h + 2), text, fill=FAINT, font=font, anchor="ma")
    for line, text in enumerate(rows or ()):
        middle = top + line * step_y + tile_h / 2
        draw.text((left - 12, middle), text, fill=INK, font=font, anchor="rm")
    return sheet


def _as_rgb(images: Tensor) -> Tensor:
    check_images(images)
    if len(images) == 0:
        raise DataError("there is no image to show")
    if images.is_floating_point():
        if not bool(images.isfinite().all()):
            raise DataError("an image to show holds NaN or infinity")
        images = as_dtype(images.float(), torch.uint8)
    return images.cpu().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous()


def _width(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> int:
    return round(font.getlength(text))


def _fitted(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """Return ``text``, its end cut off where it would run into the next caption."""
    if _width(text, font) <= width:
        return text
    while text and _width(text + "…", font) > width:
        text = text[:-1]
    return text + "…"
