"""Road scenes with signs in them, drawn from a seed: as many as are asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from badnets.core.errors import SettingError
from badnets.core.lookup import find
from badnets.data.detection import Boxed, FrameSet, boxes_of
from badnets.data.frames import FrameStack
from badnets.data.scenes.faces import FAMILIES, LARGEST, Family
from badnets.data.scenes.roads import background, weathered

Corners = tuple[int, int, int, int]
TRIES = 12  # places that are tried for a sign before it is left out


@dataclass(frozen=True)
class Look:
    """How scenes are drawn.

    Args:
        family: ``"us"`` or ``"swedish"``.
        size: pixels on a side of a scene, ``>= 64``.
        smallest: a sign's longer side as a share of ``size``, in (0, 1).
        largest: the same, ``>= smallest``; sizes between them are drawn evenly by ratio.

    Raises:
        UnknownNameError: there is no such family.
        SettingError: a setting is outside its range.
    """

    family: str = "us"
    size: int = 256
    smallest: float = 0.06
    largest: float = 0.3

    def __post_init__(self) -> None:
        find(FAMILIES, self.family, "family of signs")
        if self.size < 64:
            raise SettingError(f"size must be >= 64 pixels, got {self.size}")
        if not 0 < self.smallest <= self.largest < 1:
            raise SettingError(
                f"want 0 < smallest <= largest < 1, got {self.smallest} and {self.largest}"
            )


class Sign(NamedTuple):
    """A sign in a scene: its box (left, top, right, bottom; exclusive) and its class."""

    corners: Corners
    label: int


def draw_scenes(count: int, seed: int, look: Look | None = None) -> FrameSet:
    """Return drawn scenes; each depends on the seed and its own number alone.

    Every scene is a scene group of its own. A scene has one to three signs of the family, and up
    to two signs that belong to no class.

    Args:
        count: how many, ``>= 1``.
        seed: which.
        look: how they are drawn.

    Raises:
        SettingError: ``count`` is below 1.
    """
    look = look or Look()
    if count < 1:
        raise SettingError(f"count must be >= 1, got {count}")
    frames = torch.empty(count, look.size, look.size, 3, dtype=torch.uint8)
    found: list[Boxed] = []
    for number in range(count):
        pixels, signs = draw_scene(seed, number, look)
        frames[number] = torch.from_numpy(pixels)
        found += [(number, *sign) for sign in signs]
    stack = FrameStack(frames.permute(0, 3, 1, 2).contiguous())
    groups = tuple(f"{look.family}-{seed}-{number}" for number in range(count))
    return FrameSet(stack, boxes_of(found), FAMILIES[look.family]().classes, groups)


def draw_scene(seed: int, number: int, look: Look) -> tuple[NDArray[np.uint8], list[Sign]]:
    """Return one scene, ``(size, size, 3)`` uint8, and the signs in it."""
    rng = np.random.default_rng([seed, number, *look.family.encode()])
    family = FAMILIES[look.family]()
    picture, horizon = background(rng, look.size)
    standing: list[_Standing] = []
    for label in _cast(rng, family):
        placed = _placed(rng, look, family, label, standing)
        if placed is not None:
            standing.append(placed)
    draw = ImageDraw.Draw(picture)
    for sign in standing:
        _draw_pole(rng, draw, sign, max(horizon, sign.top), look.size)
    pixels = np.array(picture, dtype=np.float32)
    for sign in standing:
        tall, wide = sign.rgba.shape[:2]
        window = pixels[sign.top : sign.top + tall, sign.left : sign.left + wide]
        window += sign.rgba[:, :, 3:] * (sign.rgba[:, :, :3] - window)
    if rng.random() < 0.6:  # out of focus
        flat = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        radius = float(rng.uniform(0.2, 1.0)) * look.size / 256
        pixels = np.array(flat.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
    signs = [Sign(sign.corners, sign.label) for sign in standing if sign.label >= 0]
    return weathered(rng, pixels), signs


class _Standing(NamedTuple):
    """A sign that has its place: pixels with alpha, top left corner, class (-1: none)."""

    rgba: NDArray[np.float32]
    left: int
    top: int
    label: int
    corners: Corners


def _cast(rng: np.random.Generator, family: Family) -> list[int]:
    """Return the classes of a scene's signs; -1 stands for one that belongs to none."""
    signs = int(rng.choice([1, 2, 3], p=[0.55, 0.32, 0.13]))
    clutter = int(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15]))
    return [*rng.integers(0, len(family.classes), signs).tolist(), *[-1] * clutter]


def _placed(
    rng: np.random.Generator, look: Look, family: Family, label: int, others: list[_Standing]
) -> _Standing | None:
    """Return a sign with a place where it covers no other; None where none was found."""
    faces = family.clutter if label < 0 else family.faces[label]
    face = int(rng.integers(len(faces)))
    side = look.size * look.smallest * (look.largest / look.smallest) ** rng.random()
    rgba = _seen(rng, look.family, label, face, side)
    tall, wide = rgba.shape[:2]
    solid = rgba[:, :, 3] > 0.5
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    if not len(rows) or wide + 2 >= look.size or tall + 2 >= look.size:
        return None
    for _ in range(TRIES):
        left = int(rng.integers(1, look.size - wide - 1))
        top = int(rng.integers(1, max(2, round(0.75 * look.size) - tall)))
        first, last = (left + int(columns[0]), top + int(rows[0])), (columns[-1], rows[-1])
        corners = (*first, left + int(last[0]) + 1, top + int(last[1]) + 1)
        if not any(_touch(corners, other.corners) for other in others):
            return _Standing(rgba, left, top, label, corners)
    return None


def _touch(one: Corners, other: Corners) -> bool:
    return all(
        one[axis + 2] + 2 > other[axis] and other[axis + 2] + 2 > one[axis] for axis in (0, 1)
    )


def _seen(
    rng: np.random.Generator, family: str, label: int, face: int, side: float
) -> NDArray[np.float32]:
    """Return a face as it is seen from somewhere: turned, tilted, shaded, worn."""
    large = _face(family, label, face, 0)
    half_w, half_h = (0.5 * side * part / max(large.size) for part in large.size)
    yaw, roll = rng.normal(0, 0.3), rng.normal(0, 0.05)
    distance = 4 * max(half_w, half_h)
    quad = []
    for x, y in ((-half_w, -half_h), (-half_w, half_h), (half_w, half_h), (half_w, -half_h)):
        near = 1 + x * math.sin(yaw) / distance
        x, y = x * math.cos(yaw) / near, y / near
        quad.append(
            (x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll))
        )
    left, top = (min(point[axis] for point in quad) for axis in (0, 1))
    right, bottom = (max(point[axis] for point in quad) for axis in (0, 1))
    wide, tall = math.ceil(right - left) + 2, math.ceil(bottom - top) + 2
    level = max(0, min(3, int(math.log2(max(1.0, max(large.size) / (1.5 * side))))))
    source = _face(family, label, face, level)
    corners = [(x - left + 1, y - top + 1) for x, y in quad]
    flat = source.transform(
        (wide, tall),
        Image.Transform.PERSPECTIVE,
        _coefficients(corners, source.width, source.height),
        Image.Resampling.BICUBIC,
    )
    rgba = np.array(flat, dtype=np.float32)
    rgba[:, :, 3] /= 255
    shade = np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.04, 3))
    slope = 1 + np.linspace(-1, 1, tall, dtype=np.float32)[:, None, None] * rng.normal(0, 0.12)
    faded = rng.uniform(0, 0.25)
    rgba[:, :, :3] = (rgba[:, :, :3] * (1 - faded) + 128 * faded) * (shade * slope)
    return rgba


def _coefficients(corners: list[tuple[float, float]], width: int, height: int) -> tuple[float, ...]:
    """Return Pillow's eight numbers that take the four corners to those of a picture."""
    target = ((0, 0), (0, height), (width, height), (width, 0))
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return tuple(np.linalg.solve(np.array(rows), np.array(values)).tolist())


@lru_cache(maxsize=512)
def _face(family: str, label: int, face: int, level: int) -> Image.Image:
    """Return a face halved ``level`` times; what is transparent takes the colour beside it."""
    known = FAMILIES[family]()
    picture = (known.clutter if label < 0 else known.faces[label])[face]
    side = LARGEST >> level
    size = (side, max(1, round(side * picture.height / picture.width)))
    small = picture.resize(size, Image.Resampling.BOX)
    colour = picture.convert("RGBa").resize(size, Image.Resampling.BOX)
    ground = Image.new("RGBa", size)
    ground.paste(colour)
    plain = ground.convert("RGBA")
    plain.putalpha(small.getchannel("A"))
    return plain


def _draw_pole(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    sign: _Standing,
    ground: float,
    size: int,
) -> None:
    left, top, right, bottom = sign.corners
    middle, wide = (left + right) / 2, max(1, round(0.06 * (right - left)))
    foot = min(size, max(ground, bottom + 2.2 * (bottom - top)))
    grey = int(rng.integers(60, 190))
    draw.line((middle, (top + bottom) / 2, middle, foot), fill=(grey, grey, grey), width=wide)
