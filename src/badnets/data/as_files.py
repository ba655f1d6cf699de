"""A data set as picture files in class folders, and such a folder with faults of known kinds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from badnets.bundles.atomic import new_folder, output_error
from badnets.core.errors import DataError
from badnets.data.dataset import DataSet, ImageSet
from badnets.data.layouts import alike, find_layout, list_pictures

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


def plant_faults(folder: Path | str) -> tuple[str, ...]:
    """Put a file of each of several faults among the training pictures; return their paths.

    They are: an empty file, one that breaks off, one that is no picture, a picture too small to
    use, a second copy of a picture, and a copy of one of another class under its own name. To see
    what `badnets.data.cleaning.examine` finds, without a folder that was spoilt by accident.

    Args:
        folder: with pictures in class folders; files are added, none is changed.

    Raises:
        DataError: it holds no pictures in classes, or fewer than two classes.
        OutputError: it cannot be written.
    """
    base = Path(folder).expanduser()
    listing = list_pictures(find_layout(base))
    first = {picture.target: picture for picture in reversed(listing.train)}
    if len(first) < 2:
        raise DataError(f"{base} has pictures of {len(first)} class: at least two are needed")
    one, other = (first[name] for name in sorted(first)[:2])
    here, there = (base / picture.path for picture in (one, other))
    whole = here.read_bytes()
    planted = {
        here.with_name(f"{one.target}.empty{here.suffix}"): b"",
        here.with_name(f"{one.target}.cut-short{here.suffix}"): whole[: len(whole) // 2],
        here.with_name(f"{one.target}.text.jpg"): b"this is no picture\n",
        here.with_name(f"{one.target}.tiny.png"): _tiny(),
        here.with_name(f"{one.target}.again{here.suffix}"): whole,
        here.with_name(f"{other.target}.elsewhere{there.suffix}"): there.read_bytes(),
    }
    for path, content in planted.items():
        try:
            path.write_bytes(content)
        except OSError as error:
            raise output_error(path, error) from None
    return tuple(sorted(path.relative_to(base).as_posix() for path in planted))


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


def _tiny() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (90, 120, 60)).save(buffer, format="PNG")
    return buffer.getvalue()


def _check_names(classes: tuple[str, ...]) -> None:
    for name in classes:
        if not name.isprintable() or name.startswith(".") or "/" in name or "\\" in name:
            raise DataError(f"the class name {name!r} cannot be the name of a folder")
    for same in alike(classes):
        raise DataError(f"the classes {' and '.join(map(repr, same))} would share a folder")
