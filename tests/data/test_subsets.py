"""Some classes of a data set as a set of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from badnets.core.errors import DataError, SettingError, UnknownNameError
from badnets.data import DATASETS, DataSet, ImageSet, load
from badnets.data.catalogue import check_task, entry_of, task_of
from badnets.data.subsets import of_classes, picked_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits", ("digits", ())),
        ("digits[0-4]", ("digits", (0, 1, 2, 3, 4))),
        ("gtsrb@32[7, 0-1,3]", ("gtsrb@32", (7, 0, 1, 3))),
        ("folder:/a[b]/c[0,1]", ("folder:/a[b]/c", (0, 1))),
        ("folder:/a[b]", ("folder:/a[b]", ())),
        ("mine.data:make[1,2]", ("mine.data:make", (1, 2))),
        ("[0,1]", ("[0,1]", ())),
    ],
)
def test_a_name_is_parted(name: str, expected: tuple[str, tuple[int, ...]]) -> None:
    assert picked_of(name) == expected


@pytest.mark.parametrize(
    ("brackets", "said"),
    [
        ("[]", "by numbers and ranges"),
        ("[1,]", "by numbers and ranges"),
        ("[-3]", "by numbers and ranges"),
        ("[1-2-3]", "by numbers and ranges"),
        ("[4-2]", "by '4-2'"),
        ("[0-999999]", "by '0-999999'"),
        ("[0-9999999999]", "by numbers and ranges"),
        ("[0-3,2]", "twice"),
        ("[3]", "at least two"),
        ("[8-12]", "picks class 10, the set has 0..9"),
    ],
)
def test_an_odd_choice_is_one_line(brackets: str, said: str) -> None:
    with pytest.raises(SettingError, match=said) as caught:
        entry_of(f"digits{brackets}")
    assert f"digits{brackets}" in str(caught.value)
    with pytest.raises(SettingError):
        load(f"digits{brackets}")


def test_what_is_no_choice_is_an_unknown_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        load("digits[a-b]")
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        load("digts[0-4]")


def test_the_two_halves_of_digits_have_no_class_in_common(digits: DataSet) -> None:
    low, high = load("digits[0-4]"), load("digits[5-9]")
    assert low.classes == ("0", "1", "2", "3", "4") and high.classes == ("5", "6", "7", "8", "9")
    assert len(low.train) + len(high.train) == len(digits.train)
    assert low.train.counts + high.train.counts == digits.train.counts
    assert torch.equal(high.test.images, digits.test.images[digits.test.labels >= 5])
    assert torch.equal(high.test.labels, digits.test.labels[digits.test.labels >= 5] - 5)
    assert high.name == "digits[5-9]"
    assert load("digits[5-9]") is high
    assert load("digits[0-4]").digests != load("digits").digests


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
    data = DataSet("all", whole, whole, "drawn", "none")
    part = of_classes(data, picked, "some").train
    assert part.classes == tuple("abcde"[label] for label in picked)
    assert part.groups is not None
    for image, label, group in zip(part.images, part.labels, part.groups, strict=True):
        row = int(image)
        assert picked[int(label)] == int(labels[row])
        assert int(group) == row // 2
    assert len(part) == sum(int(label) in picked for label in labels)


def test_classes_without_images_are_refused(toys: DataSet) -> None:
    none_left = ImageSet(toys.test.images, torch.zeros_like(toys.test.labels), ("a", "b", "c"))
    train = ImageSet(toys.train.images, toys.train.labels, ("a", "b", "c"))
    data = replace(toys, train=train, test=none_left)
    with pytest.raises(DataError, match="no image belongs to the classes 1, 2"):
        of_classes(data, (1, 2), "few")
