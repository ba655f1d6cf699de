"""A data set as picture files in class folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from badnets.bundles.atomic import new_folder
from badnets.core.errors import DataError
from badnets.data.dataset import DataSet, ImageSet
from badnets.data.layouts import alike

PARTS = ("train", "validation")


def write_pictures(data: DataSet, folder: Path | str) -> Path:
    """Write a data set as PNG files and return the folder: ``train/cat/cat.0.png`` and so on.

    The folders ``train`` and ``validation`` have one for each class; `load_folder` reads the same
    images back, in the order of the files' names.

    Args:
        data: what to write.
        folder: a new one.

    Raises:
        DataError: a class name cannot be a folder's.
        OutputError: the folder is there already, or cannot be written.
    """
    path = Path(folder).expanduser()
    _check_names(data.classes)
    with new_folder(path) as partial:
        for part, images in zip(PARTS, (data.train, data.test), strict=True):
            _write_part(images, partial / part)
    return path


def _write_part(images: ImageSet, folder: Path) -> None:
    digits = len(str(len(images)))
    for name in images.classes:
        (folder / name).mkdir(parents=True)
    numbers = [0] * images.num_classes
    for row, label in enumerate(images.labels.tolist()):
        name, number = images.classes[label], numbers[label]
        numbers[label] += 1
        pixels = images.stored[row : row + 1][0].cpu().numpy()
        picture = Image.fromarray(np.ascontiguousarray(_channels_last(pixels)))
        picture.save(folder / name / f"{name}.{number:0{digits}}.png", format="PNG")


def _channels_last(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)


def _check_names(classes: tuple[str, ...]) -> None:
    for name in classes:
        if name.startswith(".") or "/" in name or "\\" in name:
            raise DataError(f"the class name {name!r} cannot be the name of a folder")
    for same in alike(classes):
        raise DataError(f"the classes {' and '.join(map(repr, same))} would share a folder")
