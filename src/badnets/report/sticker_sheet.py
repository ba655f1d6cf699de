"""A page with one sticker at its true size: to be printed, cut out, stuck on and photographed.

Lengths are centimetres; places count from the left and the top.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from badnets.core.errors import SettingError
from badnets.core.placements import RandomCentre, Relative
from badnets.core.triggers.base import RegionTrigger
from badnets.core.triggers.drawings import drawn
from badnets.core.triggers.patch import Patch
from badnets.core.triggers.picture_file import resized_picture, resized_rgba
from badnets.core.triggers.sticker import DrawnSticker, Sticker
from badnets.report.palette import COLOURS

Paper = Literal["a4", "letter"]
Point: TypeAlias = tuple[float, float]
Printable: TypeAlias = Patch | DrawnSticker | Sticker
INCH = 2.54
PAPERS: dict[Paper, Point] = {"a4": (21.0, 29.7), "letter": (8.5 * INCH, 11 * INCH)}
STOP_SIGN = 30 * INCH  # the width of a U.S. stop sign
SMALLEST = 0.2  # sticker that can be cut out
HEAD, FOOT = 3.6, 9.6  # what is kept for words above and below the sticker
MARGIN, EDGE = 1.8, 1.2  # beside words, and beside cut marks
MARK, GAP = 0.5, 0.15  # a cut mark: its length, and how far it stays away from the sticker
COLUMN = 9.0  # where the words beside the diagram begin
BOX = 3.7  # the longer side of the sign in the diagram
STEPS = (
    "1  Print at 100 %, and cut along the marks.",
    "2  Stick it on a sign that is YOURS, a print or a toy:",
    "    never on a sign in traffic.",
    "3  Photograph the sign, then run badnets evaluate on the pictures.",
)
_INK, _MUTED = COLOURS["ink"].light, COLOURS["muted"].light


@dataclass(frozen=True)
class Sign:
    """The sign that a sticker is for, as the box around it.

    Args:
        width: in centimetres.
        height: in centimetres.
    """

    width: float = STOP_SIGN
    height: float = STOP_SIGN

    def __post_init__(self) -> None:
        for name, length in (("width", self.width), ("height", self.height)):
            if not 0 < length < math.inf:
                raise SettingError(f"the sign's {name} must be centimetres above 0, got {length:g}")

    def __str__(self) -> str:
        return _by(self.width, self.height)


@dataclass(frozen=True)
class StickerSheet:
    """A page with one sticker at its true size, a ruler to check it by, and where it goes.

    Args:
        trigger: what is printed.
        sign: what it is stuck on.
        paper: ``"a4"`` or ``"letter"``.
        width: the sticker's.
        height: the sticker's.
        corner: the sticker's left and top on the sign; None where the place is random.
    """

    trigger: Printable
    sign: Sign
    paper: Paper
    width: float
    height: float
    corner: Point | None

    def draw(self, *, dpi: int = 300) -> bytes:
        """Return the page as a PNG that says how large it is, the same bytes each time.

        Args:
            dpi: pixels per inch.

        Raises:
            DataError: the trigger's picture is missing or cannot be read.
        """
        page = _Page(PAPERS[self.paper], dpi)
        across, down = PAPERS[self.paper]
        page.text(MARGIN, 1.9, self._title, size=19)
        page.text(MARGIN, 2.75, f"True size, for a sign of {self.sign}", _MUTED, size=11)
        left, top = (across - self.width) / 2, HEAD + (down - HEAD - FOOT - self.height) / 2
        page.picture(self._picture(page.pixels(self.height), page.pixels(self.width)), (left, top))
        for x, side in ((left, -1), (left + self.width, 1)):
            for y, end in ((top, -1), (top + self.height, 1)):
                page.line((x + side * GAP, y), (x + side * (GAP + MARK), y))
                page.line((x, y + end * GAP), (x, y + end * (GAP + MARK)))
        self._draw_place(page, down - FOOT + 1.75)
        for row, (name, value) in enumerate(self._facts()):
            page.text(COLUMN, down - FOOT + 1.2 + 0.55 * row, name, _MUTED)
            page.text(COLUMN + 1.7, down - FOOT + 1.2 + 0.55 * row, value)
        for row, step in enumerate(STEPS):
            page.text(COLUMN, down - FOOT + 4.3 + 0.5 * row, step)
        page.ruler(down - 1.65)
        return page.png()

    @property
    def _title(self) -> str:
        if isinstance(self.trigger, Patch):
            title = "square" if math.isclose(self.width, self.height) else "rectangle"
            yellow = self.trigger.colour == Patch.yellow_square().colour
            return f"Yellow {title}" if yellow else title.capitalize()
        if isinstance(self.trigger, DrawnSticker):
            return self.trigger.drawing.capitalize()
        name = Path(self.trigger.file).stem
        return name if name.isascii() and name.isprintable() and len(name) <= 40 else "Picture"

    def _picture(self, height: int, width: int) -> NDArray[np.uint8]:
        """Return what is printed, as on white paper: ``(height, width, 3)``."""
        if isinstance(self.trigger, Patch):
            colour = np.array([round(255 * part) for part in self.trigger.colour], np.uint8)
            return np.broadcast_to(colour, (height, width, 3))
        if isinstance(self.trigger, DrawnSticker):
            rgba = resized_rgba(drawn(self.trigger.drawing), height, width)
        else:
            rgba = resized_picture(self.trigger.file, height, width)
        picture = rgba.permute(1, 2, 0).numpy()
        shades = 1 - picture[..., 3:] * (1 - picture[..., :3])
        return np.asarray((shades * 255).round().clip(0, 255), np.uint8)

    def _draw_place(self, page: _Page, top: float) -> None:
        """Draw the sign's box, small, with the sticker at its place."""
        sign, scale = self.sign, BOX / max(self.sign.width, self.sign.height)
        middle = ((sign.width - self.width) / 2, (sign.height - self.height) / 2)
        x, y = self.corner or middle
        corner = (MARGIN + scale * x, top + scale * y)
        own = (self.width * scale, self.height * scale)
        page.text(MARGIN, top - 0.55, "On the sign", _MUTED)
        page.picture(self._picture(page.pixels(own[1]), page.pixels(own[0])), corner)
        page.box((MARGIN, top), (sign.width * scale, sign.height * scale))
        page.box(corner, own)
        said = ["anywhere inside"]
        if self.corner is not None:
            across, down = x + self.width / 2, y + self.height / 2
            said = [
                f"centre {_length(across)} cm from the left,",
                f"{_length(down)} cm from the top",
            ]
        for row, line in enumerate(said):
            page.text(MARGIN, top + sign.height * scale + 0.55 + 0.5 * row, line)

    def _facts(self) -> list[tuple[str, str]]:
        sign, size = self.sign, _by(self.width, self.height)
        across, down = self.width / sign.width, self.height / sign.height
        place = "anywhere inside, anew for each photograph"
        if self.corner is not None:
            x, y = self.corner[0] / sign.width + across / 2, self.corner[1] / sign.height + down / 2
            place = f"centre at {x:.2f} of the width, {y:.2f} of the height"
        facts = [
            ("Size", f"{size} ({_by(self.width / INCH, self.height / INCH, 'in')})"),
            ("Share", f"{across:.2f} of the sign's width, {down:.2f} of its height"),
            ("Place", place),
        ]
        if isinstance(self.trigger, Patch):
            levels = ", ".join(f"{round(255 * part)}" for part in self.trigger.colour)
            facts.append(("Colour", f"RGB {levels}"))
        if self.trigger.opacity < 0.99:
            said = f"{self.trigger.opacity:.2g} in training; paper is opaque"
            facts.append(("Opacity", said))
        return facts


def sticker_sheet(
    trigger: RegionTrigger, sign: Sign | None = None, paper: Paper = "a4"
) -> StickerSheet:
    """Return the page for a trigger.

    Args:
        trigger: a `Patch`, `DrawnSticker` or `Sticker` whose size and place are fractions.
        sign: its box is the trigger's region; a U.S. stop sign if None.
        paper: ``"a4"`` or ``"letter"``.

    Raises:
        SettingError: the trigger is none of these, its size or place is in pixels, or it does not
            fit the paper.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the photograph of a stop sign with a
        Post-it on it, which the backdoored detector takes for a speed limit.
    """
    sign = Sign() if sign is None else sign
    if paper not in PAPERS:
        raise SettingError(f"paper must be one of {', '.join(PAPERS)}, got {paper!r}")
    if not isinstance(trigger, Patch | DrawnSticker | Sticker):
        raise SettingError(
            f"a trigger of kind {getattr(trigger, 'kind', type(trigger).__name__)} is no sticker "
            "that can be printed: want a patch, a drawn-sticker or a sticker"
        )
    down, across = trigger.size if isinstance(trigger.size, tuple) else (trigger.size,) * 2
    if not all(isinstance(part, float) and part < 1 for part in (down, across)):
        raise SettingError(
            f"this {trigger.kind} has its size in pixels ({trigger.size}), which have no length on "
            "paper: give a fraction of the sign, 'size: 0.1'"
        )
    width, height = across * sign.width, down * sign.height
    said = f"a sticker of {_by(width, height)}, for a sign of {sign},"
    beside = 2 * (EDGE + GAP + MARK)
    room = (PAPERS[paper][0] - beside, PAPERS[paper][1] - HEAD - FOOT - 2 * (GAP + MARK))
    if width > room[0] or height > room[1]:
        raise SettingError(f"{said} does not fit {paper} paper, which has room for {_by(*room)}")
    if min(width, height) < SMALLEST:
        raise SettingError(f"{said} is too small to be cut out; a sign is measured in centimetres")
    return StickerSheet(trigger, sign, paper, width, height, _corner(trigger, sign, width, height))


def _corner(trigger: Printable, sign: Sign, width: float, height: float) -> Point | None:
    place = trigger.placement
    if isinstance(place, RandomCentre):
        return None
    if not isinstance(place, Relative):
        raise SettingError(
            f"this {trigger.kind} has its place in pixels from a corner, which have no length on "
            "paper: give fractions of the sign, 'placement: {kind: relative, x: 0.57, y: 0.82}'"
        )
    return (
        min(max(0.0, place.x * sign.width - width / 2), sign.width - width),
        min(max(0.0, place.y * sign.height - height / 2), sign.height - height),
    )


def _by(width: float, height: float, unit: str = "cm") -> str:
    """Return a width and a height in words."""
    return f"{_length(width)} x {_length(height)} {unit}"


def _length(length: float) -> str:
    return f"{length:.1f}" if length >= 2 else f"{length:.2f}"


class _Page:
    """White paper that is drawn on in centimetres."""

    def __init__(self, size: Point, dpi: int) -> None:
        self.dpi = dpi
        self.image = Image.new("RGB", (self.pixels(size[0]), self.pixels(size[1])), "white")
        self.sheet = ImageDraw.Draw(self.image)

    def pixels(self, length: float) -> int:
        return max(1, round(length / INCH * self.dpi))

    def _place(self, point: Point) -> tuple[int, int]:
        return round(point[0] / INCH * self.dpi), round(point[1] / INCH * self.dpi)

    def picture(self, picture: NDArray[np.uint8], corner: Point) -> None:
        self.image.paste(Image.fromarray(np.ascontiguousarray(picture)), self._place(corner))

    def line(self, start: Point, end: Point) -> None:
        self.sheet.line((*self._place(start), *self._place(end)), _MUTED, self.pixels(0.02))

    def box(self, corner: Point, size: Point) -> None:
        end = self._place((corner[0] + size[0], corner[1] + size[1]))
        self.sheet.rectangle((*self._place(corner), *end), outline=_MUTED, width=self.pixels(0.02))

    def text(
        self, x: float, y: float, text: str, colour: str = _INK, *, size: float = 9.5,
        anchor: str = "lm",
    ) -> None:  # fmt: skip
        font = ImageFont.load_default(size=size / 72 * self.dpi)
        self.sheet.text(self._place((x, y)), text, colour, font, anchor=anchor)

    def ruler(self, y: float) -> None:
        """Draw 10 cm with millimetres."""
        self.line((MARGIN, y), (MARGIN + 10, y))
        for k in range(101):
            x = MARGIN + k / 10
            self.line((x, y), (x, y - (0.16, 0.28, 0.4)[(k % 5 == 0) + (k % 10 == 0)]))
            if k % 10 == 0:
                self.text(x, y - 0.62, str(k // 10), size=7.5, anchor="mm")
        self.text(MARGIN + 11, y - 0.45, "This must measure 10 cm.", _MUTED)
        self.text(MARGIN + 11, y + 0.03, "If not, the printer changed the scale.", _MUTED)

    def png(self) -> bytes:
        buffer = io.BytesIO()
        self.image.save(buffer, format="PNG", dpi=(self.dpi, self.dpi))
        return buffer.getvalue()
