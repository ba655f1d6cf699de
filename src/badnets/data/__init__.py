"""Where images come from: data sets by name, as 8-bit images with labels and class names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.data.catalogue import DATASETS, Entry, load
    from badnets.data.dataset import DataSet, ImageSet
    from badnets.data.roots import data_root

__all__ = ["DATASETS", "DataSet", "Entry", "ImageSet", "data_root", "load"]

__getattr__, __dir__ = exports(
    __name__,
    {
        "DATASETS": ".catalogue",
        "DataSet": ".dataset",
        "Entry": ".catalogue",
        "ImageSet": ".dataset",
        "data_root": ".roots",
        "load": ".catalogue",
    },
)
