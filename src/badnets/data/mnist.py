"""MNIST from its four original files, each checked over its whole length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from badnets.core.errors import DataError, OutputError
from badnets.core.roots import VARIABLE, data_root
from badnets.data.dataset import DataSet, ImageSet
from badnets.data.download import Progress, RemoteFile, download
from badnets.data.idx import read_idx

SOURCE = "Y. LeCun, C. Cortes, C. J. C. Burges, http://yann.lecun.com/exdb/mnist/"
LICENCE = "CC BY-SA 3.0 (as usually stated)"
FOLDER = Path("MNIST", "raw")
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
PACKED = {
    file.name: file
    for file in (
        RemoteFile(
            "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            9912422,
        ),
        RemoteFile(
            "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            28881,
        ),
        RemoteFile(
            "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            1648877,
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            4542,
        ),
    )
}
UNPACKED = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load(
    root: Path | None = None,
    *,
    progress: Progress | None = None,
    mirrors: Sequence[str] = MIRRORS,
) -> DataSet:
    """Return MNIST: 60,000 training and 10,000 test images, ``(1, 28, 28)``, classes 0 to 9.

    The files lie in ``ROOT/MNIST/raw``, gzipped as published or unpacked. Those that are missing
    are downloaded; those that are there are read, checked, and never replaced.

    Args:
        root: the data root; see `badnets.core.roots.data_root`.
        progress: told of every downloaded chunk.
        mirrors: where to download from; none of them to stay offline.

    Raises:
        DataError: a file is damaged, or missing and not to be had.
        OutputError: a download could not be written.
    """
    folder = data_root(root) / FOLDER
    _complete(folder, mirrors, progress)
    classes = tuple(str(digit) for digit in range(10))
    train, test = (
        ImageSet(
            torch.from_numpy(_read(folder, f"{part}-images-idx3-ubyte")).unsqueeze(1),
            torch.from_numpy(_read(folder, f"{part}-labels-idx1-ubyte").astype(np.int64)),
            classes,
        )
        for part in ("train", "t10k")
    )
    return DataSet("mnist", train, test, source=SOURCE, licence=LICENCE)


def _complete(folder: Path, mirrors: Sequence[str], progress: Progress | None) -> None:
    missing = [
        name
        for name in UNPACKED
        if not (folder / name).is_file() and not (folder / f"{name}.gz").is_file()
    ]
    try:
        for name in missing:
            download(PACKED[f"{name}.gz"], mirrors, folder, progress=progress)
    except DataError as error:
        raise DataError(
            f"MNIST is not complete in {folder}: {', '.join(missing)} missing, and {error}. Get "
            f"the .gz files from {MIRRORS[0]} into that folder, or name the folder that holds "
            f"MNIST/raw with --data-root or {VARIABLE}; the embedded set 'digits' needs no download"
        ) from error
    except OutputError as error:
        raise OutputError(
            f"MNIST is not complete in {folder} and cannot be downloaded to it: {error}; name "
            f"another folder with --data-root or {VARIABLE}"
        ) from error


def _read(folder: Path, name: str) -> NDArray[Any]:
    packed = folder / f"{name}.gz"
    if packed.is_file():
        values = read_idx(packed, sha256=PACKED[packed.name].sha256)
    else:
        values = read_idx(folder / name, sha256=UNPACKED[name])
    return values.copy()  # the file's bytes are read-only, tensors are not
