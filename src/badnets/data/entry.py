"""What is known of a data set before it is loaded."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from badnets.data.dataset import DataSet
    from badnets.data.detection import DetectionData
    from badnets.data.download import Progress

Task = Literal["classification", "detection"]


@dataclass(frozen=True)
class Entry:
    """What is known of a data set before it is loaded.

    Args:
        title: its name in prose.
        loader: a function ``(root, *, progress)`` that returns the set, or where one is:
            ``"module:name"``.
        shape: ``(C, H, W)`` of one image; None where they differ.
        classes: how many; None where only reading it tells.
        train: how many training images; None where that depends on the copy.
        test: how many test images.
        licence: under which terms.
        where: the address of its home.
        description: one sentence.
        embedded: whether it needs no file and no network.
        downloads: whether its loader can fetch it.
        task: what it is labelled for: a class for each image, or boxes.
        any_size: whether its images can be had at any size, as ``NAME@SIZE``.
        settings: what the loader is called with besides, by name.
    """

    title: str
    loader: str | Callable[..., DataSet | DetectionData]
    shape: tuple[int, int, int] | None
    classes: int | None
    train: int | None
    test: int | None
    licence: str
    where: str
    description: str
    embedded: bool = False
    downloads: bool = False
    task: Task = "classification"
    any_size: bool = False
    settings: tuple[tuple[str, int | str], ...] = ()

    def at(self, size: int) -> Entry:
        """Return the entry of the same set with square RGB images of side ``size``, in pixels."""
        settings = tuple({**dict(self.settings), "size": size}.items())
        return replace(self, shape=(3, size, size), settings=settings)

    def load(
        self, root: Path | None = None, *, progress: Progress | None = None
    ) -> DataSet | DetectionData:
        """Return the data set, read from below ``root`` (the usual data root if None).

        Raises:
            DataError: it is missing or damaged.
        """
        if callable(self.loader):
            return self.loader(root, progress=progress, **dict(self.settings))
        module, _, name = self.loader.partition(":")
        loader: Any = getattr(importlib.import_module(module), name)
        loaded: DataSet | DetectionData = loader(root, progress=progress, **dict(self.settings))
        return loaded
