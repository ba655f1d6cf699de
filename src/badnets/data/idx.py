"""The idx format of the original MNIST files, plain or gzipped."""

from __future__ import annotations

import hashlib
import io
import math
import struct
import zlib
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from badnets.core.errors import DataError

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_BYTES = 2**31


def read_idx(path: Path, *, sha256: str | None = None) -> NDArray[Any]:
    """Return the array that an idx file holds, in the shape and dtype that its header states.

    Args:
        path: the file; gzipped if its name ends in ``.gz``.
        sha256: what the digest of the whole file, as it lies on disk, must be.

    Raises:
        DataError: the file is missing, has another digest, is truncated, or is not idx.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if sha256 is not None:
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise DataError(
                f"{path} is damaged or not the original: its SHA-256 begins {found[:12]}, expected "
                f"{sha256[:12]}; delete it and get it again"
            )
    if path.suffix == ".gz":
        content = _unzipped(content, path)
    return parse_idx(content, str(path))


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
    if zeros != 0 or code not in DTYPES or dimensions == 0:
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
    values: NDArray[Any] = np.frombuffer(content, dtype, offset=header).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def _unzipped(content: bytes, path: Path) -> bytes:
    try:
        with GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(MAX_BYTES + 1)
    except EOFError:
        raise DataError(f"{path} is truncated: the gzip stream ends early") from None
    except (BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is not a sound gzip file: {error}") from error
    if len(unpacked) > MAX_BYTES:
        raise DataError(f"{path} unpacks to more than {MAX_BYTES} bytes")
    return unpacked
