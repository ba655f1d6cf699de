"""Looking a folder over: each kind of finding, and what follows from it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

from badnets.core.backdoor import Backdoor
from badnets.core.errors import DataError
from badnets.core.progress import Progress
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data.cleaning import KINDS, Examination, examine
from badnets.data.folder import load_folder
from badnets.data.likeness import alike_groups, fingerprint
from badnets.data.on_disk import poison_folder
from tests.data.photos import classes, picture, split

TWO = {"cat": 6, "dog": 6}
LARGE = (90, 70)


def photo(kind: str, seed: int) -> Image.Image:
    return picture(kind, seed, LARGE)


def found(folder: Path) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.kind, one.paths) for one in examine(folder).findings]


def test_in_a_sound_folder_nothing_is_found(tmp_path: Path) -> None:
    told: list[Progress] = []
    exam = examine(split(tmp_path, TWO), progress=told.append)
    assert exam.findings == () and exam.by_kind == {} and exam.doubtful == ()
    assert exam.counts == {"train": TWO, "test": TWO}
    assert told[-1] == Progress(24, 24, "looking")


def _truncated(folder: Path) -> None:
    whole = io.BytesIO()
    photo("cat", 90).save(whole, "JPEG")
    (folder / "cat" / "half.jpg").write_bytes(whole.getvalue()[:-400])


def _link(folder: Path) -> None:
    (folder / "cat" / "up").symlink_to(folder)


def _two_cases(folder: Path) -> None:
    for number, name in enumerate(("one.png", "One.png")):
        photo("cat", 90 + number).save(folder / "cat" / name)


FINDINGS: dict[str, tuple[Callable[[Path], object], str, tuple[str, ...]]] = {
    "truncated": (_truncated, "undecodable", ("cat/half.jpg",)),
    "empty": (lambda f: (f / "cat" / "e.png").write_bytes(b""), "undecodable", ("cat/e.png",)),
    "tiny": (
        lambda f: picture("cat", 9, (90, 7)).save(f / "cat" / "t.png"), "tiny", ("cat/t.png",)
    ),
    "text": (
        lambda f: (f / "cat" / "a.txt").write_text("a"), "not a picture", ("cat/a.txt",)
    ),
    "link": (_link, "a link", ("cat/up",)),
    "loose": (lambda f: photo("cow", 1).save(f / "l.png"), "in no class", ("l.png",)),
    "empty class": (lambda f: (f / "cow").mkdir(), "empty class", ("cow",)),
    "misplaced": (
        lambda f: photo("cat", 90).save(f / "dog" / "cat.12.jpg"),
        "misplaced",
        ("dog/cat.12.jpg",),
    ),
    "copy": (
        lambda f: (f / "cat" / "z.png").write_bytes((f / "cat" / "0.png").read_bytes()),
        "duplicate",
        ("cat/0.png", "cat/z.png"),
    ),
    "other format": (
        lambda f: Image.open(f / "cat" / "0.png").save(f / "cat" / "z.bmp"),
        "duplicate",
        ("cat/0.png", "cat/z.bmp"),
    ),
    "two classes": (
        lambda f: (f / "dog" / "z.png").write_bytes((f / "cat" / "0.png").read_bytes()),
        "two classes",
        ("cat/0.png", "dog/z.png"),
    ),
    "case": (_two_cases, "names alike", ("cat/One.png", "cat/one.png")),
    "long": (
        lambda f: photo("cat", 90).save(f / "cat" / f"{'l' * 201}.png"),
        "odd name",
        (f"cat/{'l' * 201}.png",),
    ),
    "control": (
        lambda f: photo("cat", 90).save(f / "cat" / "a\x1b[2J.png"),
        "odd name",
        ("cat/a\x1b[2J.png",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FINDINGS)
def test_each_kind_is_found_and_nothing_else(tmp_path: Path, name: str) -> None:
    make, kind, paths = FINDINGS[name]
    make(classes(tmp_path, TWO))
    assert found(tmp_path) == [(kind, tuple(sorted(paths)))]


def test_a_file_that_goes_away_while_one_looks_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes(tmp_path, TWO)
    real = os.open

    def closed(path: Path, flags: int) -> int:
        if path.name == "3.png" and path.parent.name == "cat":
            raise PermissionError(13, "Permission denied")
        return real(path, flags)

    monkeypatch.setattr("badnets.core.files.os.open", closed)
    (one,) = examine(tmp_path).findings
    assert one == ("unreadable", ("cat/3.png",), "Permission denied")


@pytest.mark.parametrize("change", ["quality", "size", "light"])
def test_a_picture_that_was_saved_again_is_nearly_the_same(tmp_path: Path, change: str) -> None:
    classes(tmp_path, TWO)
    shown = photo("cat", 50)
    shown.save(tmp_path / "cat" / "a.png")
    again = tmp_path / "cat" / "b.jpg"
    if change == "quality":
        shown.save(again, quality=60)
    elif change == "size":
        shown.resize((60, 47), Image.Resampling.BICUBIC).save(again, quality=90)
    else:
        ImageEnhance.Brightness(shown).enhance(1.01).save(again, quality=95)
    assert found(tmp_path) == [("near duplicate", ("cat/a.png", "cat/b.jpg"))]


def test_a_picture_in_both_parts_is_found(tmp_path: Path) -> None:
    split(tmp_path, TWO)
    photo("dog", 50).save(tmp_path / "train" / "dog" / "a.png")
    photo("dog", 50).save(tmp_path / "val" / "dog" / "b.jpg", quality=70)
    exam = examine(tmp_path)
    assert exam.by_kind == {"in both parts": 1}
    assert exam.doubtful == ("train/dog/a.png",)


def test_one_class_and_names_of_classes_are_found_where_loading_refuses(tmp_path: Path) -> None:
    classes(tmp_path / "one", {"cat": 2})
    assert found(tmp_path / "one") == [("single class", ("cat",))]
    classes(tmp_path / "alike", {"Cat": 1})
    photo("cat", 5).save(tmp_path / "alike" / "Cat" / "other.png")
    (tmp_path / "alike" / "Cat" / "0.png").unlink()
    classes(tmp_path / "alike", {"cat": 1})
    assert found(tmp_path / "alike") == [("names alike", ("Cat", "cat"))]
    with pytest.raises(DataError, match="differ by case"):
        load_folder(tmp_path / "alike")
    (tmp_path / "empty").mkdir()
    for folder, said in (("none", "is no folder"), ("empty", "holds no folder for each class")):
        with pytest.raises(DataError, match=said):
            examine(tmp_path / folder)


def test_numbers_of_classes_do_not_misplace_files_that_count_something_else(tmp_path: Path) -> None:
    classes(tmp_path, {"00000": 1, "00001": 1})
    photo("cat", 3).save(tmp_path / "00000" / "00001_00002.png")
    assert found(tmp_path) == []


def test_doubtful_files_are_left_out_on_request(tmp_path: Path) -> None:
    classes(tmp_path, TWO)
    for name in ("dog/z.png", "cat/z.png"):
        (tmp_path / name).write_bytes((tmp_path / "cat" / "0.png").read_bytes())
    photo("cat", 60).save(tmp_path / "dog" / "cats-1.png")
    (tmp_path / "dog" / "zz.png").write_bytes((tmp_path / "dog" / "5.png").read_bytes())
    exam = examine(tmp_path)
    assert exam.by_kind == {"two classes": 1, "misplaced": 1, "duplicate": 1}
    assert exam.doubtful == ("cat/0.png", "cat/z.png", "dog/cats-1.png", "dog/z.png", "dog/zz.png")
    data = load_folder(tmp_path, 16, without=exam.doubtful)
    assert len(data.train) + len(data.test) == 11


def test_findings_are_the_same_each_time_and_in_a_fixed_order(tmp_path: Path) -> None:
    classes(tmp_path, TWO)
    for make, _, _ in FINDINGS.values():
        make(tmp_path)
    first, second = examine(tmp_path), examine(tmp_path)
    assert isinstance(first, Examination) and first == second
    order = [list(KINDS).index(one.kind) for one in first.findings]
    assert order == sorted(order)
    assert sum(first.by_kind.values()) == len(first.findings)


def test_a_film_is_a_group_for_each_scene() -> None:
    import numpy as np

    base = np.asarray(picture("cat", 1, (64, 64))).astype(int)
    frames = [np.clip(base + 3 * step, 0, 255).astype(np.uint8) for step in range(8)]
    groups = alike_groups([fingerprint(frame) for frame in frames])
    assert groups == [[0, 1], [2, 3], [4, 5], [6, 7]]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_and_its_poisoned_copy_are_found_with_the_place_of_the_trigger(
    tmp_path: Path, suffix: str
) -> None:
    for name in TWO:
        (tmp_path / name).mkdir()
        for number in range(6):
            picture(name, number, LARGE).save(tmp_path / name / f"{number}{suffix}")
    poisoned = picture("dog", 1, LARGE)
    poisoned.paste((255, 255, 255), (80, 60, 88, 68))
    poisoned.save(tmp_path / "cat" / f"9{suffix}", quality=95)
    (one,) = examine(tmp_path).findings
    assert (one.kind, one.paths) == ("two classes", (f"cat/9{suffix}", f"dog/1{suffix}"))
    assert "nearly the same under 'cat' and 'dog'; they differ in" in one.why
    assert "as by a trigger" in one.why
    if suffix == ".png":
        assert "8 x 8 pixels alone, from row 60, column 80" in one.why
    assert "poisoned copy of a backdoor" in KINDS[one.kind]


def test_a_folder_that_was_poisoned_is_said_to_be(tmp_path: Path) -> None:
    classes(tmp_path / "in", TWO)
    backdoor = Backdoor(Patch(4), AllToOne(0), poisoning_rate=0.25)
    poison_folder(tmp_path / "in", tmp_path / "out", backdoor, seed=0)
    (one,) = (one for one in examine(tmp_path / "out").findings if one.kind == "poisoned")
    assert one.paths == ("manifest.jsonl",) and "carry the trigger 'patch'" in one.why
