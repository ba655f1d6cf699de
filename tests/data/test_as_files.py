"""A data set as files reads back the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from badnets.core.errors import DataError, OutputError
from badnets.data import DataSet, ImageSet
from badnets.data.as_files import write_pictures
from badnets.data.cleaning import examine
from badnets.data.folder import load_folder
from badnets.data.pets import drawn

PETS = drawn(12, 8, size=32)


def renamed(*classes: str) -> DataSet:
    train, test = (ImageSet(part.images, part.labels, classes) for part in (PETS.train, PETS.test))
    return DataSet("renamed", train, test, "-", "-")


def test_the_folder_has_the_articles_layout_and_reads_back_the_same(tmp_path: Path) -> None:
    folder = write_pictures(PETS, tmp_path / "pets")
    assert sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*")) == [
        "train/cat",
        "train/dog",
        "validation/cat",
        "validation/dog",
    ]
    again = load_folder(folder, 32)
    for part, own in ((again.train, PETS.train), (again.test, PETS.test)):
        by_class = own.take(own.labels.argsort(stable=True))
        assert torch.equal(part.images, by_class.images)
        assert torch.equal(part.labels, by_class.labels)
    assert examine(folder).findings == ()


def test_grey_images_are_written_too(tmp_path: Path) -> None:
    grey = ImageSet(PETS.train.images[:, :1], PETS.train.labels, PETS.classes)
    folder = write_pictures(DataSet("grey", grey, grey, "-", "-"), tmp_path / "grey")
    again = load_folder(folder, 32).train
    order = grey.labels.argsort(stable=True)
    assert torch.equal(again.images, grey.images[order].expand(-1, 3, -1, -1))


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError):
        write_pictures(PETS, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", ["..", ".cat", "a/b", "a\\b"])
def test_a_class_that_cannot_be_a_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be the name of a folder"):
        write_pictures(renamed(name, "dog"), tmp_path / "pets")
    with pytest.raises(DataError, match="would share a folder"):
        write_pictures(renamed("Dog", "dog"), tmp_path / "pets")
    assert list(tmp_path.iterdir()) == []
