"""``badnets audit data``: folders and named sets on the command line, and what it writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from badnets.data import DataSet, load_folder
from badnets.models.classifier import untrained
from tests.cli.conftest import Cli
from tests.data.photos import classes

POISONED = 12


@pytest.fixture
def photos(toys: DataSet, tmp_path: Path) -> Path:
    """Return a folder whose last pictures of dogs carry a patch, beside a network and clean ones.

    They are other cats, under the wrong label.
    """
    untrained("tiny", (3, 12, 12), ("cat", "dog"), seed=0).save(tmp_path / "net")
    folder = classes(tmp_path / "photos", {"cat": 50, "dog": 50})
    classes(tmp_path / "more", {"cat": POISONED}, first=500)
    for number, path in enumerate(sorted((tmp_path / "more/cat").iterdir())):
        with Image.open(path) as picture:
            picture.paste((0, 255, 0), (18, 14, 23, 19))
            picture.save(folder / "dog" / f"x{number:02}.png")
    for part, first in (("train", 1000), ("test", 2000)):
        classes(tmp_path / "trusted" / part, {"cat": 60, "dog": 60}, first=first)
    return folder


TOLD = ("audit", "data", "photos", "--model", "net", "--clean", "trusted", "--max-fpr", "0.02")


def test_a_poisoned_folder_is_told_listed_drawn_and_cleaned(
    photos: Path, tmp_path: Path, cli: Cli
) -> None:
    ended = cli(
        *TOLD, "--list", "l.csv", "--sheet", "s.png", "--cleaned", "kept", "--format", "json"
    )
    assert ended.code == 1, ended
    said = json.loads(ended.out)
    assert said["conclusion"] == "poisoning likely" and said["list_file"] == "l.csv"
    with (tmp_path / "l.csv").open() as file:
        listed = [line["image"] for line in csv.DictReader(file)]
    assert {f"dog/x{number:02}.png" for number in range(POISONED)} <= set(listed)
    assert listed == said["flagged_images"]
    kept = {str(path.relative_to(tmp_path / "kept")) for path in (tmp_path / "kept").rglob("*.png")}
    assert len(kept) == 100 + POISONED - len(listed) and not kept & set(listed)
    assert load_folder(tmp_path / "kept").classes == ("cat", "dog")
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.width > 8 * 64
    taken = cli(*TOLD, "--cleaned", "kept").refused()
    assert taken == "kept exists already: choose another name"
    inside = cli(*TOLD, "--cleaned", "photos/kept").refused()
    assert "lies in photos, which is read" in inside and not (photos / "kept").exists()


def test_flagged_files_are_the_locations_of_a_log(photos: Path, cli: Cli) -> None:
    (run,) = json.loads(cli(*TOLD, "--format", "sarif").out)["runs"]
    (result,) = run["results"]
    assert result["ruleId"] == "badnets/poisoning-likely" and run["invocations"][0]["exitCode"] == 1
    where = [one["physicalLocation"]["artifactLocation"]["uri"] for one in result["locations"]]
    assert "photos/dog/x00.png" in where


def test_a_named_set_is_cleaned_into_pictures(toys: DataSet, tmp_path: Path, cli: Cli) -> None:
    untrained("tiny", toys.test.shape, toys.classes, seed=0).save(tmp_path / "net")
    ended = cli("audit", "data", "halves", "--model", "net", "--cleaned", "kept", "--json")
    assert ended.code == 3 and json.loads(ended.out)["conclusion"] == "not checked"
    assert len(load_folder(tmp_path / "kept").train) == len(toys.train)
    wrong = cli("audit", "data", "halves", "--model", "net", "--method", "mahalanobi").refused()
    assert "did you mean 'mahalanobis'" in wrong
    assert "ends in .png" in cli("audit", "data", "halves", "--sheet", "s.jpg").refused()
    assert "gone" in cli("audit", "data", "gone").refused()
