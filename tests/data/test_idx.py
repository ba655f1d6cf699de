"""The idx reader: what it reads back, and that every defect has its own line."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from badnets.core.errors import DataError
from badnets.data.idx import DTYPES, parse_idx, read_idx


def as_idx(values: NDArray[Any]) -> bytes:
    code = next(c for c, name in DTYPES.items() if np.dtype(name) == values.dtype.newbyteorder(">"))
    header = struct.pack(f">HBB{values.ndim}I", 0, code, values.ndim, *values.shape)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
CONTENT = as_idx(VALUES)


@given(
    code=st.sampled_from(sorted(DTYPES)),
    shape=st.lists(st.integers(0, 4), min_size=1, max_size=4),
)
def test_arrays_come_back_as_they_were(code: int, shape: list[int]) -> None:
    dtype = np.dtype(DTYPES[code]).newbyteorder("=")
    values = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    back = parse_idx(as_idx(values), "values")
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, values)


def test_plain_and_gzipped_files_read_alike(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(CONTENT)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(CONTENT))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain"), VALUES)
    np.testing.assert_array_equal(read_idx(tmp_path / "packed.gz"), VALUES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated: 0 bytes"),
        (CONTENT[:10], "truncated: 10 bytes, 16 for the header alone"),
        (CONTENT[:-1], "truncated: 39 bytes, its header says 40"),
        (CONTENT + b"x", "too long: 41 bytes"),
        (b"\x01" + CONTENT[1:], "not an idx file: its magic number is 0x01000803"),
        (b"\x00\x00\x07" + CONTENT[3:], "magic number"),
        (b"\x00\x00\x08\x00", "magic number"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12 + b"data", "truncated"),
    ],
)
def test_a_defect_is_named_with_the_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_gzip_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "values.gz"
    packed = gzip.compress(CONTENT)
    for content, message in [
        (packed[:-9], "truncated"),
        (b"not gzip at all", "not a sound gzip file"),
        (packed[:15] + b"\xff\xff\xff" + packed[18:], "not a sound gzip file|truncated"),
        (packed[:-8] + b"\x00" * 8, "not a sound gzip file"),
    ]:
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_idx(path)


def test_the_checksum_covers_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "values"
    content = as_idx(np.zeros(9000, dtype=np.uint8))
    path.write_bytes(content[:-1] + b"\x01")  # far beyond the first 4096 bytes
    with pytest.raises(DataError, match="damaged or not the original"):
        read_idx(path, sha256=hashlib.sha256(content).hexdigest())
    path.write_bytes(content)
    assert len(read_idx(path, sha256=hashlib.sha256(content).hexdigest())) == 9000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing-here is missing"):
        read_idx(tmp_path / "nothing-here")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        parse_idx(content, "bytes")
    except DataError as error:
        assert "bytes" in str(error)
