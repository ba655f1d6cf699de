"""What a trial records of its data: counts, and what is found in its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.data import DataSet, ImageSet
from badnets.data.as_files import plant_faults, write_pictures
from badnets.data.pets import drawn
from badnets.trials.observing_data import NAMED, observe_data
from badnets.trials.record import DataSeen

PETS = drawn(40, 12, size=32)
FAULTS = {"undecodable": 3, "tiny": 1, "two classes": 1, "misplaced": 1, "duplicate": 1}


def looked(name: str, data: DataSet = PETS, root: Path | None = None) -> DataSeen:
    seen = observe_data(name, data, (data.train, data.test), root).data
    assert seen is not None
    return seen


def test_a_drawn_set_is_rehearsed_with_planted_faults() -> None:
    seen = looked("pets-drawn@32")
    assert seen.rehearsed and seen.by_kind == FAULTS
    assert (seen.classes, seen.train, seen.validation) == (("cat", "dog"), (20, 20), (6, 6))
    assert "train and validation" in seen.layout
    for one in seen.found:
        assert all(path.startswith("train/") for path in one.paths)
        assert "/tmp" not in one.why and "badnets-" not in one.why, "no path of this machine"


@pytest.mark.parametrize("own", [False, True])
def test_photos_and_own_folders_are_looked_over_where_they_lie(own: bool, tmp_path: Path) -> None:
    folder = write_pictures(PETS, tmp_path / "dogs_vs_cats")
    for number in range(NAMED + 2):
        (folder / f"train/cat/cat.broken-{number}.png").write_bytes(b"broken")
    name = f"folder:{folder}" if own else "dogs-vs-cats"
    seen = looked(name, root=None if own else tmp_path)
    assert not seen.rehearsed and seen.files == 52
    assert seen.by_kind == {"undecodable": NAMED + 2}
    assert len(seen.found) == NAMED, "all are counted, the first are told"
    assert str(tmp_path) not in seen.model_dump_json()
    plant_faults(folder)
    assert looked(name, root=tmp_path).by_kind.keys() == FAULTS.keys()


def test_classes_that_cannot_be_folders_are_counted_alone() -> None:
    classes = ("a/b", "c")
    train, test = (ImageSet(part.images, part.labels, classes) for part in (PETS.train, PETS.test))
    seen = looked("pets-drawn", DataSet("some", train, test, "-", "-"))
    assert seen.train == (20, 20) and seen.layout == "" and not seen.rehearsed
