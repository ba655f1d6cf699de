"""How pictures lie in a folder: every usual layout, and what lies beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from badnets.core.errors import DataError
from badnets.data.layouts import LeftOut, find_layout, list_pictures, listing_state
from tests.data.photos import classes, fill, picture, split

TWO = {"cat": 2, "dog": 1}


def paths(pictures: tuple[tuple[str, str], ...]) -> list[str]:
    return [path for path, _ in pictures]


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "val"),
        ("training", "validation"),
        ("Train", "valid"),
        ("train", "test"),
        ("TRAINING", "Test"),
    ],
)
def test_parts_with_class_folders(tmp_path: Path, train: str, test: str) -> None:
    split(tmp_path, TWO, (train, test))
    listing = list_pictures(find_layout(tmp_path))
    assert (listing.layout.kind, listing.layout.classes) == ("split", ("cat", "dog"))
    assert paths(listing.train) == [
        f"{train}/cat/0.png",
        f"{train}/cat/1.png",
        f"{train}/dog/0.png",
    ]
    assert [target for _, target in listing.test] == ["cat", "cat", "dog"]
    assert not listing.left_out


def test_of_several_other_parts_the_first_that_has_classes_counts(tmp_path: Path) -> None:
    split(tmp_path, TWO, ("train", "test", "val"))
    layout = find_layout(tmp_path)
    assert dict(layout.parts) == {"train": "train", "test": "val"}
    assert layout.unused == ("test",)
    other = tmp_path / "other"
    split(other, TWO, ("train", "validation"))
    fill(other / "test", 3)  # Kaggle's test part: nobody says which are cats
    assert find_layout(other).unused == ()


def test_class_folders_alone_are_not_split(tmp_path: Path) -> None:
    classes(tmp_path / "PetImages", {"Cat": 1, "Dog": 1})
    (tmp_path / "readme.txt").write_text("")
    layout = find_layout(tmp_path)
    assert (layout.kind, layout.classes, layout.is_split) == ("classes", ("Cat", "Dog"), False)
    assert paths(list_pictures(layout).train) == ["PetImages/Cat/0.png", "PetImages/Dog/0.png"]


@pytest.mark.parametrize("inside", ["", "train"])
def test_files_that_say_their_class(tmp_path: Path, inside: str) -> None:
    folder = tmp_path / inside
    folder.mkdir(exist_ok=True)
    for name in ("dog.0.png", "cat.10.png", "cat.2.PNG", "sunset.png", "notes.txt"):
        picture(name, 0).save(folder / name, "PNG")
    listing = list_pictures(find_layout(tmp_path))
    assert (listing.layout.kind, listing.layout.classes) == ("flat", ("cat", "dog"))
    assert [target for _, target in listing.train] == ["cat", "cat", "dog"]
    assert [(Path(path).name, kind) for path, kind, _ in listing.left_out] == [
        ("notes.txt", "not a picture"),
        ("sunset.png", "in no class"),
    ]


def test_a_class_called_train_is_a_class_and_deeper_pictures_belong_to_theirs(
    tmp_path: Path,
) -> None:
    fill(tmp_path / "car" / "indoors", 1)
    fill(tmp_path / "train", 1)
    layout = find_layout(tmp_path)
    assert layout.classes == ("car", "train")
    assert paths(list_pictures(layout).train) == ["car/indoors/0.png", "train/0.png"]


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    classes(tmp_path, TWO)
    for name in ("Thumbs.db", ".hidden.png"):
        (tmp_path / "cat" / name).write_bytes(b"")
    picture("cat", 7).save(tmp_path / "loose.png")
    (tmp_path / "README.md").write_text("beside class folders it is no finding")
    os.mkfifo(tmp_path / "dog" / "pipe.png")
    listing = list_pictures(find_layout(tmp_path))
    assert len(listing.train) == 3
    assert listing.left_out == (
        LeftOut("cat/.hidden.png", "not a picture", "by its name"),
        LeftOut("cat/Thumbs.db", "not a picture", "by its name"),
        LeftOut("dog/pipe.png", "not a picture", "not a regular file"),
        LeftOut("loose.png", "in no class", "not in a class folder"),
    )


def test_links_to_files_are_followed_and_links_in_a_circle_are_not(tmp_path: Path) -> None:
    classes(tmp_path / "a", TWO)
    (tmp_path / "a" / "cat" / "same.png").symlink_to(tmp_path / "a" / "cat" / "0.png")
    (tmp_path / "a" / "cat" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "round").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "dog" / "self.png").symlink_to("self.png")
    (tmp_path / "a" / "dog" / "nowhere.png").symlink_to("gone.png")
    fill(tmp_path / "elsewhere", 1, "cow")
    (tmp_path / "a" / "cow").symlink_to(tmp_path / "elsewhere")
    listing = list_pictures(find_layout(tmp_path / "a"))
    assert listing.layout.classes == ("cat", "cow", "dog")
    assert "cat/same.png" in paths(listing.train) and "cow/0.png" in paths(listing.train)
    assert [(path, why) for path, _, why in listing.left_out] == [
        ("cat/up", "leads round to a folder it lies in, not followed"),
        ("dog/nowhere.png", "leads nowhere"),
        ("dog/self.png", "leads nowhere"),
        ("round", "leads round to a folder it lies in, not followed"),
    ]


def test_names_of_any_script_and_length_are_read(tmp_path: Path) -> None:
    classes(tmp_path, {"кошка": 1, "犬": 1})
    picture("cat", 1).save(tmp_path / "犬" / f"{'ü' * 120}.png")
    listing = list_pictures(find_layout(tmp_path))
    assert len(listing.train) == 3 and not listing.left_out


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("Cat", "cat"), "'Cat' and 'cat' differ by case or accents alone"),
        (("caf\u00e9", "cafe\u0301"), "differ by case or accents alone"),
        (("a" * 101, "b"), "must be printable, of 1 to 100"),
        (("a\x1b[31m", "b"), r"'a\\x1b\[31m' must be printable"),
    ],
)
def test_class_names_that_cannot_be_used_are_refused(
    tmp_path: Path, names: tuple[str, str], said: str
) -> None:
    classes(tmp_path, dict.fromkeys(names, 1))
    with pytest.raises(DataError, match=said):
        find_layout(tmp_path)
    assert find_layout(tmp_path, any_names=True).classes == tuple(sorted(names))


def test_what_is_no_folder_of_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none is no folder"):
        find_layout(tmp_path / "none")
    fill(tmp_path, 2)
    with pytest.raises(DataError, match="is no folder"):
        find_layout(tmp_path / "0.png")
    with pytest.raises(DataError, match="holds no folder for each class"):
        find_layout(tmp_path)


def test_the_state_changes_with_the_files_and_with_nothing_else(tmp_path: Path) -> None:
    classes(tmp_path, TWO)
    states = [listing_state(tmp_path), listing_state(tmp_path)]
    assert states[0] == states[1]
    fill(tmp_path / "dog", 1, "dog", first=1)
    states.append(listing_state(tmp_path))
    (tmp_path / "dog" / "1.png").rename(tmp_path / "cat" / "2.png")
    states.append(listing_state(tmp_path))
    picture("cow", 0).save(tmp_path / "cat" / "2.png")
    os.utime(tmp_path / "cat" / "2.png", ns=(1, 1))
    states.append(listing_state(tmp_path))
    assert len(set(states)) == 4
