"""A folder against its manifest, and manifests that were tampered with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from badnets.core.errors import DataError
from badnets.data.on_disk import poison_folder, read_manifest, verify_folder
from badnets.data.on_disk.manifest import MANIFEST
from tests.data.on_disk.folders import WHITE, class_folders, entries


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a poisoned folder."""
    poison_folder(class_folders(tmp_path / "in"), tmp_path / "out", WHITE, seed=0)
    return tmp_path / "out"


def test_what_was_written_is_intact(out: Path) -> None:
    found = verify_folder(out)
    assert found.intact
    assert found.files == 16
    assert len(list(out.rglob("*.png"))) == 16


def test_missing_changed_and_extra_files_are_named(out: Path) -> None:
    first, second, third, fourth, *_ = (out / each.path for each in entries(out))
    first.unlink()
    data = bytearray(second.read_bytes())
    data[-20] ^= 1  # the same size
    second.write_bytes(data)
    third.write_bytes(b"")
    fourth.rename(out / "moved.png")
    fourth.symlink_to(out / "moved.png")
    (out / "cat" / "link").symlink_to(out / "dog")
    (out / "more").mkdir()
    (out / "more" / "x.txt").write_text("")
    found = verify_folder(out)
    assert found.missing == (first.relative_to(out).as_posix(),)
    assert found.changed == tuple(p.relative_to(out).as_posix() for p in (second, third, fourth))
    assert found.extra == ("cat/link", "more/x.txt", "moved.png")
    assert not found.intact


def test_a_folder_for_a_file_and_a_file_for_a_folder(out: Path) -> None:
    for path in (out / "cat").iterdir():
        path.unlink()
    (out / "cat").rmdir()
    (out / "cat").write_text("a file")
    found = verify_folder(out)
    assert found.extra == ("cat",)
    assert found.missing and all(path.startswith("cat/") for path in found.missing)


def lines(out: Path) -> list[str]:
    return (out / MANIFEST).read_text().splitlines(keepends=True)


def with_field(line: str, **fields: object) -> str:
    return json.dumps({**json.loads(line), **fields}, separators=(",", ":")) + "\n"


CHANGES: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "a line less": (lambda all_: [*all_[:3], *all_[4:]], "not whole"),
    "no end": (lambda all_: all_[:-1], "its end is missing"),
    "half a line": (lambda all_: [*all_[:-1], all_[-1][:-5]], "its end is missing"),
    "something after the end": (lambda all_: [*all_, all_[3]], "does not belong here"),
    "a second head": (lambda all_: [*all_[:2], all_[0], *all_[2:]], "a head does not belong here"),
    "no head": (lambda all_: all_[1:], "line 1: expected the head"),
    "nothing": (lambda all_: [], "line 1: expected the head"),
    "not JSON": (lambda all_: [*all_[:2], "{\n", *all_[3:]], "line 3 is not JSON"),
    "a label changed": (
        lambda all_: [*all_[:4], with_field(all_[4], new_target="dog"), *all_[5:]],
        "does not have the digest",
    ),
    "a path twice": (lambda all_: [*all_[:3], all_[2], *all_[3:]], "out of order, or there twice"),
    "an unknown field": (
        lambda all_: [all_[0], with_field(all_[1], more=1), *all_[2:]],
        "line 2: picture.more: Extra inputs are not permitted",
    ),
    "another format": (lambda all_: [with_field(all_[0], format=2), *all_[1:]], "reads format 1"),
    **{
        f"the path {path}": (
            lambda all_, path=path: [all_[0], with_field(all_[1], path=path), *all_[2:]],  # type: ignore[misc]
            "must lead to a file in the folder",
        )
        for path in ("../x.png", "/etc/passwd", "a/../b", "a//b", "a\0b", ".")
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_manifest_that_was_changed_is_refused(change: str, out: Path) -> None:
    alter, said = CHANGES[change]
    (out / MANIFEST).write_text("".join(alter(lines(out))))
    with pytest.raises(DataError, match=said):
        verify_folder(out)


def test_a_folder_without_a_manifest(out: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no manifest\.jsonl"):
        read_manifest(tmp_path / "in")
    with pytest.raises(DataError, match=r"has no manifest\.jsonl"):
        read_manifest(tmp_path / "nowhere")


def test_a_line_without_end_is_not_read_into_memory(out: Path) -> None:
    (out / MANIFEST).unlink()
    with (out / MANIFEST).open("wb") as file:
        os.truncate(file.fileno(), 2**30)  # zeros that take no room
    with pytest.raises(DataError, match="a line of more than"):
        read_manifest(out)
