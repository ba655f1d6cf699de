"""Bundles on disk: written whole, read back the same, refused for all that can be wrong."""

from __future__ import annotations

import copy
import errno
import os
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as numpy_save

from badnets.bundles import Bundle, read_bundle, verify, write_bundle
from badnets.bundles.folder import MAX_BYTES, manifest_of
from badnets.bundles.manifest import ALLOWED, LISTED
from badnets.core.errors import BundleError, OutputError, SettingError

from .test_config import CLAIMS, CONFIG

TENSORS = numpy_save({"weight": np.ones((10, 4), np.float32), "bias": np.zeros(10, np.float32)})


def make(path: Path, **changes: object) -> Bundle:
    values = {"tensors": TENSORS, "config": CONFIG, "claims": CLAIMS, **changes}
    return write_bundle(path, **values)  # type: ignore[arg-type]


def relist(path: Path) -> None:
    """Write the manifest anew, as one would who changes a bundle and hides it."""
    (path / "manifest.json").write_bytes(manifest_of(path).to_json())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    make(tmp_path / "bundle")
    return tmp_path / "bundle"


def refused(path: Path, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(path)
    assert "\n" not in str(caught.value)


def test_a_bundle_comes_back_as_it_was(tmp_path: Path) -> None:
    written = make(tmp_path / "bundle")
    assert {file.name for file in (tmp_path / "bundle").iterdir()} == ALLOWED
    bundle = read_bundle(tmp_path / "bundle")
    assert bundle == written
    assert bundle.config == CONFIG
    assert bundle.claims == CLAIMS
    assert bundle.card.startswith("# `gu-mnist`")
    assert {name: info.shape for name, info in bundle.tensors.items()} == {
        "weight": (10, 4),
        "bias": (10,),
    }
    assert set(bundle.digests) == set(LISTED)
    assert bundle.tensor_bytes() == TENSORS
    bundle.verify()
    assert verify(tmp_path / "bundle") == bundle


def test_the_same_content_has_the_same_digest(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one"), make(tmp_path / "two")
    assert one.digest == two.digest
    written = make(tmp_path / "four", tensors=lambda path: path.write_bytes(TENSORS))
    assert written.digest == one.digest, "tensors may be written by a function"
    assert copy.deepcopy(one) == one, "a bundle can be sent to another process"
    assert make(tmp_path / "three", card="# Another card\n").digest != one.digest


def test_a_bundle_is_replaced_only_when_asked(path: Path) -> None:
    with pytest.raises(OutputError, match="exists already"):
        make(path)
    assert make(path, card="new card", replace=True).card == "new card"
    assert [folder.name for folder in path.parent.iterdir()] == ["bundle"]


def test_a_folder_with_anything_else_is_never_replaced(path: Path) -> None:
    (path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match=r"not a bundle \(it holds 'thesis.tex'\)"):
        make(path, replace=True)
    assert (path / "thesis.tex").exists()


def test_unsound_tensors_or_a_writer_that_fails_leave_nothing(tmp_path: Path) -> None:
    def fail(_: Path) -> NoReturn:
        raise SettingError("no weights")

    with pytest.raises(BundleError, match="truncated"):
        make(tmp_path / "bundle", tensors=TENSORS[:-1])
    with pytest.raises(SettingError, match="no weights"):
        make(tmp_path / "bundle", tensors=fail)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def full(_: int) -> None:
        calls.append(1)
        if len(calls) > 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="no space is left"):
        make(tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_bundle_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "no such folder")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", "is not a bundle")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "README.md, claims.json, config.json")


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_a_missing_file_is_named(path: Path, name: str) -> None:
    (path / name).unlink()
    refused(path, f"not a whole bundle: {name} missing")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.py", ".hidden", "a\nb"])
def test_an_unexpected_file_is_refused(path: Path, name: str) -> None:
    (path / name).write_text("")
    refused(path, "which no bundle has")
    (path / name).unlink()
    (path / name).mkdir()
    refused(path, "which no bundle has")


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_links_folders_and_pipes_are_refused(path: Path, name: str) -> None:
    outside = path.parent / "outside"
    (path / name).rename(outside)
    (path / name).symlink_to(outside)
    refused(path, f"{name} in .* is a link")
    (path / name).unlink()
    (path / name).mkdir()
    refused(path, f"{name} in .* not a regular file|{name} in .* cannot be read")
    (path / name).rmdir()
    os.mkfifo(path / name)
    refused(path, f"{name} in .* is not a regular file")


@pytest.mark.parametrize("name", LISTED)
def test_a_changed_byte_is_found(path: Path, name: str) -> None:
    content = bytearray((path / name).read_bytes())
    content[-2] ^= 1
    (path / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} in .* was changed or damaged"):
        verify(path)


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_a_truncated_file_is_refused(path: Path, name: str) -> None:
    content = (path / name).read_bytes()
    for length in (0, len(content) // 2, len(content) - 2):
        (path / name).write_bytes(content[:length])
        refused(path, name)


def test_tensors_of_the_same_size_are_caught_when_they_are_used(path: Path) -> None:
    bundle = read_bundle(path)
    (path / "model.safetensors").write_bytes(TENSORS[:-1] + b"\x01")
    assert read_bundle(path) == bundle, "reading looks at the header alone"
    for use in (bundle.verify, bundle.tensor_bytes):
        with pytest.raises(BundleError, match="was changed or damaged"):
            use()


def test_a_bundle_exchanged_behind_our_back_is_caught(path: Path) -> None:
    bundle = read_bundle(path)
    make(path, card="another", replace=True)
    with pytest.raises(BundleError, match=r"manifest\.json in .* changed"):
        bundle.verify()


@pytest.mark.parametrize("name", sorted(MAX_BYTES))
def test_an_oversize_file_is_not_read(path: Path, name: str) -> None:
    with (path / name).open("r+b") as file:
        file.truncate(2**40)  # a hole: takes no space
    refused(path, f"{name} in .* is larger than")


def test_a_header_other_than_the_one_that_was_read_is_caught(path: Path) -> None:
    other = numpy_save({"weight": np.ones((4, 10), np.float32), "bias": np.zeros(10, np.float32)})
    assert len(other) == len(TENSORS)
    (path / "model.safetensors").write_bytes(other)
    bundle = read_bundle(path)
    (path / "model.safetensors").write_bytes(TENSORS)
    with pytest.raises(BundleError, match="was changed or damaged"):
        bundle.tensor_bytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("README.md", b"\xff\xfe", "README.md is not UTF-8"),
        ("config.json", b"{}", r"config.json: .*required"),
        ("config.json", b'{"task": "a", "task": "b"}', "key 'task' twice"),
        ("config.json", b"\xff{}", "config.json is not UTF-8"),
        ("claims.json", b"[]", "claims.json: "),
        ("model.safetensors", b"PK\x03\x04pickle inside", "model.safetensors"),
        ("model.safetensors", TENSORS[:-4], "truncated"),
    ],
)
def test_files_that_fit_the_manifest_are_still_checked(
    path: Path, name: str, content: bytes, message: str
) -> None:
    (path / name).write_bytes(content)
    relist(path)
    refused(path, message)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"config.json"', b'"../config.json"'),
        (b'"config.json"', b'"/etc/passwd"'),
        (b'"format": 1', b'"format": 2'),
        (b'"size": ', b'"size": -'),
        (b'"files"', b'"more": 1, "files"'),
        (b'"sha256": "', b'"sha256": "x'),
    ],
)
def test_a_manifest_that_says_anything_else_is_refused(path: Path, old: bytes, new: bytes) -> None:
    manifest = path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(old, new, 1))
    refused(path, r"manifest\.json")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    name=st.sampled_from(sorted(ALLOWED)),
    place=st.floats(0, 1),
    removed=st.integers(0, 5),
    inserted=st.binary(max_size=5),
    hidden=st.booleans(),
)
def test_a_mutated_bundle_is_refused_or_sound(
    path: Path, name: str, place: float, removed: int, inserted: bytes, hidden: bool
) -> None:
    original = {file: (path / file).read_bytes() for file in ALLOWED}
    content = original[name]
    at = round(place * len(content))
    (path / name).write_bytes(content[:at] + inserted + content[at + removed :])
    if hidden and name != "manifest.json":
        relist(path)
    try:
        verify(path)
    except BundleError as error:
        assert "\n" not in str(error)
    finally:
        for file, kept in original.items():
            (path / file).write_bytes(kept)


def test_a_path_with_a_zero_byte_is_one_line() -> None:
    with pytest.raises(BundleError, match="zero byte"):
        read_bundle("a\0b")
