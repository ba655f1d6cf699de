"""MNIST: the idx format and its defects, a small stand-in of the same layout, the real files."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from badnets.core.errors import DataError, OutputError
from badnets.data import DATASETS, mnist
from badnets.data.download import RemoteFile
from badnets.data.mnist import DTYPES, parse_idx, read_idx

if TYPE_CHECKING:
    from tests.data.conftest import Mirror

REAL = Path(os.environ.get("BADNETS_DATA", "nowhere"))


def as_idx(values: NDArray[Any]) -> bytes:
    code = next(c for c, name in DTYPES.items() if np.dtype(name) == values.dtype.newbyteorder(">"))
    header = struct.pack(f">HBB{values.ndim}I", 0, code, values.ndim, *values.shape)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
CONTENT = as_idx(VALUES)
PACKED = gzip.compress(CONTENT, mtime=0)


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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("plain", b"", "truncated: 0 bytes"),
        ("plain", CONTENT[:10], "truncated: 10 bytes, 16 for the header alone"),
        ("plain", CONTENT[:-1], "truncated: 39 bytes, its header says 40"),
        ("plain", CONTENT + b"x", "too long: 41 bytes"),
        ("plain", b"\x01" + CONTENT[1:], "not an idx file: its magic number is 0x01000803"),
        ("plain", b"\x00\x00\x07" + CONTENT[3:], "magic number"),
        ("plain", b"\x00\x00\x08\x00", "magic number"),
        ("plain", b"\x00\x00\x08\xff" + b"\0\0\0\1" * 255 + b"x", "magic number"),
        ("plain", b"\x00\x00\x08\x04" + b"\0" * 4 + b"\xff" * 12, "sides that no array has"),
        ("plain", b"\x00\x00\x08\x03" + b"\xff" * 12 + b"data", "truncated"),
        ("packed.gz", PACKED[:-9], "truncated"),
        ("packed.gz", b"not gzip at all", "not a sound gzip file"),
        ("packed.gz", PACKED[:15] + b"\xff\xff\xff" + PACKED[18:], "not a sound gzip|truncated"),
        ("packed.gz", PACKED[:-8] + b"\x00" * 8, "not a sound gzip file"),
    ],
)
def test_a_defect_is_named_with_the_file(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED if name.endswith("gz") else CONTENT)
    np.testing.assert_array_equal(read_idx(path), VALUES)
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_the_checksum_covers_the_whole_file_and_a_missing_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "values"
    content = as_idx(np.zeros(9000, dtype=np.uint8))
    path.write_bytes(content[:-1] + b"\x01")  # far beyond the first 4096 bytes
    with pytest.raises(DataError, match="damaged or not the original"):
        read_idx(path, sha256=hashlib.sha256(content).hexdigest())
    path.write_bytes(content)
    assert len(read_idx(path, sha256=hashlib.sha256(content).hexdigest())) == 9000
    with pytest.raises(DataError, match="nothing-here is missing"):
        read_idx(tmp_path / "nothing-here")
    with pytest.raises(DataError, match="not a regular file"):
        read_idx(tmp_path)


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        parse_idx(content, "bytes")
    except DataError as error:
        assert "bytes" in str(error)


def small_files() -> dict[str, bytes]:
    files = {}
    for part, count in {"train": 20, "t10k": 10}.items():
        number = np.arange(count, dtype=np.uint8)
        files[f"{part}-images-idx3-ubyte"] = as_idx(number.repeat(784).reshape(-1, 28, 28))
        files[f"{part}-labels-idx1-ubyte"] = as_idx(number % 10)
    return files


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Make a set of 30 images the original one, and return its gzipped files."""
    packed = {}
    for name, content in small_files().items():
        packed[f"{name}.gz"] = own = gzip.compress(content, mtime=0)
        remote = RemoteFile(f"{name}.gz", hashlib.sha256(own).hexdigest(), len(own))
        monkeypatch.setitem(mnist.PACKED, f"{name}.gz", remote)
        monkeypatch.setitem(mnist.UNPACKED, name, hashlib.sha256(content).hexdigest())
    return packed


def lay(root: Path, files: dict[str, bytes]) -> Path:
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def check_small(root: Path) -> None:
    made = mnist.load(root, mirrors=())
    assert (len(made.train), len(made.test), made.shape) == (20, 10, (1, 28, 28))
    assert made.train.images[:, 0, 5, 5].tolist() == list(range(20))
    assert made.test.labels.tolist() == list(range(10))


def test_gzipped_and_unpacked_files_load_alike(tmp_path: Path, published: dict[str, bytes]) -> None:
    for name, files in (("packed", published), ("unpacked", small_files())):
        lay(tmp_path / name, files)
        check_small(tmp_path / name)


def test_missing_files_are_downloaded_and_only_those(
    tmp_path: Path, published: dict[str, bytes], mirror: Mirror
) -> None:
    kept = "train-images-idx3-ubyte.gz"
    lay(tmp_path, {kept: published[kept]})
    for name, content in published.items():
        mirror.serves(f"/{name}", content)
    told: list[int] = []
    mnist.load(tmp_path, mirrors=[mirror.url], progress=lambda done, _: told.append(done))
    assert len(mirror.asked) == len(told) == 3 and f"/{kept}" not in mirror.asked
    check_small(tmp_path)


def test_a_missing_data_root_says_where_to_get_it_and_one_that_cannot_be_written_is_named(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError) as caught:
        mnist.load(tmp_path / "nothing", mirrors=())
    for part in ("train-images-idx3-ubyte", "https://", "BADNETS_DATA", "'digits'"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value) and not (tmp_path / "nothing").exists()
    (tmp_path / "MNIST").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match=r"MNIST is not complete .* cannot write"):
        mnist.load(tmp_path, mirrors=["http://127.0.0.1:1"])


@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"])
def test_a_damaged_file_is_refused_and_left_alone(
    tmp_path: Path, published: dict[str, bytes], mirror: Mirror, name: str
) -> None:
    files = published if name.endswith("gz") else small_files()
    damaged = files[name][:-1]
    folder = lay(tmp_path, {**files, name: damaged})
    mirror.serves(f"/{name}", files[name])
    with pytest.raises(DataError, match=f"{name} is damaged or not the original"):
        mnist.load(tmp_path, mirrors=[mirror.url])
    assert (folder / name).read_bytes() == damaged and mirror.asked == []


@pytest.mark.skipif(not (REAL / "MNIST").is_dir(), reason="MNIST is not below BADNETS_DATA")
def test_the_real_files_load() -> None:
    made, entry = mnist.load(REAL, mirrors=()), DATASETS["mnist"]
    assert (made.shape, made.num_classes) == (entry.shape, entry.classes)
    assert (len(made.train), len(made.test)) == (entry.train, entry.test)
    assert made.train.counts == (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    assert made.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
