"""Dogs-vs-cats in its usual layouts, the Oxford pets, and GTSRB by track."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from badnets.core.errors import DataError, SettingError
from badnets.data import DATASETS, gtsrb, load, photos
from tests.data.photos import classes, picture, split

TWO = {"cat": 5, "dog": 5}
REAL = Path(os.environ.get("BADNETS_DATA", "/nowhere"))


def _flat(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in TWO:
        for number in range(5):
            picture(name, number).save(folder / f"{name}.{number}.jpg")


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("dogs_vs_cats", "split"),
        ("dogs-vs-cats", "flat"),
        ("cats_and_dogs_filtered", "plural"),
        ("PetImages", "capital"),
    ],
)
def test_dogs_vs_cats_has_the_same_classes_in_every_layout(
    tmp_path: Path, name: str, layout: str
) -> None:
    folder = tmp_path / name
    if layout == "flat":
        _flat(folder / "train")
    elif layout == "plural":
        split(folder, {"cats": 5, "dogs": 5}, ("train", "validation"))
    elif layout == "capital":
        classes(folder, {"Cat": 5, "Dog": 5})
    else:
        split(folder, TWO)
    data = load("dogs-vs-cats@16", tmp_path)
    assert (data.classes, data.shape, data.name) == (("cat", "dog"), (3, 16, 16), "dogs-vs-cats")
    is_split = layout in ("split", "plural")
    assert data.train.counts == ((5, 5) if is_split else (4, 4))
    assert len(data.notes) == (0 if is_split else 1)


def test_dogs_vs_cats_that_are_other_animals(tmp_path: Path) -> None:
    split(tmp_path / "dogs_vs_cats", {"cow": 1, "dog": 1})
    with pytest.raises(DataError, match="has the classes cow, dog, wanted are cat and dog"):
        load("dogs-vs-cats", tmp_path)


@pytest.fixture
def oxford(tmp_path: Path) -> Path:
    """Return a data root with three breeds in torchvision's layout."""
    base = tmp_path / "oxford-iiit-pet"
    (base / "images").mkdir(parents=True)
    (base / "annotations").mkdir()
    head = "#Image CLASS-ID SPECIES BREED ID\n"
    for part, number in (("trainval", 1), ("test", 2)):
        rows = []
        for breed, (name, species) in enumerate(
            (("Abyssinian", 1), ("yorkshire_terrier", 2), ("basset_hound", 2)), start=1
        ):
            picture(name, number).save(base / "images" / f"{name}_{number}.jpg")
            rows.append(f"{name}_{number} {breed} {species} 1")
        (base / "annotations" / f"{part}.txt").write_text(head + "\n".join(rows) + "\n")
    return tmp_path


def test_the_oxford_pets_by_species_and_by_breed(oxford: Path) -> None:
    species, breeds = load("oxford-pets@16", oxford), load("oxford-breeds@16", oxford)
    assert (species.classes, species.train.labels.tolist()) == (("cat", "dog"), [0, 1, 1])
    assert breeds.classes == ("Abyssinian", "yorkshire terrier", "basset hound")
    assert breeds.test.labels.tolist() == [0, 1, 2]
    assert torch.equal(species.train.images, breeds.train.images)
    with pytest.raises(SettingError, match="by must be one of species, breed"):
        photos.load_oxford_pets(oxford, by="colour")  # type: ignore[arg-type]


@pytest.mark.parametrize("row", ["../../x 1 1 1", "a_1 1 1", "a_1 1 x 1", "a_1 1 3 1", "a_1 0 1 1"])
def test_rows_of_the_oxford_pets_that_are_wrong(oxford: Path, row: str) -> None:
    (oxford / "oxford-iiit-pet" / "annotations" / "test.txt").write_text(f"\n{row}\n")
    with pytest.raises(DataError, match=r"test\.txt, line 2: want a"):
        load("oxford-pets@16", oxford)


def test_missing_pets_are_downloaded_or_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(root: str, *, download: bool) -> None:
        print("Downloading ...")
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.OxfordIIITPet", fails)
    with pytest.raises(DataError, match=r"data-root .*cannot be downloaded .no route to host."):
        load("oxford-pets", tmp_path)


@pytest.fixture
def signs(tmp_path: Path) -> Path:
    """Return a data root with three tracks of four frames of each of 43 signs."""
    base = tmp_path / "gtsrb"
    test = base / "GTSRB" / "Final_Test" / "Images"
    test.mkdir(parents=True)
    rows = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    for label in range(43):
        folder = base / "GTSRB" / "Training" / f"{label:05d}"
        folder.mkdir(parents=True)
        (folder / f"GT-{label:05d}.csv").write_text("Filename;ClassId\n")
        for track in range(3):
            for frame in range(4):
                name = f"{track:05d}_{frame:05d}.ppm"
                picture(f"sign {label}", 10 * track + frame, (9, 8)).save(folder / name)
        picture(f"sign {label}", 99, (9, 8)).save(test / f"{label:05d}.ppm")
        rows.append(f"{label:05d}.ppm;9;8;1;1;7;7;{label}")
    (base / "GT-final_test.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_gtsrb_is_split_as_published_and_held_back_by_track(signs: Path) -> None:
    data = load("gtsrb@8", signs)
    assert len(gtsrb.CLASSES) == len(set(gtsrb.CLASSES)) == 43
    assert (len(data.train), len(data.test), data.shape) == (43 * 12, 43, (3, 8, 8))
    assert data.test.labels.tolist() == list(range(43))
    rest, held = data.hold_back(43 * 4, seed=3)
    assert held.counts == (4,) * 43 and rest.counts == (8,) * 43
    assert rest.groups is not None and held.groups is not None
    assert not set(rest.groups.tolist()) & set(held.groups.tolist()), "no track is cut"


def test_gtsrb_that_is_damaged(signs: Path) -> None:
    written = signs / "gtsrb" / "GT-final_test.csv"
    for row, said in (("../x.ppm;9;9;0;0;8;8;1", "is no file name"), ("a;9;9;0;0;8;8;43", "0..42")):
        written.write_text(f"Filename;Width;Height;X1;Y1;X2;Y2;ClassId\n{row}\n")
        with pytest.raises(DataError, match=f"line 2: .*{said}"):
            load("gtsrb@9", signs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dogs-vs-cats", "gtsrb"])
def test_the_real_ones_are_what_their_entries_say(name: str) -> None:
    entry = DATASETS[name]
    if not (REAL / name.replace("-", "_")).is_dir():
        pytest.skip("the real photos are not here")
    data = load(name, REAL)
    assert (data.shape, data.num_classes, data.notes) == (entry.shape, entry.classes, ())
    assert min(data.train.counts) > 0 and min(data.test.counts) > 0
