"""A folder against its manifest, and manifests that were tampered with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from badnets.bundles.digests import sha256_bytes
from badnets.core.backdoor import Backdoor
from badnets.core.errors import DataError, SettingError
from badnets.core.targets import AllToOne, Vanish
from badnets.core.triggers import Patch
from badnets.data.on_disk import poison_folder, read_manifest, verify_folder
from badnets.data.on_disk.manifest import (
    MANIFEST,
    Entry,
    Head,
    Picture,
    manifest_bytes,
    plain_backdoor,
)
from tests.data.on_disk.folders import WHITE, class_folders, coco_part, entries, photo


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
    "half a line": (lambda all_: [*all_[:-1], all_[-1][:-5]], "line 18 has no end"),
    "junk after the end": (lambda all_: [*all_, "junk"], "line 19 has no end"),
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


def made_anew(out: Path, change: Callable[[Head, list[Entry]], tuple[Head, list[Entry]]]) -> None:
    """Write another manifest, with digests that fit it: what whoever holds the folder can do."""
    head, all_ = change(read_manifest(out).head, entries(out))
    (out / MANIFEST).write_bytes(manifest_bytes(head, all_))


def altered(all_: list[Entry], which: Callable[[Picture], bool], **fields: Any) -> list[Entry]:
    first = next(one for one in all_ if isinstance(one, Picture) and which(one))
    return [one.model_copy(update=fields) if one is first else one for one in all_]


def dropped(out: Path, head: Head, all_: list[Entry]) -> tuple[Head, list[Entry]]:
    (out / all_[0].path).unlink()
    return head, all_[1:]


def disguised(out: Path, head: Head, all_: list[Entry]) -> tuple[Head, list[Entry]]:
    """Exchange a picture for one of the poisoner's own."""
    path = out / all_[0].path
    photo(99).save(path)
    data = path.read_bytes()
    return head, altered(
        all_, lambda one: one.path == all_[0].path, sha256=sha256_bytes(data), size=len(data)
    )


def changed(head: Head, **fields: object) -> Head:
    return head.model_copy(update=fields)


ANEW: dict[str, tuple[Callable[[Path, Head, list[Entry]], tuple[Head, list[Entry]]], str]] = {
    "flag": (
        lambda _, head, all_: (head, altered(all_, lambda one: one.is_poisoned, is_poisoned=False)),
        "other: is_poisoned",
    ),
    "label": (
        lambda _, head, all_: (head, altered(all_, lambda one: True, new_target="dog")),
        "other: new_target",
    ),
    "seed": (lambda _, head, all_: (changed(head, seed=1), all_), "sha256"),
    "trigger": (
        lambda _, head, all_: (
            changed(head, backdoor=plain_backdoor(replace(WHITE, trigger=Patch(4)))),
            all_,
        ),
        "sha256, size, trigger",
    ),
    "dropped": (dropped, "the manifest does not have it"),
    "disguised": (disguised, "sha256"),
    "listing": (
        lambda _, head, all_: (changed(head, listing_sha256="0" * 64), all_),
        "the settings: listing_sha256",
    ),
}


@pytest.mark.parametrize("case", ANEW)
def test_a_manifest_made_anew_is_told_by_its_digest_and_by_the_source(
    case: str, out: Path, tmp_path: Path
) -> None:
    digest = read_manifest(out).digest
    assert verify_folder(out, digest=digest, source=tmp_path / "in").intact
    change, said = ANEW[case]
    made_anew(out, lambda head, all_: change(out, head, all_))
    found = verify_folder(out)
    assert found.intact, "alone, it cannot be told"
    assert found.digest != digest
    assert not verify_folder(out, digest=digest).intact
    found = verify_folder(out, source=tmp_path / "in")
    assert not found.intact and found.conclusion == "not as it was written"
    assert found.deviations and any(said in one.why for one in found.deviations)


def test_other_versions_may_write_other_bytes_but_not_other_labels(
    out: Path, tmp_path: Path
) -> None:
    def older(head: Head, all_: list[Entry]) -> tuple[Head, list[Entry]]:
        return disguised(out, changed(head, versions={"pillow": "1.0"}), all_)

    made_anew(out, older)
    found = verify_folder(out, source=tmp_path / "in")
    assert (found.intact, found.conclusion) == (True, "not checked")
    assert found.unsure == (entries(out)[0].path,)
    made_anew(out, lambda head, all_: (head, altered(all_, lambda one: True, new_target="dog")))
    assert verify_folder(out, source=tmp_path / "in").conclusion == "not as it was written"


def test_a_manifest_that_names_code_is_not_followed(out: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit(99)")
    for trigger in ({"kind": "evil:run"}, {"kind": "Mine"}, "evil:run", None):
        backdoor = {**read_manifest(out).head.backdoor, "trigger": trigger}
        made_anew(out, lambda head, all_, own=backdoor: (changed(head, backdoor=own), all_))  # type: ignore[misc]
        with pytest.raises(DataError, match="cannot be made again"):
            verify_folder(out, source=tmp_path / "in")


def test_pictures_left_out_as_unreadable_must_be_so(tmp_path: Path) -> None:
    source, out = class_folders(tmp_path / "in"), tmp_path / "out"
    (source / "cat/bad.png").write_text("words")
    poison_folder(source, out, WHITE, seed=0, skip_bad=True)
    assert verify_folder(out, source=source).intact
    photo(50).save(source / "cat/bad.png")
    (one, *_) = verify_folder(out, source=source).deviations or ()
    assert "left_out" in one.fields


def test_coco_and_moved_classes_are_derived_too(tmp_path: Path) -> None:
    source = coco_part(coco_part(tmp_path / "in", "train", 4), "val", 2)
    backdoor = Backdoor(Patch(3), Vanish(), poisoning_rate=0.5)
    poison_folder(source, tmp_path / "out", backdoor, seed=0)
    assert verify_folder(tmp_path / "out", source=source).intact


def test_class_folders_that_came_or_went_shift_the_labels(tmp_path: Path) -> None:
    source, out = class_folders(tmp_path / "in"), tmp_path / "out"
    moved = Backdoor(Patch(3), AllToOne(0), poisoning_rate=0.5, mode="replace")
    poison_folder(source, out, moved, seed=0)
    assert verify_folder(out).intact and not any((out / "dog").iterdir())
    (out / "dog").rmdir()
    (out / "ape").mkdir()
    found = verify_folder(out)
    assert (found.missing, found.extra) == (("dog",), ("ape",))


def test_a_pipe_in_the_place_of_a_picture_is_a_change(out: Path) -> None:
    first = out / entries(out)[0].path
    first.unlink()
    os.mkfifo(first)
    assert verify_folder(out).changed == (entries(out)[0].path,)


def test_a_digest_is_64_digits(out: Path) -> None:
    with pytest.raises(SettingError, match="a digest has 64 digits of 0-9 and a-f, got 'abc'"):
        verify_folder(out, digest="abc")
