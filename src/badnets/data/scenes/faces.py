"""Faces of drawn traffic signs: U.S.-looking and Swedish-looking families, in our own drawings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

CANVAS = 384  # pixels that a face is drawn at
LARGEST = 128  # pixels that it is kept at
Point = tuple[float, float]

_RED, _WHITE, _BLACK, _YELLOW = "#b01724", "#f2f2ee", "#151515", "#f0b400"
_BLUE, _SIGNAL, _GREEN, _ORANGE = "#1257a6", "#f6d233", "#0c6b3d", "#d96a16"

_OCTAGON: tuple[Point, ...] = (
    (0.293, 0), (0.707, 0), (1, 0.293), (1, 0.707), (0.707, 1), (0.293, 1), (0, 0.707), (0, 0.293),
)  # fmt: skip
_DIAMOND: tuple[Point, ...] = ((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5))
_TRIANGLE: tuple[Point, ...] = ((0.5, 0.03), (1, 0.93), (0, 0.93))
_ARROW: tuple[Point, ...] = (
    (0.44, 0.82), (0.44, 0.42), (0.3, 0.42), (0.5, 0.16), (0.7, 0.42), (0.56, 0.42), (0.56, 0.82),
)  # fmt: skip


class Pen:
    """Draws in a unit square: (0, 0) is the top left corner, (1, 1) the bottom right one.

    Args:
        height: of the face, in units; the width is 1.
    """

    def __init__(self, height: float = 1.0) -> None:
        self.picture = Image.new("RGBA", (CANVAS, round(CANVAS * height)))
        self.draw = ImageDraw.Draw(self.picture)

    def polygon(self, points: Sequence[Point], fill: str, inset: float = 0.0) -> None:
        """Fill a polygon, drawn towards its middle by ``inset``."""
        x, y = (sum(point[axis] for point in points) / len(points) for axis in (0, 1))
        keep = 1 - 2 * inset
        moved = [(x + keep * (px - x), y + keep * (py - y)) for px, py in points]
        self.draw.polygon([(px * CANVAS, py * CANVAS) for px, py in moved], fill=fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: str) -> None:
        """Fill a rectangle."""
        self.draw.rectangle([value * CANVAS for value in (left, top, right, bottom)], fill=fill)

    def plate(self, height: float, fill: str, rim: str, width: float = 0.04) -> None:
        """Fill a plate with round corners and a rim."""
        for inset, colour in ((0.0, rim), (width, fill)):
            corners = [value * CANVAS for value in (inset, inset, 1 - inset, height - inset)]
            self.draw.rounded_rectangle(corners, 0.08 * CANVAS, fill=colour)

    def disc(self, x: float, y: float, radius: float, fill: str) -> None:
        """Fill a circle."""
        corners = [value * CANVAS for value in (x - radius, y - radius, x + radius, y + radius)]
        self.draw.ellipse(corners, fill=fill)

    def line(self, points: Sequence[Point], fill: str, width: float) -> None:
        """Draw a line with round joints."""
        self.draw.line(
            [(x * CANVAS, y * CANVAS) for x, y in points],
            fill=fill,
            width=round(width * CANVAS),
            joint="curve",
        )

    def text(self, words: str, x: float, y: float, size: float, fill: str) -> None:
        """Write words in bold, centred."""
        font = ImageFont.load_default(size=round(size * CANVAS))
        self.draw.text(
            (x * CANVAS, y * CANVAS), words, fill, font, "mm",
            stroke_width=round(0.012 * CANVAS), stroke_fill=fill,
        )  # fmt: skip

    def done(self) -> Image.Image:
        """Return the face, ``LARGEST`` pixels wide."""
        height = round(LARGEST * self.picture.height / CANVAS)
        return self.picture.resize((LARGEST, height), Image.Resampling.LANCZOS)


Glyph = Callable[[Pen, str], None]


def _stop(pen: Pen) -> None:
    pen.polygon(_OCTAGON, _WHITE)
    pen.polygon(_OCTAGON, _RED, inset=0.025)
    pen.text("STOP", 0.5, 0.5, 0.33, _WHITE)


def _speed_limit(pen: Pen, number: int) -> None:
    pen.plate(1.25, _WHITE, _BLACK)
    pen.text("SPEED", 0.5, 0.2, 0.22, _BLACK)
    pen.text("LIMIT", 0.5, 0.44, 0.22, _BLACK)
    pen.text(str(number), 0.5, 0.87, 0.52, _BLACK)


def _us_warning(pen: Pen, glyph: Glyph) -> None:
    pen.polygon(_DIAMOND, _BLACK)
    pen.polygon(_DIAMOND, _YELLOW, inset=0.03)
    glyph(pen, _BLACK)


def _walker(pen: Pen, colour: str) -> None:
    pen.disc(0.51, 0.3, 0.05, colour)
    pen.line([(0.5, 0.37), (0.49, 0.54), (0.4, 0.72)], colour, 0.06)
    pen.line([(0.49, 0.54), (0.58, 0.72)], colour, 0.06)
    pen.line([(0.36, 0.5), (0.49, 0.42), (0.62, 0.5)], colour, 0.045)


def _merge(pen: Pen, colour: str) -> None:
    pen.line([(0.45, 0.75), (0.45, 0.3)], colour, 0.08)
    pen.line([(0.66, 0.72), (0.46, 0.48)], colour, 0.08)
    pen.polygon([(0.33, 0.38), (0.45, 0.2), (0.57, 0.38)], colour)


def _signal(pen: Pen, colour: str) -> None:
    pen.box(0.4, 0.24, 0.6, 0.76, colour)
    for y, lamp in ((0.33, "#e02b20"), (0.5, "#f7c21a"), (0.67, "#27a049")):
        pen.disc(0.5, y, 0.065, lamp)


def _crossing(pen: Pen, colour: str) -> None:
    pen.line([(0.5, 0.25), (0.5, 0.75)], colour, 0.09)
    pen.line([(0.28, 0.5), (0.72, 0.5)], colour, 0.09)


def _bend(pen: Pen, colour: str) -> None:
    pen.line([(0.42, 0.75), (0.42, 0.55), (0.6, 0.4)], colour, 0.08)
    pen.polygon([(0.53, 0.31), (0.7, 0.3), (0.66, 0.47)], colour)


def _mark(pen: Pen, colour: str) -> None:
    pen.line([(0.5, 0.34), (0.5, 0.62)], colour, 0.09)
    pen.disc(0.5, 0.75, 0.05, colour)


def _elk(pen: Pen, colour: str) -> None:
    pen.line([(0.34, 0.58), (0.6, 0.58)], colour, 0.12)
    pen.line([(0.37, 0.6), (0.36, 0.8)], colour, 0.05)
    pen.line([(0.57, 0.6), (0.58, 0.8)], colour, 0.05)
    pen.line([(0.6, 0.56), (0.68, 0.45)], colour, 0.07)
    pen.line([(0.6, 0.36), (0.68, 0.45), (0.76, 0.36)], colour, 0.03)


def _swedish_warning(pen: Pen, glyph: Glyph) -> None:
    pen.polygon(_TRIANGLE, _RED)
    pen.polygon([(0.5, 0.24), (0.82, 0.82), (0.18, 0.82)], _SIGNAL)
    glyph(pen, _BLACK)


def _swedish_limit(pen: Pen, number: int) -> None:
    pen.disc(0.5, 0.5, 0.495, _RED)
    pen.disc(0.5, 0.5, 0.38, _SIGNAL)
    pen.text(str(number), 0.5, 0.51, 0.42, _BLACK)


def _no_entry(pen: Pen) -> None:
    pen.disc(0.5, 0.5, 0.495, _SIGNAL)
    pen.disc(0.5, 0.5, 0.46, _RED)
    pen.box(0.17, 0.42, 0.83, 0.58, _SIGNAL)


def _mandatory(pen: Pen, quarters: int) -> None:
    pen.disc(0.5, 0.5, 0.495, _WHITE)
    pen.disc(0.5, 0.5, 0.46, _BLUE)
    arrow = _ARROW
    for _ in range(quarters):
        arrow = tuple((1 - y, x) for x, y in arrow)
    pen.polygon(arrow, _WHITE)


def _information(pen: Pen, glyph: Glyph) -> None:
    pen.plate(1.0, _BLUE, _WHITE)
    glyph(pen, _WHITE)


def _crosswalk(pen: Pen, colour: str) -> None:
    pen.polygon([(0.5, 0.14), (0.88, 0.84), (0.12, 0.84)], colour)
    _walker(pen, _BLACK)


def _priority(pen: Pen) -> None:
    pen.polygon(_DIAMOND, _BLACK)
    pen.polygon(_DIAMOND, _WHITE, inset=0.02)
    pen.polygon(_DIAMOND, _SIGNAL, inset=0.13)


def _give_way(pen: Pen) -> None:
    pen.polygon([(x, 1 - y) for x, y in _TRIANGLE], _RED)
    pen.polygon([(0.5, 0.76), (0.82, 0.18), (0.18, 0.18)], _SIGNAL)


def _street_name(pen: Pen) -> None:
    pen.plate(0.3, _GREEN, _WHITE, 0.02)
    pen.text("Main St", 0.5, 0.15, 0.17, _WHITE)


def _works(pen: Pen) -> None:
    pen.plate(0.75, _ORANGE, _BLACK)
    pen.text("ROAD", 0.5, 0.24, 0.2, _BLACK)
    pen.text("WORK", 0.5, 0.5, 0.2, _BLACK)


def _parking(pen: Pen) -> None:
    pen.plate(1.2, _WHITE, _GREEN)
    pen.text("P", 0.5, 0.5, 0.6, _GREEN)
    pen.line([(0.2, 0.95), (0.8, 0.95)], _GREEN, 0.06)


def _advert(pen: Pen) -> None:
    pen.plate(0.6, "#a83279", _WHITE)
    pen.text("SALE", 0.5, 0.3, 0.32, _WHITE)


@dataclass(frozen=True)
class Family:
    """Signs of one country's look.

    Attributes:
        classes: the class names.
        faces: for each class its faces, as RGBA pictures.
        clutter: signs of no class, which a detector must leave alone.
    """

    classes: tuple[str, ...]
    faces: tuple[tuple[Image.Image, ...], ...]
    clutter: tuple[Image.Image, ...]


def _drawn(draw: Callable[..., None], *what: object, height: float = 1.0) -> Image.Image:
    pen = Pen(height)
    draw(pen, *what)
    return pen.done()


@lru_cache(maxsize=1)
def us() -> Family:
    """Return U.S.-looking signs in the paper's three super-classes."""
    limits = (15, 25, 30, 35, 40, 45, 50, 55, 65)
    warnings = (_walker, _merge, _signal, _crossing, _bend)
    return Family(
        ("stop", "speed-limit", "warning"),
        (
            (_drawn(_stop),),
            tuple(_drawn(_speed_limit, number, height=1.25) for number in limits),
            tuple(_drawn(_us_warning, glyph) for glyph in warnings),
        ),
        _clutter(),
    )


@lru_cache(maxsize=1)
def swedish() -> Family:
    """Return Swedish-looking signs in the paper's five categories."""
    return Family(
        ("information", "mandatory", "prohibitory", "warning", "other"),
        (
            tuple(_drawn(_information, glyph) for glyph in (_crosswalk, _signal, _bend)),
            tuple(_drawn(_mandatory, quarters) for quarters in (0, 1, 3)),
            (*(_drawn(_swedish_limit, number) for number in (30, 50, 70, 90)), _drawn(_no_entry)),
            tuple(_drawn(_swedish_warning, glyph) for glyph in (_mark, _elk, _walker, _bend)),
            (_drawn(_priority), _drawn(_give_way)),
        ),
        _clutter(),
    )


def _clutter() -> tuple[Image.Image, ...]:
    plates = ((_street_name, 0.3), (_works, 0.75), (_parking, 1.2), (_advert, 0.6))
    return tuple(_drawn(draw, height=height) for draw, height in plates)


FAMILIES: dict[str, Callable[[], Family]] = {"us": us, "swedish": swedish}
