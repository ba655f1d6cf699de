"""CIFAR-10: the original in its binary layout, and a copy whose images were stored as JPEG.

References:
    Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from badnets.core.decoding import decoded_square
from badnets.core.errors import BadnetsError, DataError, OutputError
from badnets.core.files import read_file
from badnets.core.roots import VARIABLE, data_root
from badnets.data.catalogue import DATASETS
from badnets.data.dataset import DataSet, ImageSet
from badnets.data.download import Progress, RemoteFile, download
from badnets.data.folder import AT_A_TIME, About, load_folder
from badnets.data.threads import in_threads

SIZE = 32
CLASSES = DATASETS["cifar10"].names
FOLDER = "cifar-10-batches-bin"
MIRRORS = (
    "https://www.cs.toronto.edu/~kriz/",
    "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
)
ARCHIVE = RemoteFile(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170_052_171,
)
"""As published, MD5 c32a1d4ab5d03f1284b67883e8d87530."""
UNPACKED = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
"""MD5 of each file: the only digest that is known of the files one by one."""
RECORD = 1 + 3 * SIZE * SIZE  # bytes: a label, then red, green and blue row by row
JPEG_FOLDER = "cifar10_jpeg"
JPEG_ARCHIVE = f"{JPEG_FOLDER}.tar.gz"
PARTS = ("train", "test")
_LARGEST = 10_000 * RECORD  # of a member of the archive
_LARGEST_JPEG = 1 << 16
_MOST_JPEGS = 70_000


def load(
    root: Path | None = None,
    *,
    progress: Progress | None = None,
    mirrors: Sequence[str] = MIRRORS,
) -> DataSet:
    """Return CIFAR-10: 50,000 training and 10,000 test images, ``(3, 32, 32)``, 10 classes.

    The data root holds the files of the binary version, in ``cifar-10-batches-bin`` or in the
    archive ``cifar-10-binary.tar.gz``; where there is neither, the archive is downloaded (170 MB).
    It is read as it is, nothing is unpacked to the disk.

    Args:
        root: the data root; see `badnets.core.roots.data_root`.
        progress: told of every downloaded chunk.
        mirrors: where to download from; none of them to stay offline.

    Raises:
        DataError: a file is damaged, or missing and not to be had.
        OutputError: a download could not be written.
    """
    base = data_root(root)
    folder, archive = base / FOLDER, base / ARCHIVE.name
    if folder.is_dir():
        read = {name: read_file(folder / name, _LARGEST) for name in UNPACKED}
    else:
        if not archive.is_file():
            _fetch(base, mirrors, progress)
        read = dict(_members(archive))
    for name, md5 in UNPACKED.items():
        if hashlib.md5(read.get(name, b""), usedforsecurity=False).hexdigest() != md5:
            where = folder / name if folder.is_dir() else f"{name} in {archive}"
            raise DataError(
                f"{where} is damaged or not the original, by its MD5: delete it and get it again"
            )
    *train, test = UNPACKED
    return DataSet.known("cifar10", _set([read[name] for name in train]), _set([read[test]]))


def load_jpeg(root: Path | None = None, *, progress: Progress | None = None) -> DataSet:
    """Return CIFAR-10 (JPEG): images of CIFAR-10 that were stored as JPEG, so not the same pixels.

    The folder ``cifar10_jpeg`` of the data root holds ``train/CLASS/0000.jpg`` and
    ``test/CLASS/0000.jpg``, or ``cifar10_jpeg.tar.gz`` with them, which is read as it is. Rows are
    in the order of the paths.

    Args:
        root: the data root; see `badnets.core.roots.data_root`.
        progress: ignored, nothing is downloaded.

    Raises:
        DataError: the set is missing or damaged, or has other classes.
    """
    base = data_root(root)
    folder = base / JPEG_FOLDER
    about = About.of("cifar10-jpeg")
    archives = (folder / JPEG_ARCHIVE, base / JPEG_ARCHIVE)
    archive = next((path for path in archives if path.is_file()), None)
    if all((folder / part).is_dir() for part in PARTS):
        data = load_folder(folder, SIZE, about=about)
        if data.classes != CLASSES:
            raise DataError(
                f"{folder} has the classes {', '.join(data.classes)}, wanted are "
                f"{', '.join(CLASSES)}"
            )
        return data
    if archive is None:
        needs = f"{JPEG_FOLDER}/train/CLASS and {JPEG_FOLDER}/test/CLASS, or {JPEG_ARCHIVE}"
        raise DATASETS["cifar10-jpeg"].missing_from(base, needs)
    train, test = (_decoded(archive / part, files) for part, files in _pictures(archive).items())
    return DataSet.known("cifar10-jpeg", train, test)


def _fetch(base: Path, mirrors: Sequence[str], progress: Progress | None) -> None:
    try:
        download(ARCHIVE, mirrors, base, progress=progress)
    except BadnetsError as error:
        kind = OutputError if isinstance(error, OutputError) else DataError
        has_python = (base / "cifar-10-batches-py").exists()
        beside = " (its Python version is there, which is not read: it must be unpickled)"
        raise kind(
            f"CIFAR-10 is not in {base}{beside if has_python else ''}, and {error}. Get "
            f"{ARCHIVE.name} from {MIRRORS[0]} into that folder, or name the folder that holds it "
            f"with --data-root or {VARIABLE}; the embedded set 'digits' needs no download"
        ) from error


def _files(archive: Path, largest: int) -> Iterator[tuple[str, bytes]]:
    """Give the regular files of an archive: the name inside, the content.

    Raises:
        DataError: it is damaged, or a file in it has more than ``largest`` bytes.
    """
    try:
        with tarfile.open(archive, "r|gz") as packed:
            for member in packed:
                content = packed.extractfile(member) if member.isreg() else None
                if content is None:
                    continue
                if member.size > largest:
                    raise DataError(
                        f"{archive} holds {member.name[:100]!r} of {member.size:,} bytes, at most "
                        f"{largest:,} are read"
                    )
                yield member.name.removeprefix("./"), content.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{archive} is damaged ({error}): delete it and get it again") from error


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Give the name and content of each batch in an archive."""
    for name, content in _files(archive, _LARGEST):
        if name.removeprefix(f"{FOLDER}/") in UNPACKED:
            yield name.removeprefix(f"{FOLDER}/"), content


def _set(batches: Sequence[bytes]) -> ImageSet:
    records = np.frombuffer(b"".join(batches), np.uint8).reshape(-1, RECORD)
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, SIZE, SIZE).copy())
    return ImageSet(images, torch.from_numpy(records[:, 0].astype(np.int64)), CLASSES)


def _pictures(archive: Path) -> dict[str, dict[str, bytes]]:
    """Return the picture files of each part by their paths in it."""
    parts: dict[str, dict[str, bytes]] = {part: {} for part in PARTS}
    for count, (name, content) in enumerate(_files(archive, _LARGEST_JPEG)):
        part, _, rest = name.partition("/")
        if part not in parts or rest.partition("/")[0] not in CLASSES:
            raise DataError(
                f"{archive} holds {name[:100]!r}, wanted are train/CLASS/0000.jpg and "
                f"test/CLASS/0000.jpg, with the classes {', '.join(CLASSES)}"
            )
        if count >= _MOST_JPEGS:
            raise DataError(f"{archive} holds more than {_MOST_JPEGS:,} files")
        parts[part][rest] = content
    return parts


def _decoded(folder: Path, files: Mapping[str, bytes]) -> ImageSet:
    names = sorted(files)
    images = torch.empty(len(names), 3, SIZE, SIZE, dtype=torch.uint8)

    def read(row: int) -> None:
        square = decoded_square(folder / names[row], SIZE, data=files[names[row]])
        images[row].copy_(torch.from_numpy(square).permute(2, 0, 1))

    workers = torch.get_num_threads()
    in_threads(read, range(len(names)), workers=workers, at_a_time=AT_A_TIME)
    labels = torch.tensor([CLASSES.index(name.partition("/")[0]) for name in names])
    return ImageSet(images, labels, CLASSES)
