"""Data sets by module:factory: called as a loader, and what they return is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.core.errors import BadnetsError, DataError
from badnets.data import DataSet, load, load_detection
from badnets.data.catalogue import check_task, is_own, task_of

OWN = """
from badnets.data import DataSet, load_detection
from tests.models.toys import halves

def make(root, *, progress=None):
    make.calls = getattr(make, "calls", 0) + 1
    assert (root / "here").exists()
    return DataSet("own", halves(8, seed=1), halves(4, seed=2), f"drawn {make.calls}", "none")

def scenes(root, *, progress=None):
    return load_detection("scenes-small")

def images(root, *, progress=None):
    return halves(8)

def positional():
    return None
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module in the working folder."""
    monkeypatch.chdir(tmp_path)
    name = "sets_" + "".join(c if c.isalnum() else "_" for c in tmp_path.name)
    (tmp_path / f"{name}.py").write_text(OWN)
    (tmp_path / "here").touch()
    return name


def test_it_is_loaded_once_from_the_data_root(own: str, tmp_path: Path) -> None:
    first = load(f"{own}:make", tmp_path)
    assert isinstance(first, DataSet) and first.source == "drawn 1"
    assert load(f"{own}:make", tmp_path) is first


def test_a_set_with_boxes_is_for_detectors(own: str) -> None:
    assert load_detection(f"{own}:scenes").train.classes
    with pytest.raises(BadnetsError, match=r"a DetectionData, .* DataSet"):
        load(f"{own}:scenes")


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("images", "returned a ImageSet, a badnets DataSet is wanted"),
        ("positional", "positional failed: TypeError"),
        ("mak", "did you mean 'make'"),
    ],
)
def test_what_is_no_data_set_is_one_line(own: str, factory: str, said: str) -> None:
    with pytest.raises(BadnetsError, match=said) as caught:
        load(f"{own}:{factory}")
    assert "\n" not in str(caught.value)


def test_nothing_is_imported_to_know_what_a_name_means() -> None:
    assert is_own("none_such.sets:make") and not is_own("folder:photos") and not is_own("coco:x")
    assert task_of("none_such.sets:make") == "classification"
    check_task("none_such.sets:make", "detection")
    with pytest.raises(DataError):
        check_task("digits", "detection")
