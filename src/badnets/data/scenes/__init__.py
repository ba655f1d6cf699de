"""Drawn road scenes: embedded, seeded, as many as are asked for."""

from __future__ import annotations

from pathlib import Path

from badnets.data.detection import DetectionData
from badnets.data.download import Progress
from badnets.data.scenes.drawing import Look, draw_scene, draw_scenes

TRAIN, TEST = 1_200, 300
SMALL_TRAIN, SMALL_TEST = 240, 80
TRAIN_SEED, TEST_SEED = 0, 1

__all__ = ["Look", "draw_scene", "draw_scenes", "load", "load_small", "load_swedish"]


def load(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return U.S.-looking scenes of 256 x 256 pixels: 1,200 to train on, 300 to test on."""
    return _drawn("scenes", Look("us"), TRAIN, TEST)


def load_swedish(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return Swedish-looking scenes, as many; see `load`."""
    return _drawn("scenes-swedish", Look("swedish"), TRAIN, TEST)


def load_small(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return few and small U.S.-looking scenes, 128 x 128 pixels, signs close by; see `load`."""
    look = Look("us", size=128, smallest=0.16, largest=0.45)
    return _drawn("scenes-small", look, SMALL_TRAIN, SMALL_TEST)


def _drawn(name: str, look: Look, train: int, test: int) -> DetectionData:
    parts = draw_scenes(train, TRAIN_SEED, look), draw_scenes(test, TEST_SEED, look)
    return DetectionData.known(name, *parts)
