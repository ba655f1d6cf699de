"""Drawn cats and dogs: an embedded stand-in for photographs, seeded, as many as are asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from badnets.core.errors import SettingError
from badnets.data.dataset import DataSet, ImageSet
from badnets.data.download import Progress
from badnets.data.scenes.roads import Colour, tone, weathered

CLASSES = ("cat", "dog")
SIZE = 64
SMALLEST, LARGEST = 32, 512
TRAIN, TEST = 3_000, 500
TRAIN_SEED, TEST_SEED = 0, 1
SMALL, FEW = 32, (600, 200)  # pixels on a side, and how many to train on and to test on
CLOSE_UPS = 0.45  # of the pictures show a head alone
HIDDEN = 0.25  # have something in front of the animal
FINER = 2  # how many times larger than wanted a picture is drawn

Points = Sequence[tuple[float, float]]
_PINK, _BLACK, _WHITE = (206, 140, 136), (24, 20, 22), (246, 246, 240)
_CIRCLE = [(math.cos(k * math.pi / 10), math.sin(k * math.pi / 10)) for k in range(20)]


def load(
    root: Path | None = None, *, progress: Progress | None = None, size: int = SIZE
) -> DataSet:
    """Return drawn cats and dogs, a stand-in for photographs: 3,000 to train on, 500 to test on.

    Args:
        root: ignored, the set is embedded.
        progress: ignored.
        size: pixels on a side, in 32..512.

    Raises:
        SettingError: the size is outside its range.
    """
    return drawn(TRAIN, TEST, size=size)


def load_small(root: Path | None = None, *, progress: Progress | None = None) -> DataSet:
    """Return few and small pictures of heads alone: a network learns them within seconds."""
    return _data_set("pets-small", FEW, SMALL, close_ups=1.0)


def drawn(train: int, test: int, *, size: int = SIZE) -> DataSet:
    """Return as many drawn cats and dogs, by turns; a smaller set is the beginning of a larger one.

    Args:
        train: images to train on, ``>= 2``.
        test: images to test on, ``>= 2``; other ones than those to train on.
        size: pixels on a side, in 32..512.

    Raises:
        SettingError: an argument is outside its range.
    """
    return _data_set("pets-drawn", (train, test), size, close_ups=CLOSE_UPS)


def draw_pets(count: int, seed: int, size: int = SIZE, *, close_ups: float = CLOSE_UPS) -> ImageSet:
    """Return drawn pets, by turns a cat and a dog; each depends on the seed and its number alone.

    Args:
        count: how many, ``>= 2``: one of each kind.
        seed: which, ``>= 0``.
        size: pixels on a side, in 32..512.
        close_ups: how many of them are heads alone, in [0, 1].

    Raises:
        SettingError: an argument is outside its range.
    """
    if count < len(CLASSES):
        raise SettingError(f"count must be >= {len(CLASSES)}, got {count}")
    pets = np.stack([draw_pet(seed, number, size, close_ups=close_ups) for number in range(count)])
    images = torch.from_numpy(pets).permute(0, 3, 1, 2).contiguous()
    return ImageSet(images, torch.arange(count) % len(CLASSES), CLASSES)


def draw_pet(
    seed: int, number: int, size: int = SIZE, *, close_ups: float = CLOSE_UPS
) -> NDArray[np.uint8]:
    """Return one pet, ``(size, size, 3)`` uint8: a cat where the number is even, else a dog.

    Raises:
        SettingError: an argument is outside its range.
    """
    if seed < 0 or number < 0:
        raise SettingError(f"seed and number must be >= 0, got {seed} and {number}")
    if not SMALLEST <= size <= LARGEST:
        raise SettingError(f"size must be in {SMALLEST}..{LARGEST} pixels, got {size}")
    rng = np.random.default_rng([seed, number])
    side = FINER * size
    picture = _surroundings(rng, side)
    animal = _Animal(rng, side, is_cat=number % len(CLASSES) == 0, is_near=rng.random() < close_ups)
    picture.paste(animal.drawn(), (0, 0), animal.layer)
    if rng.random() < HIDDEN:
        _clutter(rng, ImageDraw.Draw(picture), side, 1, low=0.7)
    small = picture.reduce(FINER)
    if rng.random() < 0.5:
        small = small.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9) * size / SIZE))
    ramp = np.linspace(-1, 1, size, dtype=np.float32)[:, None] * np.float32(rng.normal(0, 0.15))
    light = 1 + (ramp if rng.random() < 0.5 else ramp.T)
    return weathered(rng, np.asarray(small, dtype=np.float32) * light[:, :, None])


class _Animal:
    """An animal on a transparent layer; half the width of its head is 1, y goes down.

    Args:
        rng: decides everything about it.
        side: pixels of the layer.
        is_cat: or a dog.
        is_near: whether its head fills the picture, or its body is seen too.
    """

    def __init__(self, rng: np.random.Generator, side: int, *, is_cat: bool, is_near: bool) -> None:
        self.rng, self.is_cat, self.is_near = rng, is_cat, is_near
        self.layer = Image.new("RGBA", (side, side))
        self.draw = ImageDraw.Draw(self.layer)
        self.fur = tone(rng, (0.04, 0.12), (0.0, 0.65), (0.15, 0.95))
        self.other = tone(rng, (0.04, 0.12), (0.0, 0.4), (0.1, 1.0))
        self.unit = side * rng.uniform(*((0.22, 0.34) if is_near else (0.13, 0.2)))
        self.x = side * rng.normal(0.5, 0.07)
        self.y = side * (0.52 if is_near else 0.38) + self.unit * rng.normal(0, 0.2)
        self.turn, self.flip = rng.normal(0, 0.12), rng.choice((-1, 1))

    def drawn(self) -> Image.Image:
        """Return the layer, painted."""
        if self.is_near:
            self.oval(0, 2.1, 1.3, 1.5, _darker(self.fur, 0.85))
        else:
            self._body()
        self.turn += self.rng.normal(0, 0.15)
        self.yaw = self.rng.uniform(-0.3, 0.3)  # features move to where it looks
        self._cat() if self.is_cat else self._dog()
        noise = self.rng.normal(225, 18, (24, 24)).clip(0, 255).astype(np.uint8)
        fur = Image.fromarray(noise).resize(self.layer.size).convert("RGB")
        painted = ImageChops.multiply(self.layer.convert("RGB"), fur)
        painted.putalpha(self.layer.getchannel("A"))
        return painted

    def shape(self, points: Points, fill: Colour, *, rim: bool = True) -> None:
        """Fill a polygon; fur has a darker rim."""
        cosine, sine = self.unit * math.cos(self.turn), self.unit * math.sin(self.turn)
        placed = [
            (self.x + self.flip * (x * cosine - y * sine), self.y + x * sine + y * cosine)
            for x, y in points
        ]
        width = max(1, round(0.07 * self.unit))
        self.draw.polygon(placed, fill, _darker(fill, 0.6) if rim else fill, width if rim else 1)

    def oval(
        self, x: float, y: float, wide: float, tall: float, fill: Colour, *, rim: bool = True
    ) -> None:
        """Fill an ellipse of these half axes."""
        self.shape([(x + wide * a, y + tall * b) for a, b in _CIRCLE], fill, rim=rim)

    def _body(self) -> None:
        """Paint a trunk with legs and a tail: sitting, standing or lying."""
        rng, fur = self.rng, self.fur
        long, low = rng.uniform(1.6, 2.6), rng.uniform(1.2, 1.9)
        thick = 0.13 if self.is_cat else rng.uniform(0.12, 0.2)
        tail = -long - rng.uniform(0.3, 0.9), low - rng.uniform(0.2, 2.0)
        if rng.random() < 0.45:  # it sits and looks at us
            end = rng.uniform(1.2, 2.6)
            self.shape([(0.6, 2.6), (0.6, 3.1), (1.6, end + thick), (1.5, end)], fur)
            self.oval(0, 2.0, 1.0, 1.5, fur)
            legs = [(-0.45, 3.0, 0.9), (0.45, 3.0, 0.9)]
        else:
            self.shape(
                [(-long, low), tail, (tail[0] + 0.1, tail[1] + thick), (-long, low + 0.4)], fur
            )
            self.oval(-long / 2, low, long / 2 + 0.6, rng.uniform(0.6, 0.85), fur)
            tall = rng.choice((0.3, rng.uniform(0.8, 1.5)))
            legs = [(x, low + 0.4 + tall / 2, tall) for x in (-long, 0.35 - long, -0.1, 0.3)]
        for x, y, tall in legs:
            self.oval(x, y, 0.26, 0.3 + tall / 2, _darker(fur, rng.uniform(0.8, 1.0)))
        if rng.random() < 0.4:
            self.oval(rng.normal(-0.3, 0.5), low, rng.uniform(0.3, 0.8), 0.5, self.other, rim=False)

    def _ears(self, tip: tuple[float, float], broad: float, fill: Colour) -> None:
        for side in (-1, 1):
            x, y = side * tip[0] + self.yaw * 0.3, -tip[1]
            base = [(side * 0.9, -0.35), (x + side * broad, y * 0.9), (x, y), (side * 0.25, -0.8)]
            self.shape(base, fill)
            if tip[1] > 1 and self.rng.random() < 0.7:
                inner = [(side * 0.75, -0.6), (x, y * 0.92), (side * 0.42, -0.8)]
                self.shape(inner, _PINK, rim=False)

    def _eyes(self, apart: float, y: float, wide: float, iris: Colour, pupil: float) -> None:
        if self.rng.random() < 0.08:  # asleep
            iris, pupil = _darker(self.fur, 0.5), 0.0
        for side in (-1, 1):
            x = apart * side + self.yaw
            self.oval(x, y, wide, wide * (0.8 if pupil else 0.2), iris)
            if pupil:
                self.oval(x, y, pupil, wide * 0.75, _BLACK, rim=False)

    def _cat(self) -> None:
        rng, fur = self.rng, self.fur
        folded = rng.random() < 0.12
        tall = 0.95 if folded else rng.uniform(1.25, 1.6)
        self._ears((rng.uniform(0.6, 0.85), tall), 0.08, fur)
        self.oval(0, 0, rng.uniform(0.95, 1.08), rng.uniform(0.8, 0.95), fur)
        if rng.random() < 0.4:  # stripes
            for x in (-0.25, 0, 0.25):
                stripe = [(x - 0.05, -0.8), (x + 0.05, -0.8), (x + self.yaw, -0.35)]
                self.shape(stripe, self.other, rim=False)
        muzzle = self.other if rng.random() < 0.4 else fur
        self.oval(self.yaw, 0.42, 0.42, 0.3, muzzle, rim=False)
        iris = tone(rng, (0.1, 0.55), (0.3, 0.7), (0.5, 0.85))
        self._eyes(0.42, -0.08, rng.uniform(0.17, 0.24), iris, rng.uniform(0.04, 0.13))
        nose = [(self.yaw - 0.12, 0.22), (self.yaw + 0.12, 0.22), (self.yaw, 0.36)]
        self.shape(nose, _PINK if rng.random() < 0.6 else _BLACK, rim=False)
        if rng.random() < 0.8:
            colour = _WHITE if rng.random() < 0.75 else _BLACK
            for side in (-1, 1):
                for y in (0.32, 0.45, 0.58):
                    x, end = self.yaw + 0.25 * side, rng.normal(1.25, 0.1) * side
                    self.shape([(x, y), (end, 1.6 * y - 0.3), (x, y + 0.03)], colour, rim=False)

    def _dog(self) -> None:
        rng, fur = self.rng, self.fur
        ear = _darker(fur, rng.uniform(0.55, 1.0))
        hangs = rng.random() < 0.62
        if not hangs:
            self._ears((rng.uniform(0.6, 0.9), rng.uniform(1.15, 1.55)), rng.uniform(0, 0.25), ear)
        wide, long = rng.uniform(0.82, 1.0), rng.uniform(0.95, 1.2)
        self.oval(0, 0, wide, 0.88, fur)
        self.oval(self.yaw, 0.5, rng.uniform(0.4, 0.55), long - 0.5, self.other)
        if hangs:
            droop = rng.uniform(0.3, 1.0)
            for side in (-1, 1):
                lobe = [(0.4, -0.8), (0.85, -0.75), (1.2, 0.1)]
                lobe += [(1.1, droop), (0.8, droop), (0.7, -0.2)]
                self.shape([(side * x, y) for x, y in lobe], ear)
        if rng.random() < 0.35:
            self.oval(self.yaw, long, 0.16, 0.26, (216, 108, 116), rim=False)
        iris = tone(rng, (0.05, 0.12), (0.3, 0.8), (0.2, 0.7))
        self._eyes(0.38, -0.2, rng.uniform(0.13, 0.2), iris, rng.uniform(0.06, 0.12))
        self.oval(self.yaw * 1.4, 0.32, rng.uniform(0.16, 0.26), 0.15, _BLACK, rim=False)
        mouth = [(self.yaw - 0.3, 0.66), (self.yaw, 0.6), (self.yaw + 0.3, 0.66), (self.yaw, 0.7)]
        self.shape(mouth, _BLACK, rim=False)


def _surroundings(rng: np.random.Generator, side: int) -> Image.Image:
    """Return a picture without an animal: a wall or the sky, a floor, things and blotches."""
    picture = Image.new("RGB", (side, side), tone(rng, (0.0, 1.0), (0.0, 0.5), (0.3, 1.0)))
    draw = ImageDraw.Draw(picture)
    floor = side * rng.uniform(0.4, 0.85)
    draw.rectangle((0, floor, side, side), fill=tone(rng, (0.02, 0.4), (0.05, 0.6), (0.2, 0.8)))
    _clutter(rng, draw, side, int(rng.integers(3, 12)))
    blotches = rng.normal(230, rng.uniform(4, 20), (16, 16)).clip(0, 255).astype(np.uint8)
    noise = Image.fromarray(blotches).resize(picture.size).convert("RGB")
    blurred = picture.filter(ImageFilter.BoxBlur(rng.uniform(0, 0.03) * side))
    return ImageChops.multiply(blurred, noise)


def _clutter(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, side: int, things: int, low: float = 0.0
) -> None:
    """Draw boxes and balls: furniture, bushes, toys; none with its middle above ``low``."""
    for _ in range(things):
        x, y = side * rng.random(), side * rng.uniform(low, 1.1)
        wide, tall = side * rng.uniform(0.03, 0.25, 2)
        kind = draw.rectangle if rng.random() < 0.5 else draw.ellipse
        fill = tone(rng, (0.0, 1.0), (0.0, 0.8), (0.1, 0.95))
        kind((x - wide, y - tall, x + wide, y + tall), fill=fill)


def _darker(colour: Colour, by: float) -> Colour:
    red, green, blue = (round(by * part) for part in colour)
    return red, green, blue


def _data_set(name: str, counts: tuple[int, int], size: int, *, close_ups: float) -> DataSet:
    train, test = (
        draw_pets(count, seed, size, close_ups=close_ups)
        for count, seed in zip(counts, (TRAIN_SEED, TEST_SEED), strict=True)
    )
    return DataSet.known(name, train, test)
