"""Photos of cats and dogs: the Asirra set in any of its usual layouts, and the Oxford pets.

References:
    Elson, Douceur, Howell, Saul, "Asirra: A CAPTCHA that Exploits Interest-Aligned Manual Image
    Categorization", CCS 2007.
    Parkhi, Vedaldi, Zisserman, Jawahar, "Cats and Dogs", CVPR 2012.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Literal, get_args

from badnets.core.errors import DataError, SettingError
from badnets.core.roots import data_root
from badnets.data.annotations import text_lines
from badnets.data.catalogue import DATASETS
from badnets.data.dataset import DataSet
from badnets.data.download import Progress
from badnets.data.folder import SIZE, About, PartFiles, load_folder, read_data_set
from badnets.data.layouts import find_layout

OXFORD_FOLDER = "oxford-iiit-pet"
SPECIES = ("cat", "dog")

By = Literal["species", "breed"]


def load_dogs_vs_cats(
    root: Path | None = None, *, size: int = SIZE, progress: Progress | None = None
) -> DataSet:
    """Return the photos of cats and dogs, classes ``cat`` and ``dog``.

    The folder ``dogs_vs_cats`` (or ``dogs-vs-cats``, ``cats_and_dogs_filtered``, ``PetImages``) of
    the data root holds them in any layout that `load_folder` reads: Kaggle's ``train/cat.0.jpg``,
    ``Cat`` and ``Dog``, ``train/cats`` and ``validation/cats``.

    Args:
        root: the data root; see `badnets.core.roots.data_root`.
        size: side of the images in pixels.
        progress: ignored, nothing is downloaded.

    Raises:
        DataError: the set is missing or damaged, or has other classes.
    """
    base = data_root(root)
    entry = DATASETS["dogs-vs-cats"]
    folder = entry.folder_in(base)
    if folder is None:
        needs = f"a folder {entry.kept_in[0]!r} of them (any folder is read as folder:PATH)"
        raise entry.missing_from(base, needs)
    found = find_layout(folder).classes
    called = {name: name.casefold().removesuffix("s") for name in found}
    if tuple(called.values()) != SPECIES:
        raise DataError(f"{folder} has the classes {', '.join(found)}, wanted are cat and dog")
    return load_folder(folder, size, about=About.of("dogs-vs-cats"), classes=called)


def load_oxford_pets(
    root: Path | None = None,
    *,
    size: int = SIZE,
    by: By = "species",
    progress: Progress | None = None,
) -> DataSet:
    """Return the Oxford-IIIT pets, by species or by breed, split as published.

    The folder ``oxford-iiit-pet`` of the data root is in torchvision's layout; where it is missing,
    torchvision downloads it (800 MB).

    Args:
        root: the data root; see `badnets.core.roots.data_root`.
        size: side of the images in pixels.
        by: ``"species"``: cat and dog; ``"breed"``: 37 of them.
        progress: ignored, torchvision shows its own.

    Raises:
        DataError: the set is damaged, or missing and not to be had.
        SettingError: ``by`` is neither.
    """
    if by not in get_args(By):
        raise SettingError(f"by must be one of {', '.join(get_args(By))}, got {by!r}")
    base = data_root(root)
    folder = base / OXFORD_FOLDER
    if not (folder / "annotations").is_dir() or not (folder / "images").is_dir():
        _download(base)
    rows = [_rows(folder / "annotations" / f"{part}.txt") for part in ("trainval", "test")]
    breeds = {breed: name for part in rows for name, breed, _ in part}
    order = sorted(breeds)
    if by == "breed":
        classes = tuple(breeds[breed].rpartition("_")[0].replace("_", " ") for breed in order)
    else:
        classes = SPECIES
    train, test = (
        PartFiles(
            [f"images/{name}.jpg" for name, _, _ in part],
            [order.index(breed) if by == "breed" else species - 1 for _, breed, species in part],
        )
        for part in rows
    )
    about = About.of("oxford-breeds" if by == "breed" else "oxford-pets")
    return read_data_set(about, folder, (train, test), classes, size)


def _download(base: Path) -> None:
    from torchvision.datasets import OxfordIIITPet

    try:
        with contextlib.redirect_stdout(sys.stderr):
            OxfordIIITPet(str(base), download=True)
    except (OSError, RuntimeError) as error:
        missing = DATASETS["oxford-pets"].missing_from(base, f"the folder {OXFORD_FOLDER}")
        raise DataError(f"{missing}; it cannot be downloaded ({error})") from error


def _rows(path: Path) -> list[tuple[str, int, int]]:
    """Return the name, breed (from 1) and species (1 cat, 2 dog) of each picture of a part."""
    rows = []
    for _, text, where in text_lines(path):
        if text.startswith("#"):
            continue
        fields = text.split()
        name = fields[0]
        if len(fields) != 4 or "/" in name or not all(field.isdecimal() for field in fields[1:]):
            raise DataError(f"{where}: want a name and three numbers, got {text!r}")
        breed, species = int(fields[1]), int(fields[2])
        if breed < 1 or species not in (1, 2):
            raise DataError(f"{where}: want a breed from 1 and a species of 1 or 2, got {text!r}")
        rows.append((name, breed, species))
    return rows
