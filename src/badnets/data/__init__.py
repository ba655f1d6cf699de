"""Where images come from: data sets by name, as 8-bit images with labels and class names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.data.catalogue import DATASETS, Entry, load, load_detection
    from badnets.data.dataset import DataSet, ImageSet
    from badnets.data.detection import DetectionData, FrameSet
    from badnets.data.poisoned import PoisonedFrames, poison_frames
    from badnets.data.roots import data_root

__all__ = [
    "DATASETS",
    "DataSet",
    "DetectionData",
    "Entry",
    "FrameSet",
    "ImageSet",
    "PoisonedFrames",
    "data_root",
    "load",
    "load_detection",
    "poison_frames",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "DATASETS": ".catalogue",
        "DataSet": ".dataset",
        "DetectionData": ".detection",
        "Entry": ".catalogue",
        "FrameSet": ".detection",
        "ImageSet": ".dataset",
        "PoisonedFrames": ".poisoned",
        "data_root": ".roots",
        "load": ".catalogue",
        "load_detection": ".catalogue",
        "poison_frames": ".poisoned",
    },
)
