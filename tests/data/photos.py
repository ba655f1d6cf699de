"""Small folders of pictures, made of noise about a colour for each class."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"cat": (200, 60, 40), "dog": (40, 80, 200), "cow": (60, 180, 60)}


def picture(name: str, seed: int, size: tuple[int, int] = (24, 20)) -> Image.Image:
    """Return a picture, ``size`` being width and height, that no other seed gives."""
    drawn = np.random.default_rng([seed, *name.encode()])
    colour = next((own for kind, own in COLOURS.items() if kind in name.lower()), (128, 128, 128))
    coarse = np.clip(drawn.normal(colour, 40, (5, 6, 3)), 0, 255).astype(np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def fill(folder: Path, count: int, kind: str = "cat", suffix: str = ".png", first: int = 0) -> None:
    """Write ``count`` pictures of one class: ``0.png``, ``1.png``, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        picture(kind, number).save(folder / f"{number}{suffix}")


def classes(folder: Path, counts: dict[str, int], suffix: str = ".png", first: int = 0) -> Path:
    """Write a folder for each class, and return the folder around them."""
    for name, count in counts.items():
        fill(folder / name, count, name, suffix, first)
    return folder


def split(folder: Path, counts: dict[str, int], parts: Iterable[str] = ("train", "val")) -> Path:
    """Write a folder for each part with one for each class in it; return the one around them."""
    for number, part in enumerate(parts):
        classes(folder / part, counts, first=1000 * number)
    return folder
