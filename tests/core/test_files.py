"""What is no regular file, or too large, is refused at once: nothing waits or fills memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from badnets.bundles.digests import sha256_file
from badnets.core.decoding import decoded, decoded_square, picture_bytes, size_of
from badnets.core.errors import DataError, LedgerError
from badnets.core.files import read_file, regular_file, usable_path
from badnets.core.roots import data_root
from badnets.data import load, load_detection
from badnets.data.coco import load_coco
from badnets.data.layouts import find_layout
from badnets.data.mnist import read_idx
from badnets.data.on_disk import poison_folder, verify_folder
from badnets.data.on_disk.manifest import MANIFEST
from tests.data.on_disk.folders import WHITE

READERS: dict[str, Callable[[Path], object]] = {
    "file": read_file,
    "digest": sha256_file,
    "idx": read_idx,
    "picture": lambda path: decoded(path, "RGB"),
    "square": lambda path: decoded_square(path, 8),
    "size": size_of,
    "bytes": picture_bytes,
}


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_is_refused_and_not_waited_for(reader: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: not a regular file"):
        READERS[reader](tmp_path / "pipe")
    with pytest.raises(DataError, match="not a regular file"):
        READERS[reader](tmp_path)


def test_pipes_in_the_place_of_a_manifest_or_of_annotations(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / MANIFEST)
    with pytest.raises(DataError, match=r"manifest\.jsonl: not a regular file"):
        verify_folder(tmp_path)
    (tmp_path / "annotations").mkdir()
    for part in ("train", "val"):
        os.mkfifo(tmp_path / "annotations" / f"instances_{part}.json")
    with pytest.raises(DataError, match=r"instances_train\.json: not a regular file"):
        load_coco(tmp_path)


@pytest.mark.parametrize("reader", ["file", "idx", "picture", "square", "size", "bytes"])
def test_a_file_of_three_gigabytes_is_refused_by_its_size(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    path.touch()
    os.truncate(path, 3 * 10**9)  # it takes no room
    with pytest.raises(DataError, match=r"big\.png: 3,000,000,000 bytes, at most"):
        READERS[reader](path)


def test_a_link_is_followed_where_it_may_be_and_the_error_is_of_the_kind_asked_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_file(tmp_path / "link") == b"content"
    with pytest.raises(DataError), regular_file(tmp_path / "link", follow=False):
        pass
    with pytest.raises(LedgerError, match="7 bytes, at most 6 are read"):
        read_file(tmp_path / "file", 6, error=LedgerError)
    with pytest.raises(DataError, match="nothing is missing"):
        read_file(tmp_path / "nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read_file(tmp_path / "a\0b")


PATHS = {"long": "a" * 300, "longer": "d/" * 3000, "NUL": "a\0b", "surrogate": "\ud800x"}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    "use",
    [
        usable_path,
        data_root,
        lambda path: find_layout(Path(path)),
        lambda path: load(f"folder:{path}"),
        lambda path: load_detection(f"coco:{path}"),
        lambda path: load("gtsrb", path),
        lambda path: poison_folder(Path(path), Path("out"), WHITE, seed=0),
        lambda path: verify_folder(Path(path)),
    ],
)
def test_what_no_file_system_can_be_asked_about_is_one_short_line(
    name: str, use: Callable[[str], object]
) -> None:
    with pytest.raises(DataError, match="is no path of a file or folder") as caught:
        use(PATHS[name])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250
