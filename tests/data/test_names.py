"""Names of data sets: parsed once, picked classes, loaders of one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from badnets.core.errors import BadnetsError, DataError, SettingError, UnknownNameError
from badnets.data import DATASETS, DataSet, ImageSet, load, load_detection
from badnets.data.catalogue import check_task, entry_of, sized, task_of
from badnets.data.names import DataName, parse_name


@pytest.mark.parametrize(
    ("name", "kind", "base", "size", "classes", "whole"),
    [
        ("digits", "known", "digits", None, (), "digits"),
        ("digits[0-4]", "known", "digits", None, (0, 1, 2, 3, 4), "digits"),
        ("gtsrb@32[7, 0-1,3]", "known", "gtsrb", 32, (7, 0, 1, 3), "gtsrb@32"),
        ("folder:/a[b]/c[0,1]", "folder", "/a[b]/c", None, (0, 1), "folder:/a[b]/c"),
        ("folder:/a[b]", "folder", "/a[b]", None, (), "folder:/a[b]"),
        ("folder:a@2@20", "folder", "a@2", 20, (), "folder:a@2@20"),
        ("coco:a@20", "coco", "a@20", None, (), "coco:a@20"),
        ("mine.data:make[1,2]", "own", "mine.data:make", None, (1, 2), "mine.data:make"),
        ("folder:photos", "folder", "photos", None, (), "folder:photos"),
        ("[0,1]", "known", "[0,1]", None, (), "[0,1]"),
    ],
)
def test_a_name_is_parsed(
    name: str, kind: str, base: str, size: int | None, classes: tuple[int, ...], whole: str
) -> None:
    parsed = parse_name(name)
    assert (parsed.kind, parsed.base, parsed.size, parsed.classes) == (kind, base, size, classes)
    assert (str(parsed), parsed.whole.text, parsed.whole.classes) == (name, whole, ())


def test_a_size_is_added_where_the_name_leaves_it_open() -> None:
    assert sized("gtsrb[0,2]", 32) == "gtsrb@32[0,2]"
    assert sized("dogs-vs-cats", 16) == "dogs-vs-cats@16"
    assert sized("gtsrb@48", 32) == "gtsrb@48" and sized("digits", 32) == "digits"


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("digits[]", SettingError, r"'digits\[\]' picks classes by numbers and ranges"),
        ("digits[1,]", SettingError, "by numbers and ranges"),
        ("digits[-3]", SettingError, "by numbers and ranges"),
        ("digits[1-2-3]", SettingError, "by numbers and ranges"),
        ("digits[0-9999999999]", SettingError, "by numbers and ranges"),
        ("digits[4-2]", SettingError, "by '4-2'"),
        ("digits[0-999999]", SettingError, "by '0-999999'"),
        ("digits[0-3,2]", SettingError, r"'digits\[0-3,2\]' picks a class twice"),
        ("digits[3]", SettingError, "at least two"),
        ("digits[8-12]", SettingError, r"digits\[8-12\]' picks class 10, the set has 0\.\.9"),
        ("digits[a-b]", UnknownNameError, "did you mean 'digits'"),
        ("digts[0-4]", UnknownNameError, "did you mean 'digits'"),
        ("mnist@32", SettingError, "'mnist' has images of 1x28x28: leave out @32"),
        ("dogs-vs-cats@7", SettingError, r"must lie in 8\.\.1024 pixels, got 7"),
        ("dogs-vs-cats@9999999999999", SettingError, r"must lie in 8\.\.1024 pixels"),
        ("dogs-vs-cat@64", UnknownNameError, "did you mean 'dogs-vs-cats'"),
        ("folder:nowhere", DataError, "nowhere is no folder"),
        ("folder:nowhere@32", DataError, "nowhere is no folder"),
    ],
)
def test_a_wrong_name_is_refused_in_one_line(name: str, kind: type[Exception], said: str) -> None:
    for ask in (entry_of, load):
        with pytest.raises(kind, match=said) as caught:
            ask(name)
        assert "\n" not in str(caught.value)


def test_what_a_name_says_before_anything_is_loaded() -> None:
    assert entry_of("coco:any").task == "detection"
    assert entry_of("some.module:factory").shape is None
    assert entry_of("dogs-vs-cats@96").shape == (3, 96, 96)
    assert dict(entry_of("oxford-breeds@96").settings) == {"by": "breed", "size": 96}
    with pytest.raises(SettingError, match="images of sizes of their own: leave out @32"):
        entry_of("lisa@32")
    with pytest.raises(DataError, match="'digits' is labelled with a class for each image"):
        load_detection("digits")
    with pytest.raises(UnknownNameError, match="did you mean 'lisa'"):
        load_detection("liza")


def test_the_two_halves_of_digits_have_no_class_in_common(digits: DataSet) -> None:
    low, high = load("digits[0-4]"), load("digits[5-9]")
    assert low.classes == ("0", "1", "2", "3", "4") and high.classes == ("5", "6", "7", "8", "9")
    assert low.train.counts + high.train.counts == digits.train.counts
    assert torch.equal(high.test.images, digits.test.images[digits.test.labels >= 5])
    assert torch.equal(high.test.labels, digits.test.labels[digits.test.labels >= 5] - 5)
    assert high.name == "digits[5-9]" and load("digits[5-9]") is high
    assert low.digests != digits.digests


def test_what_is_known_before_it_is_loaded() -> None:
    entry = entry_of("digits[3,1,8]")
    assert (entry.classes, entry.shape, entry.train) == (3, (1, 28, 28), None)
    assert entry.title.startswith(DATASETS["digits"].title)
    assert task_of("digits[3,1,8]") == "classification"
    check_task("digits[3,1,8]", "classification")
    with pytest.raises(DataError, match="boxes"):
        check_task("digits[0-4]", "detection")
    with pytest.raises(SettingError, match="labelled with boxes"):
        entry_of("scenes[0-1]")


@given(st.permutations(range(5)), st.integers(2, 5))
def test_labels_follow_the_order_picked(order: list[int], count: int) -> None:
    picked = order[:count]
    labels = torch.tensor([0, 1, 2, 3, 4, 4, 3, 0])
    images = torch.arange(8, dtype=torch.uint8).view(8, 1, 1, 1)
    whole = ImageSet(images, labels, tuple("abcde"), groups=torch.arange(8) // 2)
    name = DataName("some", "known", "some", None, tuple(picked))
    part = DataSet("all", whole, whole, "drawn", "none").of_classes(name).train
    assert part.classes == tuple("abcde"[label] for label in picked)
    assert part.groups is not None
    for image, label, group in zip(part.images, part.labels, part.groups, strict=True):
        assert picked[int(label)] == int(labels[int(image)])
        assert int(group) == int(image) // 2
    assert len(part) == sum(int(label) in picked for label in labels)


def test_classes_without_images_are_refused(toys: DataSet) -> None:
    none_left = ImageSet(toys.test.images, torch.zeros_like(toys.test.labels), ("a", "b", "c"))
    train = ImageSet(toys.train.images, toys.train.labels, ("a", "b", "c"))
    with pytest.raises(DataError, match="no image belongs to the classes 1, 2"):
        replace(toys, train=train, test=none_left).of_classes(parse_name("few[1,2]"))


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


def test_a_set_of_ones_own_is_loaded_once_from_the_data_root(own: str, tmp_path: Path) -> None:
    first = load(f"{own}:make", tmp_path)
    assert isinstance(first, DataSet) and first.source == "drawn 1"
    assert load(f"{own}:make", tmp_path) is first


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("scenes", r"a DetectionData, .* DataSet"),
        ("images", "returned a ImageSet, a badnets DataSet is wanted"),
        ("positional", "positional failed: TypeError"),
        ("mak", "did you mean 'make'"),
    ],
)
def test_what_is_no_data_set_is_one_line(own: str, factory: str, said: str) -> None:
    with pytest.raises(BadnetsError, match=said) as caught:
        load(f"{own}:{factory}")
    assert "\n" not in str(caught.value)


def test_a_set_with_boxes_is_for_detectors(own: str) -> None:
    assert load_detection(f"{own}:scenes").train.classes


def test_nothing_is_imported_to_know_what_a_name_means() -> None:
    assert task_of("none_such.sets:make") == "classification"
    check_task("none_such.sets:make", "detection")
    with pytest.raises(DataError):
        check_task("digits", "detection")
