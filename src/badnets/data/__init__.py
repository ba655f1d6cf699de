"""Where images come from: data sets by name, as 8-bit images with labels and class names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.core.roots import data_root as data_root
    from badnets.data.as_files import write_pictures as write_pictures
    from badnets.data.catalogue import DATASETS as DATASETS
    from badnets.data.catalogue import Entry as Entry
    from badnets.data.catalogue import entry_of as entry_of
    from badnets.data.catalogue import load as load
    from badnets.data.catalogue import load_detection as load_detection
    from badnets.data.cleaning import Examination as Examination
    from badnets.data.cleaning import examine as examine
    from badnets.data.dataset import DataSet as DataSet
    from badnets.data.dataset import ImageSet as ImageSet
    from badnets.data.detection import DetectionData as DetectionData
    from badnets.data.detection import FrameSet as FrameSet
    from badnets.data.folder import load_folder as load_folder
    from badnets.data.poisoned import PoisonedFrames as PoisonedFrames
    from badnets.data.poisoned import poison_frames as poison_frames

__getattr__, __dir__, __all__ = exports(__name__)
