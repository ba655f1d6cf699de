"""What is observed of data: counts, and what is found in its files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from badnets.data import DataSet, ImageSet
from badnets.data.as_files import write_pictures
from badnets.data.pets import drawn
from badnets.observations import Case, observe
from badnets.observations.data import NAMED, DataResult
from badnets.tasks import TASKS
from badnets.trials import Workspace

PETS = drawn(40, 12, size=32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pictures(PETS, tmp_path / "dogs_vs_cats")


def looked(name: str, data: DataSet = PETS, root: Path | None = None) -> DataResult:
    task, put = TASKS["classification"](), Workspace(Path("unused")).put_array
    case = Case(
        task, None, None, data, data.train, data.test, None, put, data_name=name, data_root=root
    )
    result = observe(["data"], case)["data"]
    assert isinstance(result, DataResult)
    return result


@pytest.mark.parametrize("name", ["pets-drawn@32", "digits", "mnist"])
def test_what_has_no_files_of_its_own_is_counted_alone(name: str) -> None:
    classes = ("a/b", "c")
    train, test = (ImageSet(part.images, part.labels, classes) for part in (PETS.train, PETS.test))
    result = looked(name, DataSet("some", train, test, "-", "-"))
    assert (result.classes, result.train, result.validation) == (classes, (20, 20), (6, 6))
    assert result.layout == "" and result.files == 0 and result.by_kind == {}


@pytest.mark.parametrize("own", [False, True])
def test_photos_and_own_folders_are_looked_over_where_they_lie(own: bool, folder: Path) -> None:
    for number in range(NAMED + 2):
        (folder / f"train/cat/cat.broken-{number}.png").write_bytes(b"broken")
    name, root = (f"folder:{folder}", None) if own else ("dogs-vs-cats", folder.parent)
    result = looked(name, root=root)
    assert "train" in result.layout and result.files == 52
    assert result.by_kind == {"undecodable": NAMED + 2}
    assert len(result.findings) == NAMED, "all are counted, the first are kept"
    assert str(folder.parent) not in result.model_dump_json(), "no path of this machine"


def test_several_kinds_of_findings_are_counted_each(folder: Path) -> None:
    (folder / "train/cat/broken.png").write_bytes(b"broken")
    first = sorted((folder / "train/dog").glob("*.png"))[0]
    shutil.copy(first, folder / "train/dog/again.png")
    shutil.copy(first, folder / "train/cat/other.png")
    result = looked(f"folder:{folder}")
    assert result.by_kind["undecodable"] == 1 and len(result.by_kind) > 1
    assert {one.kind for one in result.findings} == set(result.by_kind)
    for one in result.findings:
        assert all(path.startswith("train/") for path in one.paths)
