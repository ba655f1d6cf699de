"""MNIST: a small stand-in of the same layout, and the real files where they lie."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from badnets.core.errors import DataError, OutputError
from badnets.data import DATASETS, mnist
from badnets.data.download import RemoteFile

if TYPE_CHECKING:
    from tests.data.conftest import Mirror

REAL = Path(os.environ.get("BADNETS_DATA", "nowhere"))
COUNTS = {"train": 20, "t10k": 10}


def small_files() -> dict[str, bytes]:
    files = {}
    for part, count in COUNTS.items():
        pixels = b"".join(bytes([row]) * 784 for row in range(count))
        labels = bytes(row % 10 for row in range(count))
        files[f"{part}-images-idx3-ubyte"] = struct.pack(">4I", 0x803, count, 28, 28) + pixels
        files[f"{part}-labels-idx1-ubyte"] = struct.pack(">2I", 0x801, count) + labels
    return files


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Make a set of 30 images the original one, and return its gzipped files."""
    files = small_files()
    packed = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()}
    for name, content in packed.items():
        remote = RemoteFile(name, hashlib.sha256(content).hexdigest(), len(content))
        monkeypatch.setitem(mnist.PACKED, name, remote)
    for name, content in files.items():
        monkeypatch.setitem(mnist.UNPACKED, name, hashlib.sha256(content).hexdigest())
    return packed


def lay(root: Path, files: dict[str, bytes]) -> Path:
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def is_small_mnist(root: Path) -> bool:
    made = mnist.load(root, mirrors=())
    assert (len(made.train), len(made.test)) == (20, 10)
    assert made.shape == (1, 28, 28)
    assert made.train.images[:, 0, 5, 5].tolist() == list(range(20))
    assert made.test.labels.tolist() == list(range(10))
    return True


def test_gzipped_and_unpacked_files_load_alike(tmp_path: Path, published: dict[str, bytes]) -> None:
    lay(tmp_path / "packed", published)
    lay(tmp_path / "unpacked", small_files())
    assert is_small_mnist(tmp_path / "packed")
    assert is_small_mnist(tmp_path / "unpacked")


def test_missing_files_are_downloaded_and_only_those(
    tmp_path: Path, published: dict[str, bytes], mirror: Mirror
) -> None:
    kept = "train-images-idx3-ubyte.gz"
    lay(tmp_path, {kept: published[kept]})
    for name, content in published.items():
        mirror.serves(f"/{name}", content)
    told: list[int] = []
    mnist.load(tmp_path, mirrors=[mirror.url], progress=lambda done, _: told.append(done))
    assert len(mirror.asked) == 3
    assert f"/{kept}" not in mirror.asked
    assert len(told) == 3
    assert is_small_mnist(tmp_path)


def test_a_missing_data_root_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        mnist.load(tmp_path / "nothing", mirrors=())
    message = str(caught.value)
    for part in ("train-images-idx3-ubyte", "https://", "BADNETS_DATA", "'digits'"):
        assert part in message
    assert "\n" not in message
    assert not (tmp_path / "nothing").exists()


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "MNIST").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match=r"MNIST is not complete .* cannot write"):
        mnist.load(tmp_path, mirrors=["http://127.0.0.1:1"])


def test_a_damaged_file_is_refused_and_left_alone(
    tmp_path: Path, published: dict[str, bytes], mirror: Mirror
) -> None:
    name = "t10k-images-idx3-ubyte.gz"
    damaged = published[name][:-1] + b"\x01"
    folder = lay(tmp_path, {**published, name: damaged})
    mirror.serves(f"/{name}", published[name])
    with pytest.raises(DataError, match=f"{name} is damaged or not the original"):
        mnist.load(tmp_path, mirrors=[mirror.url])
    assert (folder / name).read_bytes() == damaged
    assert mirror.asked == []


def test_a_truncated_unpacked_file_is_refused(tmp_path: Path, published: dict[str, bytes]) -> None:
    files = small_files()
    name = "train-labels-idx1-ubyte"
    lay(tmp_path, {**files, name: files[name][:-1]})
    with pytest.raises(DataError, match=f"{name} is damaged or not the original"):
        mnist.load(tmp_path, mirrors=())


@pytest.mark.skipif(not (REAL / "MNIST").is_dir(), reason="MNIST is not below BADNETS_DATA")
def test_the_real_files_load() -> None:
    made, entry = mnist.load(REAL, mirrors=()), DATASETS["mnist"]
    assert (made.shape, made.num_classes, made.licence) == (
        entry.shape,
        entry.classes,
        entry.licence,
    )
    assert (len(made.train), len(made.test)) == (entry.train, entry.test)
    assert made.train.images.shape == (60_000, 1, 28, 28)
    assert made.test.images.shape == (10_000, 1, 28, 28)
    assert made.train.counts == (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    assert made.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
