"""Where images come from: data sets by name, as 8-bit images with labels and class names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.core.roots import data_root
    from badnets.data.as_files import plant_faults, write_pictures
    from badnets.data.catalogue import DATASETS, Entry, entry_of, load, load_detection
    from badnets.data.cleaning import Examination, examine
    from badnets.data.dataset import DataSet, ImageSet
    from badnets.data.detection import DetectionData, FrameSet
    from badnets.data.folder import load_folder
    from badnets.data.poisoned import PoisonedFrames, poison_frames

__all__ = [
    "DATASETS",
    "DataSet",
    "DetectionData",
    "Entry",
    "Examination",
    "FrameSet",
    "ImageSet",
    "PoisonedFrames",
    "data_root",
    "entry_of",
    "examine",
    "load",
    "load_detection",
    "load_folder",
    "plant_faults",
    "poison_frames",
    "write_pictures",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "DATASETS": ".catalogue",
        "DataSet": ".dataset",
        "DetectionData": ".detection",
        "Entry": ".catalogue",
        "Examination": ".cleaning",
        "FrameSet": ".detection",
        "ImageSet": ".dataset",
        "PoisonedFrames": ".poisoned",
        "data_root": "..core.roots",
        "entry_of": ".catalogue",
        "examine": ".cleaning",
        "load": ".catalogue",
        "load_detection": ".catalogue",
        "load_folder": ".folder",
        "plant_faults": ".as_files",
        "poison_frames": ".poisoned",
        "write_pictures": ".as_files",
    },
)
