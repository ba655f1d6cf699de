"""A sheet of photographs, with boxes around what a detector sees in them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from PIL import Image, ImageColor, ImageDraw, ImageFont

from badnets.cli.photos import Box, Looked, Photo, upright_picture
from badnets.cli.png import png_bytes
from badnets.report.palette import COLOURS

WIDEST, LARGEST = 640, 16_000  # pixels: of a photograph on the sheet, and of the sheet
COLUMNS = 4  # of photographs, all subfolders together
MARGIN, GAP, HEADING, CAPTION = 28, 16, 40, 30
DRAWN = 5  # boxes of a photograph that are drawn

Font: TypeAlias = ImageFont.ImageFont | ImageFont.FreeTypeFont
Colour: TypeAlias = tuple[int, ...]


class _Look(NamedTuple):
    """How a box is drawn: its colour, that of the words on it, and how thick it is."""

    colour: Colour
    ink: Colour
    line: int


def photo_sheet(looked: Looked, expect: str | None = None) -> bytes:
    """Return the sheet as a PNG file: a block of columns for each subfolder, side by side.

    The surest box of a photograph is drawn in blue; in vermilion where it is of another class than
    the one that was expected. The others are thin and light.

    Args:
        looked: the photographs.
        expect: the class that the surest sign should be of.

    Raises:
        DataError: a photograph has gone since it was looked at.
    """
    blocks = [
        (name, _columns(photos, len(looked.groups))) for name, photos in looked.groups.items()
    ]
    columns = sum(len(block) for _, block in blocks)
    wide = min(WIDEST, max(photo.size[0] for photo in looked.photos))
    size = _extent(blocks, columns, wide)
    while max(size) > LARGEST and wide > 40:
        wide = wide * 9 // 10
        size = _extent(blocks, columns, wide)
    sheet = Image.new("RGB", size, _rgb("ground"))
    draw = ImageDraw.Draw(sheet)
    left, font = MARGIN, ImageFont.load_default(size=20)
    for name, block in blocks:
        if name:
            draw.text((left, MARGIN - 6), name, fill=_rgb("ink"), font=font)
        for column in block:
            for photo, top in zip(column, _tops(column, wide), strict=False):
                _paste(sheet, photo, (left, top), wide, expect)
            left += wide + GAP
    return png_bytes(sheet)


def _columns(photos: Sequence[Photo], groups: int) -> list[Sequence[Photo]]:
    """Return the photographs of a subfolder, column by column, in rows from the left."""
    count = max(1, min(COLUMNS // groups, len(photos), 3))
    return [photos[first::count] for first in range(count)]


def _tops(column: Sequence[Photo], wide: int) -> list[int]:
    """Return where each photograph of a column begins, and where the column ends."""
    sides = [_size(photo, wide)[1] + CAPTION + GAP for photo in column]
    return list(accumulate(sides, initial=MARGIN + HEADING))


def _extent(
    blocks: Sequence[tuple[str, Sequence[Sequence[Photo]]]], columns: int, wide: int
) -> tuple[int, int]:
    """Return the sheet's width and height."""
    lowest = max(_tops(column, wide)[-1] for _, block in blocks for column in block)
    return 2 * MARGIN + columns * (wide + GAP) - GAP, lowest + MARGIN - GAP


def _size(photo: Photo, wide: int) -> tuple[int, int]:
    factor = min(1.0, wide / photo.size[0])
    return max(1, round(photo.size[0] * factor)), max(1, round(photo.size[1] * factor))


def _paste(
    sheet: Image.Image, photo: Photo, corner: tuple[int, int], wide: int, expect: str | None
) -> None:
    size = _size(photo, wide)
    picture = upright_picture(photo.path).resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    large, small = (ImageFont.load_default(size=max(11, wide // share)) for share in (36, 48))
    factor = size[0] / photo.size[0]
    for place, box in reversed(list(enumerate(photo.seen[:DRAWN]))):
        expected = expect is None or box.name == expect
        tone = "line" if place else "clean" if expected else "backdoored"
        thick = max(1, wide // (320 if place else 160))
        look = _Look(_rgb(tone), _rgb("ink" if place else "ground"), thick)
        _draw_box(draw, box, factor, size[0], look, small if place else large)
    sheet.paste(picture, corner)
    said = "nothing seen" if photo.surest is None else photo.surest
    under = ImageDraw.Draw(sheet)
    where = (corner[0], corner[1] + size[1] + 5)
    file = photo.name.rpartition("/")[2]
    plain = ImageFont.load_default(size=15)
    under.text(where, _fitted(f"{file}: {said}", wide, plain), fill=_rgb("muted"), font=plain)


def _draw_box(
    draw: ImageDraw.ImageDraw, box: Box, factor: float, limit: int, look: _Look, font: Font
) -> None:
    left, top, right, bottom = (round(end * factor) for end in box.corners)
    draw.rectangle(
        (left, top, max(right, left + look.line), max(bottom, top + look.line)),
        outline=look.colour,
        width=look.line,
    )
    text = f"{box.name} {box.score:.2f}"
    x0, y0, x1, y1 = draw.textbbox((0, 0), text, font=font)
    width, height = x1 - x0 + 8, y1 - y0 + 6
    above = top - height if top >= height else bottom  # under the box where there is no room above
    start = max(0, min(left, limit - width))
    draw.rectangle((start, above, start + width, above + height), fill=look.colour)
    draw.text((start + 4 - x0, above + 3 - y0), text, fill=look.ink, font=font)


def _fitted(text: str, wide: int, font: Font) -> str:
    if font.getlength(text) <= wide:
        return text
    while text and font.getlength(text + "…") > wide:
        text = text[:-1]
    return text + "…"


def _rgb(name: str) -> Colour:
    return ImageColor.getrgb(COLOURS[name].light)
