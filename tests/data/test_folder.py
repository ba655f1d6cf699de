"""Folders of pictures as data sets: what is read, how it is split, what is left out or refused."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from badnets.core.errors import DataError
from badnets.data import load
from badnets.data.catalogue import check_task, entry_of, task_of
from badnets.data.folder import load_folder
from badnets.data.streamed import ImageFiles
from badnets.trials.trial import OutsourcedTrial
from tests.data.photos import classes, picture, split

TWO = {"cat": 6, "dog": 5}


def test_a_split_folder_keeps_its_split_and_the_order_of_its_paths(tmp_path: Path) -> None:
    data = load_folder(split(tmp_path / "pets", TWO), 16)
    assert (data.name, data.classes, data.shape) == ("folder:pets", ("cat", "dog"), (3, 16, 16))
    assert data.train.counts == data.test.counts == (6, 5)
    assert data.train.labels.tolist() == [0] * 6 + [1] * 5
    assert not data.notes
    red, blue = (data.train.images[data.train.labels == k][:, c].float().mean() for k, c in
                 ((0, 0), (1, 2)))  # fmt: skip
    assert red > 150 and blue > 150


def test_without_a_split_a_fifth_of_each_class_is_drawn_always_the_same(tmp_path: Path) -> None:
    classes(tmp_path, {"cat": 20, "dog": 10})
    data, again = load_folder(tmp_path, 16), load_folder(tmp_path, 16)
    assert (data.train.counts, data.test.counts) == ((16, 8), (4, 2))
    assert data.digests == again.digests
    assert "20 % of each class are its test part, drawn with seed 0" in data.notes[0]
    seen = {image.numpy().tobytes() for part in (data.train, data.test) for image in part.images}
    assert len(seen) == 30


def test_images_are_the_same_in_memory_and_streamed(tmp_path: Path) -> None:
    split(tmp_path, TWO)
    kept, streamed = (load_folder(tmp_path, 16, in_memory=where) for where in (True, False))
    assert isinstance(kept.train.stored, torch.Tensor)
    assert isinstance(streamed.train.stored, ImageFiles)
    assert kept.digests == streamed.digests
    assert torch.equal(kept.train.images, streamed.train.images)
    for one, other in zip(kept.hold_back(4, seed=1), streamed.hold_back(4, seed=1), strict=True):
        assert one.digest == other.digest


def test_a_set_that_does_not_fit_memory_is_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split(tmp_path, TWO)
    assert isinstance(load_folder(tmp_path, 16).train.stored, torch.Tensor)
    monkeypatch.setattr("badnets.data.folder.free_memory", lambda: 22 * 3 * 16 * 16)
    assert isinstance(load_folder(tmp_path, 16).train.stored, ImageFiles)


@pytest.mark.parametrize("in_memory", [True, False])
def test_files_that_cannot_be_used_are_left_out_and_counted(
    tmp_path: Path, in_memory: bool, caplog: pytest.LogCaptureFixture
) -> None:
    split(tmp_path, TWO)
    expected = load_folder(tmp_path, 16).train
    cats = tmp_path / "train" / "cat"
    (cats / "00.png").write_bytes(b"")
    (cats / "1a.jpg").write_bytes(b"no picture")
    (cats / "Thumbs.db").write_bytes(b"")
    picture("cat", 1, (5, 90)).save(cats / "3a.png")
    with caplog.at_level(logging.WARNING):
        data = load_folder(tmp_path, 16, in_memory=in_memory)
    assert data.train.digest == expected.digest
    said = "4 of 26 files are left out as they are no pictures that can be used: train/cat/Thumbs"
    assert len(data.notes) == 1 and said in data.notes[0]
    assert caplog.messages == list(data.notes)


def test_further_files_may_be_left_out(tmp_path: Path) -> None:
    split(tmp_path, TWO)
    data = load_folder(tmp_path, 16, without=["train/cat/0.png", "val/dog/1000.png"])
    assert (data.train.counts, data.test.counts) == ((5, 5), (6, 4))


def test_what_leaves_a_class_empty_is_refused(tmp_path: Path) -> None:
    split(tmp_path, {"cat": 1, "dog": 5})
    (tmp_path / "train" / "cat" / "0.png").write_bytes(b"GIF89a")
    with pytest.raises(DataError, match=r"no training picture of class 'cat' is left .1 of its"):
        load_folder(tmp_path, 16)
    (tmp_path / "train" / "cow").mkdir()
    with pytest.raises(DataError, match="no training picture of class"):
        load_folder(tmp_path, 16)


def test_one_class_and_too_few_pictures_are_refused(tmp_path: Path) -> None:
    classes(tmp_path / "one", {"cat": 3})
    with pytest.raises(DataError, match="one class, 'cat': at least two are needed"):
        load_folder(tmp_path / "one", 16)
    classes(tmp_path / "few", {"cat": 9, "dog": 4})
    with pytest.raises(DataError, match="class 'dog' has 4 pictures, too few to hold a test part"):
        load_folder(tmp_path / "few", 16)


def test_a_folder_is_a_name_with_a_size(tmp_path: Path) -> None:
    own = split(tmp_path / "own@2", TWO)
    name = f"folder:{own}@20"
    entry = entry_of(name)
    assert (entry.shape, entry.classes, entry.task) == ((3, 20, 20), 2, "classification")
    assert task_of(name) == "classification"
    check_task(name, "classification")
    assert load(name).shape == (3, 20, 20)
    assert load(f"folder:{own}@64").shape == entry_of(f"folder:{own}@64").shape == (3, 64, 64)


@pytest.mark.parametrize(
    ("sizes", "side"),
    [
        ([(48, 48)], 48),
        ([(60, 28), (28, 40)], 28),
        ([(48, 48), (5, 5)], 48),
        ([(64, 64)], 64),
        ([(48, 48), (47, 48)], 64),
        ([(200, 200)], 64),
    ],
    ids=str,
)
def test_pictures_of_one_size_are_read_at_it(
    sizes: list[tuple[int, int]], side: int, tmp_path: Path
) -> None:
    for number in range(12):
        folder = tmp_path / ("cat", "dog")[number % 2]
        folder.mkdir(exist_ok=True)
        size = sizes[-1 if number > 9 else 0]
        picture("cat", number, size).convert("L").save(folder / f"{number}.png")
    (tmp_path / "cat" / "bad.png").write_bytes(b"no picture")
    picture("cat", 0, (90, 90)).save(tmp_path / "overview.png")
    name = f"folder:{tmp_path}"
    data = load(name)
    assert data.shape == entry_of(name).shape == load_folder(tmp_path).shape == (3, side, side)
    assert data.notes[0].startswith(f"read at {side} x {side} pixels")
    trial = OutsourcedTrial(data=name, network="small-resnet")
    assert trial.data == (name if side == 64 else f"{name}@{side}"), "64 has always had this name"
    assert OutsourcedTrial(data=trial.data, network="small-resnet").name == trial.name
    assert entry_of(f"{name}@16").shape == (3, 16, 16)
    picture("cat", 0, (30, 20)).save(tmp_path / "cat" / "0.png")
    assert entry_of(name).shape == (3, 64, 64), "looked at again"


def test_picked_classes_of_a_folder_are_named_without_its_path(tmp_path: Path) -> None:
    folder = classes(tmp_path / "pets", {"cat": 5, "cow": 5, "dog": 5})
    assert load(f"folder:{folder}[0,2]").name == "folder:pets[0,2]"


def test_a_folder_is_read_again_once_its_files_have_changed(tmp_path: Path) -> None:
    name = f"folder:{split(tmp_path, TWO)}@16"
    first = load(name)
    assert load(name) is first
    picture("dog", 77).save(tmp_path / "train" / "dog" / "77.png")
    assert len(load(name).train) == len(first.train) + 1
