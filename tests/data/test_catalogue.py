"""The contract of every named data set, and how names are found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from badnets.core.errors import DataError
from badnets.data import (
    DATASETS,
    DataSet,
    DetectionData,
    Entry,
    ImageSet,
    catalogue,
    load,
    load_detection,
    pets,
    scenes,
)


def tiny(root: Path | None = None, *, progress: object = None) -> DataSet:
    images = torch.arange(4, dtype=torch.uint8).reshape(4, 1, 1, 1)
    made = ImageSet(images, torch.tensor([0, 1, 0, 1]), ("a", "b"))
    return DataSet("tiny", made, made, source=str(root), licence="none")


TINY = Entry(
    title="Tiny",
    loader=tiny,
    shape=(1, 1, 1),
    classes=2,
    train=4,
    test=4,
    licence="none",
    where="here",
    description="Four images.",
)


DRAWN = {
    "pets-drawn": (pets.TRAIN, pets.TEST),
    "pets-small": pets.FEW,
    "scenes": (scenes.TRAIN, scenes.TEST),
    "scenes-swedish": (scenes.TRAIN, scenes.TEST),
    "scenes-small": (scenes.SMALL_TRAIN, scenes.SMALL_TEST),
}
FEW = {"pets.TRAIN": 12, "pets.TEST": 8, "pets.FEW": (12, 8)} | {
    f"scenes.{small}{part}": count
    for small in ("", "SMALL_")
    for part, count in (("TRAIN", 12), ("TEST", 8))
}
"""Drawing all of them takes seconds."""


@pytest.mark.parametrize("name", sorted(name for name in DATASETS if DATASETS[name].embedded))
def test_an_embedded_set_is_what_its_entry_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = DATASETS[name]
    stated = (entry.train, entry.test)
    if name in DRAWN:
        assert stated == DRAWN[name]
        for where, few in FEW.items():
            monkeypatch.setattr(f"badnets.data.{where}", few)
        stated = (12, 8)
    made = entry.load()
    assert isinstance(made, DataSet if entry.task == "classification" else DetectionData)
    shape = made.shape if isinstance(made, DataSet) else tuple(made.train.frames.read(0).shape)
    assert (made.name, made.licence, shape) == (name, entry.licence, entry.shape)
    assert (made.num_classes, len(made.train), len(made.test)) == (entry.classes, *stated)
    assert made.train.digest != made.test.digest


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_entry_tells_what_a_reader_wants_to_know(name: str) -> None:
    entry = DATASETS[name]
    assert entry.title
    assert entry.licence
    assert entry.where.startswith("http")
    assert entry.description.endswith(".")


@pytest.mark.parametrize("name", ["dogs-vs-cats", "gtsrb", "lisa", "gtsdb", "swedish"])
def test_a_missing_set_says_where_to_get_it(name: str, tmp_path: Path) -> None:
    read = load if DATASETS[name].task == "classification" else load_detection
    with pytest.raises(DataError) as caught:
        read(name, tmp_path)
    for part in (DATASETS[name].title, f"not in {tmp_path}", DATASETS[name].where, "--data-root"):
        assert part in str(caught.value)


def test_a_second_load_returns_the_same_object() -> None:
    assert load("digits") is load("digits", "elsewhere")


def test_a_set_of_ones_own_needs_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "tiny", TINY)
    made = load("tiny", tmp_path)
    assert made.source == str(tmp_path)
    assert load("tiny", tmp_path) is made
    assert load("tiny", tmp_path / "other") is not made, "another root is another set"
    catalogue._loaded.clear()


def test_what_another_process_has_loaded_is_not_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DATASETS, "tiny", TINY)
    monkeypatch.setattr(catalogue, "_loaded", {})
    given = tiny()
    catalogue.hold("tiny", tmp_path, given)
    assert load("tiny", tmp_path) is given
    assert load("tiny", tmp_path / "elsewhere") is not given


def test_a_missing_set_is_never_swapped_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("badnets.data.mnist.load.__kwdefaults__", {"progress": None, "mirrors": ()})
    with pytest.raises(DataError, match="MNIST is not complete"):
        load("mnist", tmp_path)


def test_a_loader_that_gives_another_kind_of_set_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = dataclasses.replace(TINY, task="detection", embedded=True)
    monkeypatch.setitem(DATASETS, "tiny", wrong)
    with pytest.raises(DataError, match="gave a DataSet, its entry says detection: want a Detect"):
        load_detection("tiny")
    catalogue._loaded.clear()
