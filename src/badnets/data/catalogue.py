"""Data sets by name: one plain dict. A new data set is one module and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from badnets.core.lookup import find
from badnets.data.roots import data_root

if TYPE_CHECKING:
    from badnets.data.dataset import DataSet
    from badnets.data.download import Progress


@dataclass(frozen=True)
class Entry:
    """What is known of a data set before it is loaded.

    Args:
        title: its name in prose.
        loader: a function ``(root, *, progress) -> DataSet``, or where one is: ``"module:name"``.
        shape: ``(C, H, W)`` of one image.
        classes: how many.
        train: how many training images.
        test: how many test images.
        licence: under which terms.
        where: the address of its home.
        description: one sentence.
        embedded: whether it needs no file and no network.
    """

    title: str
    loader: str | Callable[..., DataSet]
    shape: tuple[int, int, int]
    classes: int
    train: int
    test: int
    licence: str
    where: str
    description: str
    embedded: bool = False

    def load(self, root: Path | None = None, *, progress: Progress | None = None) -> DataSet:
        """Return the data set, read from below ``root`` (the usual data root if None).

        Raises:
            DataError: it is missing or damaged.
        """
        if callable(self.loader):
            return self.loader(root, progress=progress)
        module, _, name = self.loader.partition(":")
        loader: Any = getattr(importlib.import_module(module), name)
        loaded: DataSet = loader(root, progress=progress)
        return loaded


DATASETS: dict[str, Entry] = {
    "mnist": Entry(
        title="MNIST handwritten digits",
        loader="badnets.data.mnist:load",
        shape=(1, 28, 28),
        classes=10,
        train=60_000,
        test=10_000,
        licence="CC BY-SA 3.0 (as usually stated)",
        where="http://yann.lecun.com/exdb/mnist/",
        description="Grey handwritten digits, from the four original files.",
    ),
    "digits": Entry(
        title="Scikit-learn's handwritten digits",
        loader="badnets.data.digits:load",
        shape=(1, 28, 28),
        classes=10,
        train=1_297,
        test=500,
        licence="CC BY 4.0",
        where="https://doi.org/10.24432/C50P49",
        description="Small handwritten digits, enlarged from 8 x 8 pixels to MNIST's size.",
        embedded=True,
    ),
}

_loaded: dict[tuple[str, Path | None], tuple[Entry, DataSet]] = {}


def load(name: str, root: Path | str | None = None, *, progress: Progress | None = None) -> DataSet:
    """Return the data set ``name``; a second call in the same process returns the same object.

    Args:
        name: a key of ``DATASETS``.
        root: the data root; see `badnets.data.roots.data_root`.
        progress: told of every downloaded chunk: bytes so far, bytes in all.

    Raises:
        UnknownNameError: there is no such data set; names the nearest.
        DataError: it is missing or damaged; says where to get it. No other set takes its place.
        OutputError: a download could not be written.
    """
    entry = find(DATASETS, name, "data set")
    folder = None if entry.embedded else data_root(root)
    known = _loaded.get((name, folder))
    if known is None or known[0] is not entry:
        known = _loaded[name, folder] = (entry, entry.load(folder, progress=progress))
    return known[1]
