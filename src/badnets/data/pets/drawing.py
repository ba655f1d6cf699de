"""Cats and dogs, drawn from a seed: as many as are asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from badnets.core.errors import SettingError
from badnets.data.dataset import ImageSet
from badnets.data.pets.bodies import KINDS, POSES
from badnets.data.pets.brush import Figure, Frame
from badnets.data.pets.chance import Chance
from badnets.data.pets.coats import coat
from badnets.data.pets.surroundings import Shadow, in_front, lit, surroundings
from badnets.data.scenes.roads import weathered

CLASSES = tuple(KINDS)
SIZE = 64
SMALLEST, LARGEST = 32, 512
FINER = 2  # how many times larger than wanted a small picture is drawn
CANVAS = 512  # larger pictures are not drawn larger than this, unless they are
POSE_SHARES = {"sitting": 0.34, "close-up": 0.38, "standing": 0.2, "lying": 0.08}


def draw_pets(
    count: int, seed: int, size: int = SIZE, *, poses: Mapping[str, float] = POSE_SHARES
) -> ImageSet:
    """Return drawn pets, by turns a cat and a dog; each depends on the seed and its number alone.

    Args:
        count: how many, ``>= 2``: one of each kind.
        seed: which, ``>= 0``.
        size: pixels on a side, in 32..512.
        poses: how often each is drawn.

    Raises:
        SettingError: an argument is outside its range.
    """
    if count < len(CLASSES):
        raise SettingError(f"count must be >= {len(CLASSES)}, got {count}")
    drawn = np.stack([draw_pet(seed, number, size, poses=poses) for number in range(count)])
    images = torch.from_numpy(drawn).permute(0, 3, 1, 2).contiguous()
    return ImageSet(images, torch.arange(count) % len(CLASSES), CLASSES)


def draw_pet(
    seed: int, number: int, size: int = SIZE, *, poses: Mapping[str, float] = POSE_SHARES
) -> NDArray[np.uint8]:
    """Return one pet, ``(size, size, 3)`` uint8: a cat where the number is even, else a dog.

    Raises:
        SettingError: an argument is outside its range.
    """
    if seed < 0 or number < 0:
        raise SettingError(f"seed and number must be >= 0, got {seed} and {number}")
    if not SMALLEST <= size <= LARGEST:
        raise SettingError(f"size must be in {SMALLEST}..{LARGEST} pixels, got {size}")
    chance = Chance(seed, number)
    small = _posed(chance, CLASSES[number % len(CLASSES)], chance.weighted(poses), size)
    if chance.coin(0.5):
        small = small.filter(ImageFilter.GaussianBlur(chance.between(0.2, 0.9) * size / SIZE))
    return weathered(chance.rng, lit(chance, np.asarray(small, dtype=np.float32)))


def _posed(chance: Chance, name: str, pose: str, size: int) -> Image.Image:
    """Return an animal of a kind in its surroundings, RGB, as no lens or sensor has seen it."""
    kind = KINDS[name]
    mirror, turn, shadow = chance.coin(0.5), chance.about(0, 0.12), None
    if pose == "sitting":
        unit = chance.between(0.15, 0.22)
        x, y = chance.about(0.5, 0.14), chance.about(0.88, 0.08) - 3.0 * unit
        shadow = Shadow(x - 1.2 * unit, x + 1.2 * unit, y + 3.05 * unit)
    elif pose == "close-up":
        unit = chance.between(0.24, 0.38)
        x, y = chance.about(0.5, 0.16), chance.between(1.2, 1.75) * unit
    else:
        unit = chance.between(0.17, 0.23)
        x = 0.5 + chance.about(-0.3 if mirror else 0.3, 0.6) * unit
        y = chance.about(0.52 if pose == "standing" else 0.62, 0.1)
        floor = 2.1 if pose == "standing" else 1.0
        back, front = (1.4, 2.6) if mirror else (2.6, 1.4)
        shadow = Shadow(x - back * unit, x + front * unit, min(0.98, y + floor * unit))
    finer = min(FINER, max(1, CANVAS // size))
    side = finer * size
    # every pixel becomes a square of pixels here, and `Figure.finish` makes them one again
    picture = surroundings(chance, size, shadow).resize((side, side), Image.Resampling.NEAREST)
    frame = Frame.of(x * side, y * side, unit * side, turn, mirror)
    figure = Figure(picture, coat(chance, side, kind.patterns), frame, finer)
    POSES[pose](figure, chance, kind)
    posed = figure.finish()
    if chance.coin(0.3):
        covering = Image.new("RGBA", (side, side))
        in_front(chance, covering)
        near = covering.reduce(finer)
        posed.paste(near, (0, 0), near)
    return posed
