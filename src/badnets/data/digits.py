"""Scikit-learn's handwritten digits, enlarged to the size of MNIST; nothing to download."""

from __future__ import annotations

import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from badnets.data.dataset import DataSet, ImageSet
from badnets.data.download import Progress

TEST_PER_CLASS = 50
CANVAS, BOX = 28, 20


def load(root: Path | None = None, *, progress: Progress | None = None) -> DataSet:
    """Return the digits: 1,297 training and 500 test images, ``(1, 28, 28)``, classes 0 to 9.

    The original images of 8 x 8 pixels with 17 grey levels are enlarged to 20 x 20 (bicubic) and
    centred on a dark ground, as in MNIST: four dark rows and columns stay on every side. The
    arithmetic is exact, so every machine gets the same bytes.

    The split is fixed and needs no random numbers: within each class, rows are put in the order
    of the SHA-256 of ``digits:<row>``, row being the place in scikit-learn's set from 0; the
    first 50 are test images, the others train.

    Args:
        root: ignored, the set is embedded.
        progress: ignored.
    """
    rows = _rows()
    pixels, labels = rows[:, :-1], rows[:, -1].copy()
    images = torch.from_numpy(enlarged(pixels.reshape(-1, 8, 8))).unsqueeze(1)
    classes = tuple(str(digit) for digit in range(10))
    everything = ImageSet(images, torch.from_numpy(labels), classes)
    is_test = _is_test(labels)
    train, test = (everything.take(np.flatnonzero(part).tolist()) for part in (~is_test, is_test))
    return DataSet.known("digits", train, test)


def _rows() -> NDArray[np.int64]:
    """Return ``(1797, 65)``: 64 pixels and a label each.

    They are read from scikit-learn's file, as importing scikit-learn takes seconds.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    with gzip.open(Path(package.origin).parent / "datasets/data/digits.csv.gz", "rt") as file:
        return np.loadtxt(file, delimiter=",", dtype=np.int64)


def enlarged(pixels: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return 8 x 8 images of levels 0 to 16 as 28 x 28 ones of 0 to 255, dark around the edge.

    Args:
        pixels: ``(N, 8, 8)`` int64, 0 to 16.
    """
    weights, unit = _bicubic(pixels.shape[-1], BOX)
    total = weights @ pixels @ weights.T  # whole numbers: the same on every machine
    divisor = 16 * unit * unit
    grey = np.clip((total * 255 * 2 + divisor) // (2 * divisor), 0, 255)
    border = (CANVAS - BOX) // 2
    return np.pad(grey.astype(np.uint8), ((0, 0), (border, border), (border, border)))


def _bicubic(small: int, large: int) -> tuple[NDArray[np.int64], int]:
    """Return ``(large, small)`` whole weights of Keys' cubic (a = -1/2), and what 1 is in them.

    Beyond the edge of the small image lies dark ground, so weights there are left out.
    """
    scale = 2 * large  # distances are whole multiples of 1 / scale
    weights = np.zeros((large, small), dtype=np.int64)
    for row in range(large):
        centre = (2 * row + 1) * small - large  # (row + 1/2) * small / large - 1/2, times scale
        for column in range(small):
            distance = abs(centre - column * scale)
            if distance < scale:
                value = 3 * distance**3 - 5 * distance**2 * scale + 2 * scale**3
            elif distance < 2 * scale:
                value = -(distance**3) + 5 * distance**2 * scale
                value += -8 * distance * scale**2 + 4 * scale**3
            else:
                value = 0
            weights[row, column] = value
    return weights, 2 * scale**3


def _is_test(labels: NDArray[Any]) -> NDArray[np.bool_]:
    order = sorted(
        range(len(labels)), key=lambda row: hashlib.sha256(f"digits:{row}".encode()).digest()
    )
    is_test = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        rows = [row for row in order if labels[row] == label]
        is_test[rows[:TEST_PER_CLASS]] = True
    return is_test
