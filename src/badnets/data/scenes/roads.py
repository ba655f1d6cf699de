"""What stands behind the signs: sky, land, a road, trees, houses, cars, and weather."""

from __future__ import annotations

import colorsys
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Pixels = NDArray[np.float32]
Colour = tuple[int, int, int]
NOISE = 640  # pixels on a side of the noise that every scene takes a window of


def background(rng: np.random.Generator, size: int) -> tuple[Image.Image, float]:
    """Return a square picture of a road, and where its horizon lies (in pixels from the top)."""
    horizon = float(rng.uniform(0.35, 0.6)) * size
    picture = _ground_and_sky(rng, size, horizon)
    draw = ImageDraw.Draw(picture)
    _far_side(rng, draw, size, horizon)
    if rng.random() < 0.85:
        _road(rng, draw, size, horizon)
    for _ in range(int(rng.integers(1, 6))):
        _tree(rng, draw, size, horizon)
    for _ in range(int(rng.integers(0, 3))):
        _car(rng, draw, size, horizon)
    return picture, horizon


def weathered(rng: np.random.Generator, pixels: Pixels) -> NDArray[np.uint8]:
    """Return a scene under a light, through a lens and on a sensor: ``(H, W, 3)`` in 0..255."""
    size = pixels.shape[0]
    exposure = np.exp(rng.normal(0, 0.22))
    cast = np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    haze = float(rng.uniform(0, 0.25)) if rng.random() < 0.3 else 0.0
    level = pixels * (np.float32(exposure * (1 - haze)) * cast) + np.float32(200 * haze)
    y, x = rng.integers(0, NOISE - size + 1, 2) if size < NOISE else (0, 0)
    grain = _noise()[y : y + size, x : x + size]
    if grain.shape[0] < size:
        grain = np.tile(grain, (-(-size // NOISE), -(-size // NOISE), 1))[:size, :size]
    level += grain * np.float32(rng.uniform(0.5, 7))
    return np.clip(level, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _noise() -> Pixels:
    noise = np.random.default_rng(0).standard_normal((NOISE, NOISE, 3), dtype=np.float32)
    return noise


def _ground_and_sky(rng: np.random.Generator, size: int, horizon: float) -> Image.Image:
    """Return sky above and land below, both shaded and blotched."""
    sky = tone(rng, (0.52, 0.66), (0.0, 0.55), (0.55, 1.0))
    land = tone(rng, (0.08, 0.38), (0.05, 0.5), (0.25, 0.6))
    grid = 24
    rows = (np.arange(grid) + 0.5) * size / grid
    above = (rows < horizon)[:, None]
    fade = np.where(above[:, 0], 0.75 + 0.35 * rows / horizon, 0.7 + 0.4 * rows / size)
    coarse = np.where(above, np.array(sky), np.array(land)) * fade[:, None]
    blotches = rng.normal(0, rng.uniform(3, 22), (grid, grid, 1))
    blotches = blotches + rng.normal(0, rng.uniform(1, 7), (grid, grid, 3))
    picture = np.clip(coarse[:, None] + blotches, 0, 255).astype(np.uint8)
    return Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC)


def _far_side(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: int, horizon: float
) -> None:
    if rng.random() < 0.5:
        heights = horizon - rng.uniform(0.02, 0.3) * size * rng.random(12) ** 0.7
        points = [(k * size / 11, float(y)) for k, y in enumerate(heights)]
        fill = tone(rng, (0.2, 0.45), (0.1, 0.5), (0.12, 0.45))
        draw.polygon([(0, horizon + 2), *points, (size, horizon + 2)], fill=fill)
        return
    left = -float(rng.uniform(0, 0.2)) * size
    while left < size:
        width, height = rng.uniform(0.12, 0.4) * size, rng.uniform(0.12, 0.5) * size
        wall = tone(rng, (0.0, 0.15), (0.02, 0.5), (0.25, 0.85))
        top = horizon - height
        draw.rectangle((left, top, left + width, horizon + 2), fill=wall)
        glass = tone(rng, (0.5, 0.65), (0.0, 0.4), (0.1, 0.7))
        step = float(rng.uniform(0.04, 0.08)) * size
        for x in np.arange(left + step / 2, left + width - step / 2, step):
            for y in np.arange(top + step / 2, horizon - step, step):
                draw.rectangle((x, y, x + step / 2, y + step / 2), fill=glass)
        left += width + (rng.uniform(0, 0.1) * size if rng.random() < 0.4 else 0)


def _road(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: int, horizon: float) -> None:
    goal, near = rng.uniform(0.2, 0.8) * size, rng.uniform(0.2, 0.8) * size
    width = rng.uniform(0.35, 0.9) * size
    grey = tone(rng, (0.55, 0.7), (0.0, 0.12), (0.2, 0.6))
    far = [(goal - 2, horizon), (goal + 2, horizon)]
    draw.polygon([*far, (near + width, size), (near - width, size)], fill=grey)
    line = tone(rng, (0.1, 0.16), (0.0, 0.7), (0.7, 0.95))
    for start in np.arange(0.05, 1, 0.19):
        quad = []
        for depth, sides in ((start, (-1, 1)), (min(1, start + 0.1), (1, -1))):
            x, y = goal + (near - goal) * depth, horizon + (size - horizon) * depth
            quad += [(x + side * 0.02 * width * depth, y) for side in sides]
        draw.polygon(quad, fill=line)


def _tree(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: int, horizon: float) -> None:
    x, foot = rng.uniform(0, 1) * size, horizon + rng.uniform(0, 0.2) * size
    tall = rng.uniform(0.15, 0.6) * size
    trunk = tone(rng, (0.05, 0.1), (0.2, 0.5), (0.12, 0.4))
    draw.line((x, foot, x, foot - tall), fill=trunk, width=max(1, round(0.03 * tall)))
    for _ in range(int(rng.integers(4, 10))):
        radius = rng.uniform(0.08, 0.2) * tall
        blob_x, blob_y = x + rng.normal(0, 0.16) * tall, foot - tall * rng.uniform(0.55, 1.05)
        leaf = tone(rng, (0.15, 0.4), (0.15, 0.6), (0.12, 0.55))
        draw.ellipse((blob_x - radius, blob_y - radius, blob_x + radius, blob_y + radius), leaf)


def _car(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: int, horizon: float) -> None:
    depth = rng.uniform(0.15, 0.6)
    x, y = rng.uniform(0.1, 0.9) * size, horizon + depth * (size - horizon)
    wide = 0.35 * depth * size
    paint = tone(rng, (0.0, 1.0), (0.0, 0.8), (0.1, 0.9))
    draw.rectangle((x - wide / 2, y - 0.45 * wide, x + wide / 2, y), fill=paint)
    draw.rectangle((x - 0.38 * wide, y - 0.8 * wide, x + 0.38 * wide, y - 0.45 * wide), fill=paint)
    draw.rectangle(
        (x - 0.32 * wide, y - 0.74 * wide, x + 0.32 * wide, y - 0.48 * wide), fill=(40, 48, 58)
    )
    for side in (-1, 1):
        lamp = x + side * 0.4 * wide
        draw.ellipse((lamp - 0.07 * wide, y - 0.36 * wide, lamp + 0.07 * wide, y - 0.22 * wide),
                     fill=(190, 30, 30))  # fmt: skip


def tone(
    rng: np.random.Generator,
    hue: tuple[float, float],
    saturation: tuple[float, float],
    value: tuple[float, float],
) -> Colour:
    """Return a colour drawn between limits of hue, saturation and brightness, each in [0, 1]."""
    drawn = (float(rng.uniform(*limits)) for limits in (hue, saturation, value))
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(*drawn))
    return red, green, blue
