"""Which files of a folder are the training part, of which class; and what each becomes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.errors import DataError
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data.layouts import SUFFIXES, find_layout, list_pictures
from badnets.data.on_disk import class_names, poison_folder
from badnets.data.on_disk.encoding import FORMATS
from badnets.data.on_disk.manifest import Picture
from badnets.data.on_disk.plan import find_pictures
from tests.data.on_disk.folders import (
    WHITE,
    class_folders,
    coco_part,
    entries,
    photo,
    poisoned,
    rows,
)


@pytest.mark.parametrize("train", ["train", "Training"])
@pytest.mark.parametrize("other", ["validation", "val", "test"])
def test_only_the_training_part_is_poisoned(train: str, other: str, tmp_path: Path) -> None:
    class_folders(tmp_path / "in" / train)
    class_folders(tmp_path / "in" / other, {"cat": 2, "dog": 3})
    written = poison_folder(tmp_path / "in", tmp_path / "out", WHITE, seed=0)
    assert written.head.layout == "split"
    assert (written.share.hits, written.share.total) == (4, 16)
    assert all(each.path.startswith(f"{train}/") for each in rows(tmp_path / "out"))
    others = [each for each in entries(tmp_path / "out") if each.path.startswith(other)]
    assert [each.path for each in others] == [each.source for each in others]
    for each in others:
        assert isinstance(each, Picture) and not each.is_poisoned and each.row is None
        assert each.old_target == each.new_target == each.path.split("/")[1]


@pytest.mark.parametrize("inside", ["", "train"])
def test_kaggles_flat_names(inside: str, tmp_path: Path) -> None:
    (tmp_path / "in" / inside).mkdir(parents=True)
    for number in range(12):
        name = f"{('cat', 'dog')[number % 2]}.{number}.jpg"
        photo(number).save(tmp_path / "in" / inside / name)
    if inside:
        (tmp_path / "in/test1").mkdir()
        photo(99).save(tmp_path / "in/test1/1.jpg")
    written = poison_folder(tmp_path / "in", tmp_path / "out", WHITE, seed=0)
    assert (written.head.layout, written.head.classes) == ("flat", ("cat", "dog"))
    names = {path.name for path in (tmp_path / "out" / inside).glob("*.jpg")}
    assert names == {f"cat.{n}.jpg" for n in range(10)} | {f"dog.{n}.jpg" for n in range(6)}
    assert (tmp_path / "out/test1/1.jpg").exists() == bool(inside)


def test_rows_are_in_the_order_of_the_paths_also_where_class_names_begin_alike(
    tmp_path: Path,
) -> None:
    class_folders(tmp_path, {"cat": 1, "cat-b": 1, "cat b": 1})
    paths = [file.path for file in find_pictures(tmp_path).train]
    assert paths == sorted(paths)
    assert [path.split("/")[0] for path in paths] == ["cat b", "cat-b", "cat"]


def test_what_is_no_picture_is_left_out_and_said(tmp_path: Path) -> None:
    class_folders(tmp_path / "in")
    for name in ("cat/Thumbs.db", "README.md", ".DS_Store", "cat/.hidden.png"):
        (tmp_path / "in" / name).write_text("no picture")
    photo(1).save(tmp_path / "in" / "loose.png")
    os.mkfifo(tmp_path / "in/cat/pipe.png")
    written = poison_folder(tmp_path / "in", tmp_path / "out", WHITE, seed=0)
    assert [(file.path, file.why) for file in written.head.left_out] == [
        (".DS_Store", "hidden"),
        ("README.md", "not a picture"),
        ("cat/.hidden.png", "hidden"),
        ("cat/Thumbs.db", "not a picture"),
        ("cat/pipe.png", "not a file"),
        ("loose.png", "not in a class folder"),
    ]
    assert written.files == 16


def test_links_to_pictures_and_folders_are_followed(tmp_path: Path) -> None:
    class_folders(tmp_path / "real")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/cat").symlink_to(tmp_path / "real/cat")
    (tmp_path / "in/dog").mkdir()
    (tmp_path / "in/dog/one.png").symlink_to(tmp_path / "real/dog/photo 1.png")
    backdoor = Backdoor(Patch(2), AllToOne(0), poisoning_rate="every")
    poison_folder(tmp_path / "in", tmp_path / "out", backdoor, seed=0)
    assert len(poisoned(tmp_path / "out")) == 1
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))


def test_the_pictures_are_those_of_folders_that_are_loaded() -> None:
    assert set(FORMATS) == SUFFIXES


@pytest.mark.parametrize("part", ["", "train"])
def test_a_result_is_loaded_as_a_folder_of_its_own(part: str, tmp_path: Path) -> None:
    class_folders(tmp_path / "in" / part)
    if part:
        class_folders(tmp_path / "in/val")
    poison_folder(tmp_path / "in", tmp_path / "out", WHITE, seed=0)
    listing = list_pictures(find_layout(tmp_path / "out"))
    told = sorted((each.path, each.new_target) for each in rows(tmp_path / "out"))
    assert [(path, target) for path, target in listing.train] == told
    assert len(listing.test) == (12 if part else 0)


def test_new_names_tell_nothing(tmp_path: Path) -> None:
    class_folders(tmp_path / "in", {"cat": 40, "dog": 40}, size=(8, 8))
    backdoor = Backdoor(Patch(2), AllToOne(0), poisoning_rate=0.25)
    poison_folder(tmp_path / "in", tmp_path / "out", backdoor, seed=0)
    numbers = [int(Path(each.path).stem) for each in poisoned(tmp_path / "out")]
    cats = sorted(int(path.stem) for path in (tmp_path / "out/cat").iterdir())
    assert cats == list(range(67))
    assert 20 < sum(numbers) / len(numbers) < 46, "copies have their numbers in a heap"
    assert min(numbers) < 10 and max(numbers) > 56
    assert {len(path.name) for path in (tmp_path / "out").rglob("*.png")} == {9}


def test_unicode_and_long_names(tmp_path: Path) -> None:
    long = "ñ" * 120 + "x" * 8 + ".png"  # 252 bytes
    class_folders(tmp_path / "in/train", {"猫": 2, "犬 №1": 2})
    class_folders(tmp_path / "in/val", {"猫": 1, "犬 №1": 1})
    photo(7).save(tmp_path / "in/train/猫" / long)
    photo(8).save(tmp_path / "in/val/猫" / long)
    photo(9).save(tmp_path / "in/val/猫" / 'a "b"\n\\c.png')
    poison_folder(tmp_path / "in", tmp_path / "out", WHITE, seed=0)
    sources = {each.source for each in entries(tmp_path / "out")}
    assert {f"train/猫/{long}", f"val/猫/{long}", 'val/猫/a "b"\n\\c.png'} <= sources
    assert (tmp_path / "out/val/猫" / long).is_file()


def test_the_classes_by_name(tmp_path: Path) -> None:
    assert class_names(class_folders(tmp_path / "in")) == ("cat", "dog")
    coco_part(coco_part(tmp_path / "coco", "train", 2), "val", 2)
    assert class_names(tmp_path / "coco") == ("stop", "yield")


def test_a_class_that_is_moved_keeps_its_folder_and_an_odd_suffix_becomes_the_usual_one(
    tmp_path: Path,
) -> None:
    class_folders(tmp_path / "in", {"cat": 3}, suffix=".JPEG")
    class_folders(tmp_path / "in", {"dog": 1}, suffix=".jpg")
    backdoor = Backdoor(Patch(2), AllToOne(0), poisoning_rate=0.25, mode="replace")
    poison_folder(tmp_path / "in", tmp_path / "out", backdoor, seed=0)
    assert list((tmp_path / "out/dog").iterdir()) == []
    assert {Path(each.path).suffix for each in entries(tmp_path / "out")} == {".jpg"}


def test_pictures_of_another_part_that_many_disks_take_for_one_are_refused(tmp_path: Path) -> None:
    class_folders(tmp_path / "train")
    class_folders(tmp_path / "val", {"cat": 1, "dog": 1})
    for name in ("A.png", "a.png"):
        photo(1).save(tmp_path / "val/cat" / name)
    with pytest.raises(DataError, match=r"'val/cat/A\.png' and 'val/cat/a\.png' differ by case"):
        poison_folder(tmp_path, tmp_path.with_name("result"), WHITE, seed=0)
