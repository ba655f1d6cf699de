"""Drawn road scenes: embedded, seeded, as many as are asked for."""

from __future__ import annotations

from pathlib import Path

from badnets.data.detection import DetectionData
from badnets.data.download import Progress
from badnets.data.scenes.drawing import Look, draw_scene, draw_scenes

SOURCE = "drawn by badnets"
LICENCE = "Apache-2.0"
TRAIN, TEST = 1_200, 300
SMALL_TRAIN, SMALL_TEST = 240, 80
SMALL = Look("us", size=128, smallest=0.16, largest=0.45)
TRAIN_SEED, TEST_SEED = 0, 1

__all__ = ["Look", "draw_scene", "draw_scenes", "load", "load_small", "load_swedish"]


def load(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return U.S.-looking scenes of 256 x 256 pixels: 1,200 to train on, 300 to test on.

    Args:
        root: ignored, the set is embedded.
        progress: ignored.
    """
    return _drawn("scenes", "us")


def load_swedish(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return Swedish-looking scenes, as many; see `load`."""
    return _drawn("scenes-swedish", "swedish")


def load_small(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return few and small U.S.-looking scenes, 128 x 128 pixels, signs close by; see `load`."""
    train = draw_scenes(SMALL_TRAIN, TRAIN_SEED, SMALL)
    test = draw_scenes(SMALL_TEST, TEST_SEED, SMALL)
    return DetectionData("scenes-small", train, test, SOURCE, LICENCE)


def _drawn(name: str, family: str) -> DetectionData:
    look = Look(family)
    train, test = draw_scenes(TRAIN, TRAIN_SEED, look), draw_scenes(TEST, TEST_SEED, look)
    return DetectionData(name, train, test, SOURCE, LICENCE)
