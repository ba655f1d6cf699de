"""The images that are measured with: MNIST where it is, images of its shape where it is not."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from badnets.data import DataSet, ImageSet, data_root, load
from badnets.data.mnist import FOLDER, UNPACKED

TRAIN, TEST = 60_000, 10_000


@dataclass(frozen=True, eq=False)
class Images:
    """A data set of MNIST's shape and size.

    Attributes:
        data: MNIST, or the embedded digits over and over.
        real: whether it is MNIST.
    """

    data: DataSet
    real: bool

    @property
    def note(self) -> str:
        """What a reader has to know of it; empty for MNIST."""
        return "" if self.real else "digits repeated to MNIST's size, MNIST was not found"

    def with_note(self, note: str) -> str:
        """Return ``note`` followed by this one."""
        return "; ".join(part for part in (note, self.note) if part)


def mnist_is_here() -> bool:
    """Return whether all of MNIST lies under the data root; nothing is downloaded for a figure."""
    folder = data_root() / FOLDER
    return all((folder / name).is_file() or (folder / f"{name}.gz").is_file() for name in UNPACKED)


def mnist_like(count: int = TRAIN) -> Images:
    """Return ``count`` training images (and a test set) of MNIST's shape.

    Raises:
        DataError: MNIST is there, but damaged.
    """
    if mnist_is_here():
        found = load("mnist")
        return Images(_first(found, count, len(found.test)), real=True)
    return Images(_first(load("digits"), count, TEST), real=False)


def name_and_note() -> tuple[str, str]:
    """Return the name of the data set for trials, with what a reader has to know of it."""
    if mnist_is_here():
        return "mnist", ""
    return "digits", "the embedded digits, MNIST was not found"


def _first(data: DataSet, train: int, test: int) -> DataSet:
    return DataSet(
        data.name,
        _repeated(data.train, train),
        _repeated(data.test, test),
        data.source,
        data.licence,
    )


def _repeated(images: ImageSet, count: int) -> ImageSet:
    return images if len(images) == count else images.take(torch.arange(count) % len(images))
