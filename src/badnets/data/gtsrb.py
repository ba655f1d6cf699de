"""GTSRB, cut-out German traffic signs, in torchvision's layout.

References:
    Stallkamp, Schlipsing, Salmen, Igel, "Man vs. computer: Benchmarking machine learning
    algorithms for traffic sign recognition", Neural Networks 32, 2012.
"""

from __future__ import annotations

import re
from pathlib import Path

from badnets.core.errors import DataError
from badnets.core.roots import data_root
from badnets.data.annotations import table
from badnets.data.catalogue import DATASETS
from badnets.data.dataset import DataSet
from badnets.data.download import Progress
from badnets.data.folder import About, PartFiles, read_data_set

SIZE = 32
CLASSES = DATASETS["gtsrb"].names
"""What the 43 class numbers stand for."""

_TRACK = re.compile(r"(?P<track>\d+)_\d+\.ppm")


def load(
    root: Path | None = None, *, size: int = SIZE, progress: Progress | None = None
) -> DataSet:
    """Return GTSRB, split as published, 43 classes.

    The folder ``gtsrb`` of the data root is in torchvision's layout: ``GTSRB/Training/00000`` to
    ``00042``, ``GTSRB/Final_Test/Images`` and ``GT-final_test.csv``. The training files
    ``XXXXX_YYYYY.ppm`` of one class and one number X are frames of one sign, seen from a car that
    comes nearer: they are one group, so what is held back of the training part shows other signs.

    Args:
        root: the data root; see `badnets.core.roots.data_root`.
        size: side of the images in pixels.
        progress: ignored, nothing is downloaded.

    Raises:
        DataError: the set is missing or damaged.
    """
    base = data_root(root) / "gtsrb"
    written = base / "GT-final_test.csv"
    if not (base / "GTSRB" / "Training").is_dir() or not written.is_file():
        needs = (
            "gtsrb/GTSRB/Training, gtsrb/GTSRB/Final_Test/Images and gtsrb/GT-final_test.csv, as "
            "torchvision.datasets.GTSRB puts them"
        )
        raise DATASETS["gtsrb"].missing_from(base.parent, needs)
    parts = (_train(base), _test(base, written))
    return read_data_set(About.of("gtsrb"), base, parts, CLASSES, size)


def _train(base: Path) -> PartFiles:
    names, labels, groups = [], [], []
    numbers: dict[tuple[int, str], int] = {}
    for label in range(len(CLASSES)):
        inside = f"GTSRB/Training/{label:05d}"
        try:
            files = sorted(path.name for path in (base / inside).iterdir())
        except OSError as error:
            raise DataError(f"{base / inside} cannot be read ({error})") from None
        for file in files:
            match = _TRACK.fullmatch(file)
            if match is not None:
                names.append(f"{inside}/{file}")
                labels.append(label)
                groups.append(numbers.setdefault((label, match["track"]), len(numbers)))
    return PartFiles(names, labels, groups)


def _test(base: Path, written: Path) -> PartFiles:
    names, labels = [], []
    for line, row in table(written, ";", ("Filename", "ClassId")):
        name, number = row["Filename"], row["ClassId"]
        if not name or Path(name).name != name:
            raise DataError(f"{written}, line {line}: {name!r} is no file name")
        if not number.isdecimal() or int(number) >= len(CLASSES):
            raise DataError(
                f"{written}, line {line}: want a class of 0..{len(CLASSES) - 1}, got {number!r}"
            )
        names.append(f"GTSRB/Final_Test/Images/{name}")
        labels.append(int(number))
    return PartFiles(names, labels)
