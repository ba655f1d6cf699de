"""The contract of every named data set, and how names are found."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from badnets.core.errors import DataError, UnknownNameError
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
)


def embedded(task: str) -> list[str]:
    return sorted(name for name, entry in DATASETS.items() if entry.embedded and entry.task == task)


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


@pytest.mark.parametrize("name", embedded("classification"))
def test_an_embedded_set_is_what_its_entry_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, counts = DATASETS[name], None
    if name == "pets-drawn":  # drawing all of them takes seconds
        assert (entry.train, entry.test) == (pets.TRAIN, pets.TEST)
        counts = 12, 8
        monkeypatch.setattr(pets, "TRAIN", 12)
        monkeypatch.setattr(pets, "TEST", 8)
    if name == "pets-small":
        assert (entry.train, entry.test) == pets.FEW
        counts = 12, 8
        monkeypatch.setattr(pets, "FEW", counts)
    made = entry.load()
    assert isinstance(made, DataSet)
    assert made.name == name
    assert made.shape == entry.shape
    assert made.num_classes == entry.classes
    assert (len(made.train), len(made.test)) == (counts or (entry.train, entry.test))
    assert made.licence == entry.licence
    assert made.train.digest != made.test.digest


@pytest.mark.parametrize("name", embedded("detection"))
def test_an_embedded_detection_set_is_what_its_entry_says(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("TRAIN", "SMALL_TRAIN"):
        monkeypatch.setattr(f"badnets.data.scenes.{part}", 12)
    for part in ("TEST", "SMALL_TEST"):
        monkeypatch.setattr(f"badnets.data.scenes.{part}", 8)
    entry = DATASETS[name]
    made = entry.load()
    assert isinstance(made, DetectionData)
    assert (made.name, made.licence) == (name, entry.licence)
    assert (made.num_classes, made.train.frames.sizes.tolist()) == (
        entry.classes,
        [list(entry.shape or ())[1:]] * 12,
    )
    assert (len(made.train), len(made.test)) == (12, 8)


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_entry_tells_what_a_reader_wants_to_know(name: str) -> None:
    entry = DATASETS[name]
    assert entry.title
    assert entry.licence
    assert entry.where.startswith("http")
    assert entry.description.endswith(".")


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mnist'"):
        load("minst")


def test_a_second_load_returns_the_same_object() -> None:
    assert load("digits") is load("digits", "elsewhere")


def test_a_set_of_ones_own_needs_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "tiny", TINY)
    made = load("tiny", tmp_path)
    assert made.source == str(tmp_path)
    assert load("tiny", tmp_path) is made
    assert load("tiny", tmp_path / "other") is not made, "another root is another set"
    catalogue._loaded.clear()


def test_a_missing_set_is_never_swapped_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("badnets.data.mnist.load.__kwdefaults__", {"progress": None, "mirrors": ()})
    with pytest.raises(DataError, match="MNIST is not complete"):
        load("mnist", tmp_path)


def test_the_list_of_data_sets_needs_no_torch() -> None:
    code = (
        "import sys; from badnets.data import DATASETS; "
        "assert 'mnist' in DATASETS; "
        "print([m for m in ('torch', 'numpy', 'sklearn') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_loader_that_gives_another_kind_of_set_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = dataclasses.replace(TINY, task="detection", embedded=True)
    monkeypatch.setitem(DATASETS, "tiny", wrong)
    with pytest.raises(DataError, match="gave a DataSet, its entry says detection: want a Detect"):
        load_detection("tiny")
    catalogue._loaded.clear()
