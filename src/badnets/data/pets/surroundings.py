"""Where a pet is photographed: rooms, gardens, clutter; what stands in front of it; the light."""

from __future__ import annotations

import colorsys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from badnets.data.pets.brush import Colour
from badnets.data.pets.chance import Chance

COARSE = 96  # pixels on a side that surroundings are drawn at: they are a little out of focus


class Shadow(NamedTuple):
    """A shadow on the floor: from where to where, and how far down, in shares of the side."""

    left: float
    right: float
    floor: float


def surroundings(chance: Chance, size: int, shadow: Shadow | None) -> Image.Image:
    """Return a picture of ``size`` x ``size`` pixels without an animal, RGB."""
    place = chance.weighted({_room: 0.4, _garden: 0.35, _clutter: 0.15, _cloth: 0.1})
    picture = Image.new("RGB", (COARSE, COARSE))
    place(chance, picture)
    grid = np.clip(chance.rng.normal(232, chance.between(4, 16), (16, 16)), 0, 255)
    blotches = Image.fromarray(grid.astype(np.uint8)).resize(picture.size)
    picture = ImageChops.multiply(picture, blotches.convert("RGB"))
    if shadow is not None:
        mask = Image.new("L", picture.size)
        top, bottom = COARSE * (shadow.floor - 0.045), COARSE * (shadow.floor + 0.045)
        box = (COARSE * shadow.left, top, COARSE * shadow.right, bottom)
        ImageDraw.Draw(mask).ellipse(box, fill=150)
        soft = mask.reduce(4).resize(mask.size, Image.Resampling.BILINEAR)
        picture.paste((12, 10, 12), (0, 0), soft)
    if size > COARSE:
        picture = picture.filter(ImageFilter.GaussianBlur(0.8))
    blur = chance.weighted({1: 0.55, 3: 0.3, 6: 0.15})
    return picture.reduce(blur).resize((size, size), Image.Resampling.BILINEAR)


def in_front(chance: Chance, picture: Image.Image) -> None:
    """Paint what covers a part of a picture: grass, a board, a post, a ball or a blanket."""
    draw, side = ImageDraw.Draw(picture), picture.width
    kind = chance.one_of(("grass", "board", "post", "ball", "blanket"))
    if kind == "grass":
        high, hue = chance.between(0.1, 0.26), chance.between(0.2, 0.36)
        for _ in range(chance.whole(16, 30)):
            x, tall = side * chance.unit(), side * high * chance.between(0.5, 1.3)
            tip, wide = x + side * chance.about(0, 0.06), side * 0.014
            fill = _tone(chance, (hue, hue), (0.3, 0.7), (0.25, 0.65))
            draw.polygon((x - wide, side, tip, side - tall, x + wide, side), fill=fill)
    elif kind == "board":
        top = side * chance.between(0.74, 0.9)
        lean = side * chance.about(0, 0.06)
        corners = (0, top + lean, side, top - lean, side, side, 0, side)
        draw.polygon(corners, fill=_tone(chance, (0.0, 1.0), (0.1, 0.6), (0.3, 0.85)))
    elif kind == "post":
        x, wide = side * chance.unit(), side * chance.between(0.025, 0.08)
        fill = _tone(chance, (0.05, 0.15), (0.0, 0.6), (0.2, 0.8))
        draw.polygon((x - wide, 0, x + wide, 0, x + wide, side, x - wide, side), fill=fill)
    elif kind == "ball":
        radius = side * chance.between(0.05, 0.12)
        x, y = side * chance.unit(), side - radius * chance.between(0.4, 1.2)
        fill = _tone(chance, (0.0, 1.0), (0.5, 0.95), (0.5, 0.95))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    else:
        edge = side * chance.between(0.72, 0.88)
        points = [(side * k / 6, edge + side * chance.about(0, 0.07)) for k in range(7)]
        fill = _tone(chance, (0.0, 1.0), (0.05, 0.5), (0.35, 0.95))
        draw.polygon([(0, side), *points, (side, side)], fill=fill)


def lit(chance: Chance, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture ``(H, W, 3)`` in 0..255 brighter on one side than on the other."""
    size, strength = pixels.shape[0], chance.between(0, 0.4)
    down, along = chance.about(0, 1), chance.about(0, 1)
    ramp = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    slope = 1 + strength * (down * ramp[:, None] + along * ramp[None])
    bright: NDArray[np.float32] = pixels * slope[:, :, None].astype(np.float32)
    return bright


def _room(chance: Chance, picture: Image.Image) -> None:
    draw, floor = ImageDraw.Draw(picture), COARSE * chance.between(0.55, 0.85)
    wall = _tone(chance, (0.0, 1.0), (0.02, 0.35), (0.35, 0.95))
    draw.rectangle((0, 0, COARSE, floor), fill=wall)
    if chance.coin(0.3):  # wallpaper or panels
        other, step = _near(chance, wall), COARSE * chance.between(0.06, 0.16)
        for number in range(int(COARSE / step) + 1):
            draw.rectangle((number * step, 0, number * step + step / 2, floor), fill=other)
    if chance.coin(0.5):
        _window(chance, draw)
    ground = _tone(chance, (0.02, 0.14), (0.1, 0.6), (0.25, 0.8))
    draw.rectangle((0, floor, COARSE, COARSE), fill=ground)
    if chance.coin(0.5):  # boards
        line, step = _near(chance, ground), COARSE * chance.between(0.04, 0.09)
        for number in range(int((COARSE - floor) / step) + 1):
            y = floor + number * step
            draw.line((0, y, COARSE, y), fill=line)
    else:  # a rug
        reach = COARSE * chance.between(0.3, 0.6)
        middle = COARSE * chance.about(0.5, 0.3)
        box = (middle - reach, floor + 3, middle + reach, floor + 3 + reach * 0.6)
        draw.ellipse(box, fill=_tone(chance, (0.0, 1.0), (0.1, 0.7), (0.25, 0.8)))
    if chance.coin(0.6):
        _sofa(chance, draw, floor)


def _window(chance: Chance, draw: ImageDraw.ImageDraw) -> None:
    left, top = COARSE * chance.about(0.4, 0.5), COARSE * chance.about(0.08, 0.15)
    wide, tall = COARSE * chance.between(0.2, 0.45), COARSE * chance.between(0.2, 0.4)
    frame = _tone(chance, (0.0, 0.15), (0.0, 0.5), (0.3, 1.0))
    draw.rectangle((left, top, left + wide, top + tall), fill=frame)
    glass = _tone(chance, (0.1, 0.65), (0.0, 0.6), (0.3, 1.0))
    draw.rectangle((left + 2, top + 2, left + wide - 2, top + tall - 2), fill=glass)
    if chance.coin(0.5):
        x = left + wide / 2
        draw.line((x, top, x, top + tall), fill=frame, width=2)


def _sofa(chance: Chance, draw: ImageDraw.ImageDraw, floor: float) -> None:
    cloth = _tone(chance, (0.0, 1.0), (0.05, 0.7), (0.2, 0.85))
    left, wide = COARSE * chance.about(0.1, 0.5), COARSE * chance.between(0.4, 1.0)
    top = floor - COARSE * chance.between(0.15, 0.4)
    draw.rounded_rectangle((left, top, left + wide, floor + 8), 7, fill=cloth)
    for _ in range(chance.whole(0, 3)):
        x, half = left + wide * chance.unit(), COARSE * chance.between(0.05, 0.1)
        fill = _tone(chance, (0.0, 1.0), (0.1, 0.8), (0.3, 0.95))
        draw.rounded_rectangle((x - half, floor - 2 * half, x + half, floor + 3), 4, fill=fill)


def _garden(chance: Chance, picture: Image.Image) -> None:
    draw, horizon = ImageDraw.Draw(picture), COARSE * chance.between(0.2, 0.6)
    sky = _tone(chance, (0.52, 0.64), (0.0, 0.5), (0.65, 1.0))
    draw.rectangle((0, 0, COARSE, horizon), fill=sky)
    for _ in range(chance.whole(3, 9)):  # bushes and trees
        x, radius = COARSE * chance.unit(), COARSE * chance.between(0.08, 0.26)
        y = horizon - radius * chance.between(-0.2, 0.9)
        fill = _tone(chance, (0.18, 0.42), (0.15, 0.65), (0.15, 0.6))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    if chance.coin(0.3):  # a fence
        board, step = (
            _tone(chance, (0.04, 0.12), (0.0, 0.5), (0.3, 0.9)),
            COARSE / chance.whole(8, 16),
        )
        for number in range(17):
            x = number * step
            draw.rectangle((x, horizon - 22, x + 0.7 * step, horizon + 2), fill=board)
    hues = chance.one_of(((0.2, 0.36), (0.08, 0.14), (0.0, 1.0)))
    most = 0.15 if hues[1] == 1.0 else 0.65
    ground = _tone(chance, hues, (0.05, most), (0.25, 0.85))
    draw.rectangle((0, horizon, COARSE, COARSE), fill=ground)
    for _ in range(chance.whole(14, 36)):  # blades, leaves, stones
        x, y = COARSE * chance.unit(), horizon + (COARSE - horizon) * chance.unit()
        draw.line((x, y, x + chance.about(0, 3), y - 4), fill=_near(chance, ground))


def _clutter(chance: Chance, picture: Image.Image) -> None:
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, COARSE, COARSE), fill=_tone(chance, (0.0, 1.0), (0.0, 0.5), (0.2, 0.9)))
    for _ in range(chance.whole(12, 28)):
        x, y = COARSE * chance.unit(), COARSE * chance.unit()
        wide, tall = (COARSE * chance.between(0.03, 0.22) for _ in range(2))
        fill = _tone(chance, (0.0, 1.0), (0.0, 0.85), (0.1, 0.95))
        shape = chance.one_of((draw.rectangle, draw.ellipse))
        shape((x - wide, y - tall, x + wide, y + tall), fill=fill)


def _cloth(chance: Chance, picture: Image.Image) -> None:
    draw = ImageDraw.Draw(picture)
    ground = _tone(chance, (0.0, 1.0), (0.05, 0.6), (0.25, 0.95))
    draw.rectangle((0, 0, COARSE, COARSE), fill=ground)
    step, checked = COARSE * chance.between(0.06, 0.2), chance.coin(0.5)
    other = _near(chance, ground)
    for number in range(int(COARSE / step) + 1):
        start = number * step
        draw.rectangle((start, 0, start + step / 2, COARSE), fill=other)
        if checked:
            draw.rectangle((0, start, COARSE, start + step / 3), fill=other)


def _tone(
    chance: Chance,
    hue: tuple[float, float],
    saturation: tuple[float, float],
    value: tuple[float, float],
) -> Colour:
    """Return a colour drawn between limits of hue, saturation and brightness, each in [0, 1]."""
    drawn = (chance.between(*limits) for limits in (hue, saturation, value))
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(*drawn))
    return red, green, blue


def _near(chance: Chance, colour: Colour) -> Colour:
    by = chance.between(0.72, 1.25)
    red, green, blue = (min(255, round(part * by)) for part in colour)
    return red, green, blue
