"""What a user could write: a network and a data set of their own."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from badnets.data import DataSet
from tests.models.toys import build_tiny, halves


def small(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Return a small network."""
    return build_tiny(shape, num_classes)


def halved(root: Path | None, *, progress: object = None) -> DataSet:
    """Return images that are bright on one side."""
    return DataSet("own halves", halves(96, seed=1), halves(64, seed=2), "drawn", "none")
