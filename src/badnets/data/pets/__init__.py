"""Drawn cats and dogs: an embedded stand-in for photographs, seeded, as many as are asked for."""

from __future__ import annotations

from pathlib import Path

from badnets.data.dataset import DataSet
from badnets.data.download import Progress
from badnets.data.pets.drawing import SIZE, draw_pet, draw_pets

NAME = "pets-drawn"
SOURCE = "drawn by badnets, a stand-in for photographs of cats and dogs"
LICENCE = "Apache-2.0"
TRAIN, TEST = 3_000, 500
TRAIN_SEED, TEST_SEED = 0, 1
SMALL, FEW = 32, (600, 200)  # pixels on a side, and how many to train on and to test on
CLOSE_UP = {"close-up": 1.0}

__all__ = ["draw_pet", "draw_pets", "drawn", "load", "load_small"]


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


def drawn(train: int, test: int, *, size: int = SIZE) -> DataSet:
    """Return as many drawn cats and dogs, by turns; a smaller set is the beginning of a larger one.

    Args:
        train: images to train on, ``>= 2``.
        test: images to test on, ``>= 2``; other ones than those to train on.
        size: pixels on a side, in 32..512.

    Raises:
        SettingError: an argument is outside its range.
    """
    parts = draw_pets(train, TRAIN_SEED, size), draw_pets(test, TEST_SEED, size)
    return DataSet(NAME, *parts, SOURCE, LICENCE)


def load_small(root: Path | None = None, *, progress: Progress | None = None) -> DataSet:
    """Return few and small pictures of heads alone: a network learns them within seconds.

    Args:
        root: ignored, the set is embedded.
        progress: ignored.
    """
    train, test = (
        draw_pets(count, seed, SMALL, poses=CLOSE_UP)
        for count, seed in zip(FEW, (TRAIN_SEED, TEST_SEED), strict=True)
    )
    return DataSet("pets-small", train, test, SOURCE, LICENCE)
