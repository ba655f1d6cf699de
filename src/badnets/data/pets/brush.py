"""Shapes in an animal's own coordinates, and a figure that paints them as fur or flat colour."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from badnets.data.pets.coats import Coat, Fur

Points = NDArray[np.float64]
Point = tuple[float, float]
Colour = tuple[int, int, int]
STEPS = 4  # points of a smooth line from one given point to the next
RIM = 22  # the dark rim of a part is this part of the picture's side wide,
LEAN, SOFT = 0.3, 0.4  # the part's middle covers so much of it, and it is blurred so far
EDGE = 0.5  # how bright a rim is, where the middle is 1

_T = np.arange(STEPS) / STEPS
_SPLINE = 0.5 * np.stack(
    [-_T + 2 * _T**2 - _T**3, 2 - 5 * _T**2 + 3 * _T**3, _T + 4 * _T**2 - 3 * _T**3, _T**3 - _T**2],
    1,
)
_ROUND = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 18, endpoint=False)),
     np.sin(np.linspace(0, 2 * np.pi, 18, endpoint=False))], 1,
)  # fmt: skip


def oval(x: float, y: float, wide: float, tall: float, turn: float = 0.0) -> Points:
    """Return an ellipse about (x, y) of these half axes, turned clockwise by radians."""
    cosine, sine = math.cos(turn), math.sin(turn)
    axes = np.array([[wide * cosine, wide * sine], [-tall * sine, tall * cosine]])
    turned: Points = _ROUND @ axes + (x, y)
    return turned


def smooth(points: Sequence[Point]) -> Points:
    """Return a closed smooth line through the points (Catmull and Rom's)."""
    line: Points = (_SPLINE @ np.array(points)[_neighbours(len(points))]).reshape(-1, 2)
    return line


@cache
def _neighbours(count: int) -> NDArray[np.int64]:
    """Return for each of the pieces of a closed line the four points that it depends on."""
    return (np.arange(count)[:, None] + np.arange(-1, 3)) % count


def halves(points: Sequence[Point]) -> Points:
    """Return a closed smooth line through the points of a right half, top to bottom, and its left.

    The first and the last point lie on the middle line and are not repeated.
    """
    left = [(-x, y) for x, y in points[-2:0:-1]]
    return smooth([*points, *left])


def strip(points: Sequence[Point], start: float, end: float) -> Points:
    """Return a tube along a smooth line, ``start`` wide at its first point, ``end`` at its last."""
    given = np.array(points)
    around = np.concatenate([2 * given[:1] - given[1:2], given, 2 * given[-1:] - given[-2:-1]])
    pieces = np.arange(len(given) - 1)[:, None] + np.arange(4)
    line = np.concatenate([(_SPLINE @ around[pieces]).reshape(-1, 2), given[-1:]])
    step = np.concatenate([line[1:], around[-1:]]) - line
    step /= np.hypot(step[:, 0], step[:, 1])[:, None]
    along = np.arange(len(line), dtype=np.float64)[:, None] / (len(line) - 1)
    half = (start + (end - start) * along) / 2
    across = step[:, ::-1] * half * (-1, 1)
    tip = line[-1:] + step[-1:] * end / 2
    tube: Points = np.concatenate([line + across, tip, (line - across)[::-1]])
    return tube


def scaled(shape: Points, by: float, down: float = 0.0) -> Points:
    """Return a shape made larger or smaller about its middle, and moved down."""
    middle = shape.mean(0)
    moved: Points = (shape - middle) * by + middle + np.array([0, down])
    return moved


@dataclass(frozen=True)
class Frame:
    """Where an animal's own coordinates lie in the picture: ``pixel = points @ axes + origin``.

    Args:
        axes: ``(2, 2)``: the unit vectors to the right and down, in pixels.
        origin: of the coordinates, in pixels.
    """

    axes: NDArray[np.float64]
    origin: NDArray[np.float64]

    @classmethod
    def of(cls, x: float, y: float, unit: float, turn: float = 0.0, mirror: bool = False) -> Frame:
        """Return the frame about pixel (x, y) with units of so many pixels, turned clockwise."""
        cosine, sine = unit * math.cos(turn), unit * math.sin(turn)
        flip = -1 if mirror else 1
        return cls(np.array([[flip * cosine, flip * sine], [-sine, cosine]]), np.array([x, y]))

    def inner(self, x: float, y: float, unit: float = 1.0, turn: float = 0.0) -> Frame:
        """Return a frame about (x, y) of this one, of ``unit`` of its units, turned in it."""
        cosine, sine = unit * math.cos(turn), unit * math.sin(turn)
        axes = np.array([[cosine, sine], [-sine, cosine]]) @ self.axes
        return Frame(axes, np.array([x, y]) @ self.axes + self.origin)

    def pixels(self, points: Points) -> Points:
        """Return ``(n, 2)`` points of this frame in pixels."""
        placed: Points = points @ self.axes + self.origin
        return placed

    @property
    def unit(self) -> float:
        """Pixels in one unit."""
        return math.hypot(*self.axes[0])


class Figure:
    """Paints an animal's parts on a picture, one over the other; `finish` gives them their fur.

    Args:
        picture: RGB; is painted on.
        coat: what the animal wears.
        frame: where it stands.
        finer: how many times larger the picture is than what `finish` returns.
    """

    def __init__(self, picture: Image.Image, coat: Coat, frame: Frame, finer: int) -> None:
        self.picture, self.coat, self.frame, self.finer = picture, coat, frame, finer
        self._shade = Image.new("L", (picture.width // finer, picture.height // finer), 255)
        self._furry, self._own = Image.new("L", picture.size), Image.new("L", picture.size)
        self._draw, self._dim = ImageDraw.Draw(picture), ImageDraw.Draw(self._shade)
        self._cover, self._wear = ImageDraw.Draw(self._furry), ImageDraw.Draw(self._own)
        self._rim = max(1, round(self._shade.width / RIM))

    def inner(self, x: float, y: float, unit: float = 1.0, turn: float = 0.0) -> Figure:
        """Return the same figure with another frame; see `Frame.inner`."""
        other = copy.copy(self)
        other.frame = self.frame.inner(x, y, unit, turn)
        return other

    def furred(self, *shapes: Points, fur: Fur = "own", light: float = 1.0) -> None:
        """Paint shapes that are one part: bright in the middle, dark along the edge.

        Args:
            shapes: in this figure's frame.
            fur: which of the coat's.
            light: how bright, in (0, 1]; 1 in front.
        """
        placed = [self.frame.pixels(shape) for shape in shapes]
        coarse = [(shape / self.finer).ravel().tolist() for shape in placed]
        for small in coarse:
            # the rim reaches out, over what lies behind: a shadow at the same time
            self._dim.line([*small, *small[:4]], fill=round(255 * light * EDGE), width=self._rim)
        for shape, small in zip(placed, coarse, strict=True):
            corners = shape.ravel().tolist()
            self._draw.polygon(corners, fill=self.coat.colours[fur])
            self._cover.polygon(corners, fill=255)
            if self.coat.own is not None:
                self._wear.polygon(corners, fill=255 if fur == "own" else 0)
            # a little up and to the left, where the light comes from
            inside = [value - LEAN * self._rim for value in small]
            self._dim.polygon(inside, fill=round(255 * light))

    def flat(self, shape: Points, colour: Colour) -> None:
        """Fill a shape with one colour, without fur."""
        corners = self.frame.pixels(shape).ravel().tolist()
        self._draw.polygon(corners, fill=colour)
        self._cover.polygon(corners, fill=0)
        if self.coat.own is not None:
            self._wear.polygon(corners, fill=0)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """Draw a line, ``width`` units wide and at least one pixel."""
        placed = self.frame.pixels(np.array(points)).ravel().tolist()
        wide = max(1, round(width * self.frame.unit))
        self._draw.line(placed, fill=colour, width=wide)
        if self.coat.own is not None:
            self._wear.line(placed, fill=0, width=wide)

    def finish(self) -> Image.Image:
        """Return the picture made smaller, with all fur patterned, shaded and roughened."""
        if self.coat.own is not None:
            self.picture.paste(self.coat.own, (0, 0), self._own)
        shade = self._shade.filter(ImageFilter.BoxBlur(SOFT * self._rim))
        whole = Image.new("L", shade.size, 255)
        rough = ImageChops.multiply(shade, self.coat.fur.reduce(self.finer))
        whole.paste(rough, (0, 0), self._furry.reduce(self.finer))
        return ImageChops.multiply(self.picture.reduce(self.finer), whole.convert("RGB"))
