"""What a safetensors file holds, read from its header alone: no torch, no tensor is touched.

The format: eight bytes with the header's length (little-endian), the header as JSON, the data.
The header gives for each tensor its dtype, shape and place in the data; a file is refused unless
the tensors cover the data exactly, without gap or overlap.
"""

from __future__ import annotations

import math
import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from badnets.bundles.strict_json import parse_json
from badnets.core.errors import BundleError

ITEM_BYTES: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1)
    | dict.fromkeys(("U16", "I16", "F16", "BF16"), 2)
    | dict.fromkeys(("U32", "I32", "F32"), 4)
    | dict.fromkeys(("U64", "I64", "F64", "C64"), 8)
)
MAX_HEADER_BYTES = 10_000_000
MAX_DIMENSIONS = 16
MAX_SIDE = 2**48


@dataclass(frozen=True)
class TensorInfo:
    """Dtype, shape and place of one tensor.

    Args:
        dtype: a key of ``ITEM_BYTES``.
        shape: its sides, each >= 0.
        begin: its first byte, counted from the start of the data.
        end: the byte after its last.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def items(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class TensorsHeader:
    """What a safetensors file says it holds, and does hold.

    Args:
        tensors: tensor name -> what is known of it, in the order of the data.
        metadata: free text by key.
    """

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]


def read_tensors_header(path: Path | str) -> TensorsHeader:
    """Return the checked header of a safetensors file.

    Raises:
        BundleError: the file is missing, truncated or malformed; names the defect.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(f"{path.name} is not a regular file")
            return tensors_header(file, status.st_size, path.name)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}") from error


def tensors_header(file: BinaryIO, size: int, what: str = "the tensor file") -> TensorsHeader:
    """Return the checked header of the safetensors file of ``size`` bytes that begins here.

    Args:
        file: read up to the end of the header.
        size: bytes of the whole file.
        what: what to call it in an error.

    Raises:
        BundleError: truncated or malformed; names the defect.
    """
    start = file.read(8)
    if len(start) < 8:
        raise BundleError(f"{what} is truncated: {len(start)} bytes, a safetensors file has over 8")
    (length,) = struct.unpack("<Q", start)
    if length > MAX_HEADER_BYTES:
        raise BundleError(
            f"{what} announces a header of {length} bytes, at most {MAX_HEADER_BYTES} are read"
        )
    if 8 + length > size:
        raise BundleError(
            f"{what} is truncated: its header ends at byte {8 + length}, the file at {size}"
        )
    header = file.read(length)
    if len(header) < length:
        raise BundleError(f"{what} is truncated within its header")
    if not header.startswith(b"{"):
        raise BundleError(f"{what} has a header that is not a JSON object")
    return _checked(parse_json(header, f"the header of {what}"), size - 8 - length, what)


def _checked(header: object, data_bytes: int, what: str) -> TensorsHeader:
    if not isinstance(header, dict):
        raise BundleError(f"{what} has a header that is not a JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise BundleError(f"{what} has metadata that is not text by key")
    infos = {name: _info(entry, f"{what}, tensor {name[:80]!r}") for name, entry in header.items()}
    in_order = dict(sorted(infos.items(), key=lambda item: (item[1].begin, item[1].end)))
    reached = 0
    for name, info in in_order.items():
        if info.begin != reached:
            defect = "overlaps the one before" if info.begin < reached else "leaves a gap before it"
            raise BundleError(f"{what}, tensor {name[:80]!r} {defect}, at byte {info.begin}")
        reached = info.end
    if reached != data_bytes:
        defect = "is truncated" if reached > data_bytes else "has bytes that no tensor owns"
        raise BundleError(
            f"{what} {defect}: its tensors take {reached} bytes, the file has {data_bytes}"
        )
    return TensorsHeader(in_order, metadata)


def _info(entry: object, what: str) -> TensorInfo:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise BundleError(f"{what} must have dtype, shape and data_offsets, nothing else")
    dtype = entry["dtype"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise BundleError(f"{what} has the unknown dtype {str(dtype)[:40]!r}")
    shape = _whole_numbers(entry["shape"], MAX_SIDE)
    if shape is None or len(shape) > MAX_DIMENSIONS:
        raise BundleError(
            f"{what} has a shape that is not at most {MAX_DIMENSIONS} sides of 0 or more"
        )
    offsets = _whole_numbers(entry["data_offsets"], 2**63)
    if offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise BundleError(f"{what} has data_offsets that are not a begin and an end")
    begin, end = offsets
    needed = math.prod(shape) * ITEM_BYTES[dtype]
    if end - begin != needed:
        raise BundleError(
            f"{what} takes {needed} bytes by its dtype and shape, its offsets give it {end - begin}"
        )
    return TensorInfo(dtype, shape, begin, end)


def _whole_numbers(value: object, most: int) -> tuple[int, ...] | None:
    if not isinstance(value, list) or len(value) > MAX_DIMENSIONS:
        return None
    if not all(type(item) is int and 0 <= item <= most for item in value):
        return None
    return tuple(value)
