"""MNIST from its four original files, each checked over its whole length; and their idx format."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from badnets.core.errors import BadnetsError, DataError, OutputError
from badnets.core.files import read_file
from badnets.core.roots import VARIABLE, data_root
from badnets.data.dataset import DataSet, ImageSet
from badnets.data.download import Progress, RemoteFile, download

FOLDER = Path("MNIST", "raw")
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
_TABLE = """
train-images-idx3-ubyte 9912422
440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
train-labels-idx1-ubyte 28881
3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
t10k-images-idx3-ubyte 1648877
8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
t10k-labels-idx1-ubyte 4542
f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
"""  # name, bytes when gzipped; SHA-256 when gzipped, and when unpacked
_FILES = _TABLE.split()
PACKED = {
    f"{name}.gz": RemoteFile(f"{name}.gz", sha256, int(size))
    for name, size, sha256 in zip(_FILES[::4], _FILES[1::4], _FILES[2::4], strict=True)
}
UNPACKED = dict(zip(_FILES[::4], _FILES[3::4], strict=True))
DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_BYTES = 2**31


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
    return DataSet.known("mnist", train, test)


def read_idx(path: Path, *, sha256: str | None = None) -> NDArray[Any]:
    """Return the array that an idx file holds, in the shape and dtype that its header states.

    Args:
        path: the file; gzipped if its name ends in ``.gz``.
        sha256: what the digest of the whole file, as it lies on disk, must be.

    Raises:
        DataError: the file is missing, no regular file, larger than `MAX_BYTES`, has another
            digest, is truncated, or is not idx.
    """
    content = read_file(path, MAX_BYTES)
    if sha256 is not None:
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise DataError(
                f"{path} is damaged or not the original: its SHA-256 begins {found[:12]}, expected "
                f"{sha256[:12]}; delete it and get it again"
            )
    return parse_idx(_unzipped(content, path) if path.suffix == ".gz" else content, str(path))


def parse_idx(content: bytes, name: str) -> NDArray[Any]:
    """Return the array in the bytes of an unpacked idx file.

    Args:
        content: the whole file.
        name: what to call it in an error.

    Raises:
        DataError: wrong magic number, unknown data type, or another length than the header says.
    """
    if len(content) < 4:
        raise DataError(f"{name} is truncated: {len(content)} bytes, not even an idx header")
    zeros, code, dimensions = struct.unpack(">HBB", content[:4])
    if zeros != 0 or code not in DTYPES or not 0 < dimensions <= 32:
        raise DataError(f"{name} is not an idx file: its magic number is 0x{content[:4].hex()}")
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise DataError(f"{name} is truncated: {len(content)} bytes, {header} for the header alone")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    dtype = np.dtype(DTYPES[code])
    expected = header + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        defect = "truncated" if len(content) < expected else "too long"
        raise DataError(f"{name} is {defect}: {len(content)} bytes, its header says {expected}")
    try:
        values: NDArray[Any] = np.frombuffer(content, dtype, offset=header).reshape(shape)
    except ValueError:  # of no values at all, each side of which is allowed
        raise DataError(f"{name} states sides that no array has: {shape}") from None
    return values.astype(dtype.newbyteorder("="), copy=False)


def _complete(folder: Path, mirrors: Sequence[str], progress: Progress | None) -> None:
    missing = [
        name
        for name in UNPACKED
        if not (folder / name).is_file() and not (folder / f"{name}.gz").is_file()
    ]
    try:
        for name in missing:
            download(PACKED[f"{name}.gz"], mirrors, folder, progress=progress)
    except BadnetsError as error:
        kind = OutputError if isinstance(error, OutputError) else DataError
        raise kind(
            f"MNIST is not complete in {folder} and cannot be downloaded now; the embedded set "
            f"'digits' needs no download. For MNIST, put its .gz files from {MIRRORS[0]} into "
            f"that folder, or name the folder that holds MNIST/raw with --data-root or {VARIABLE} "
            f"(missing: {', '.join(missing)}; {error})"
        ) from error


def _read(folder: Path, name: str) -> NDArray[Any]:
    packed = folder / f"{name}.gz"
    if packed.is_file():
        values = read_idx(packed, sha256=PACKED[packed.name].sha256)
    else:
        values = read_idx(folder / name, sha256=UNPACKED[name])
    return values.copy()  # the file's bytes are read-only, tensors are not


def _unzipped(content: bytes, path: Path) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(MAX_BYTES + 1)
    except EOFError:
        raise DataError(f"{path} is truncated: the gzip stream ends early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is not a sound gzip file: {error}") from error
    if len(unpacked) > MAX_BYTES:
        raise DataError(f"{path} unpacks to more than {MAX_BYTES} bytes")
    return unpacked
