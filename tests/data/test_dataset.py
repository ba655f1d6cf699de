"""Image sets and data sets: what they refuse, and that drawing from them is fair and repeatable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from badnets.core.errors import BadnetsError, DataError, SettingError, ShapeError
from badnets.data import DataSet, ImageSet

CLASSES = ("a", "b", "c")


def numbered(count: int, classes: tuple[str, ...] = CLASSES) -> ImageSet:
    """Images whose first two pixels are their number, with labels 0, 1, 2, 0, 1, ..."""
    number = torch.arange(count)
    images = torch.zeros(count, 1, 2, 2, dtype=torch.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = (number % 256).byte(), (number // 256).byte()
    return ImageSet(images, number % len(classes), classes)


def numbers(images: ImageSet) -> list[int]:
    pixels = images.images.long()
    found: list[int] = (pixels[:, 0, 0, 0] + 256 * pixels[:, 0, 0, 1]).tolist()
    return found


IMAGES = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
LABELS = torch.tensor([0, 1, 2])


@pytest.mark.parametrize(
    ("images", "labels", "classes", "kind", "message"),
    [
        (IMAGES.float(), LABELS, CLASSES, ShapeError, "from_float"),
        (IMAGES.long(), LABELS, CLASSES, ShapeError, "uint8"),
        (IMAGES[0], LABELS, CLASSES, ShapeError, r"\(N, C, H, W\)"),
        (IMAGES[:0], LABELS[:0], CLASSES, DataError, "empty"),
        (IMAGES[..., :0], LABELS, CLASSES, ShapeError, "pixels"),
        (IMAGES, LABELS[:2], CLASSES, ShapeError, "3 images but 2 labels"),
        (IMAGES, LABELS.float(), CLASSES, ShapeError, r"whole numbers, got \(3,\) torch.float32"),
        (IMAGES, LABELS > 1, CLASSES, ShapeError, r"whole numbers, got \(3,\) torch.bool"),
        (IMAGES, torch.eye(3), CLASSES, ShapeError, r"of one-hot labels, give labels.argmax\(1\)"),
        (IMAGES, [0, 1, 2], CLASSES, ShapeError, "a tensor or an array, got list"),
        (IMAGES, LABELS * 0, ("a",), DataError, "two classes"),
        (IMAGES, LABELS, ("a", "b"), DataError, r"label 2 lies outside 0\.\.1"),
        (IMAGES, LABELS - 1, CLASSES, DataError, r"label -1 lies outside 0\.\.2"),
        (IMAGES, LABELS, ("a", "b", "a"), DataError, "differ"),
        (IMAGES, LABELS, ("a", "b", "c\nd"), DataError, r"'c\\nd' must be printable"),
        (IMAGES, LABELS, ("a", "b", ""), DataError, "'' must be printable"),
    ],
)
def test_a_malformed_set_is_refused(
    images: Tensor, labels: Tensor, classes: tuple[str, ...], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        ImageSet(images, labels, classes)
    assert "\n" not in str(caught.value)


def test_float_images_are_rounded_to_8_bits() -> None:
    images = torch.tensor([0.0, 1.0, 0.5, 0.2 / 255]).reshape(1, 1, 2, 2)
    made = ImageSet.from_float(images, torch.tensor([1]), ["a", "b"])
    assert made.images.flatten().tolist() == [0, 255, 128, 0]
    assert made.classes == ("a", "b")


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (float("nan"), DataError, "NaN or infinity, the first is image 1"),
        (float("inf"), DataError, "NaN or infinity"),
        (1.5, ShapeError, r"\[0, 1\], got 0 to 1.5"),
        (-0.5, ShapeError, r"\[0, 1\]"),
    ],
)
def test_float_images_outside_the_range_are_refused(
    value: float, kind: type[Exception], message: str
) -> None:
    images = torch.zeros(2, 1, 2, 2)
    images[1, 0, 1, 1] = value
    with pytest.raises(kind, match=message):
        ImageSet.from_float(images, torch.tensor([0, 1]), ["a", "b"])


def test_take_gives_the_rows_asked_for_in_their_order() -> None:
    taken = numbered(9).take([8, 0, 4, 4])
    assert numbers(taken) == [8, 0, 4, 4]
    assert taken.labels.tolist() == [2, 0, 1, 1]
    assert numbers(numbered(9).take(torch.tensor([3], dtype=torch.int32))) == [3]


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda: numbered(9).take([]), DataError, "no image was asked for"),
        *(
            (lambda wrong=wrong: numbered(9).take(wrong), SettingError, said)
            for wrong, said in (
                ([9], r"index 9 lies outside 0\.\.8"),
                ([-1], r"index -1 lies outside"),
                ([[1]], "list of integers"),
                ([0.5], "list of integers"),
                ([True], "list of integers"),
            )
        ),
        *(
            (lambda n=n: numbered(9).sample(n, seed=0), SettingError, r"1\.\.9")
            for n in (0, -1, 10)
        ),
        *((lambda n=n: numbered(9).split(n, seed=0), SettingError, r"1\.\.8") for n in (0, 9, 10)),
        (lambda: ImageSet.from_float(IMAGES, LABELS, CLASSES), ShapeError, "uint8"),
    ],
)
def test_what_is_not_there_cannot_be_drawn(
    call: Callable[[], object], kind: type[BadnetsError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        call()


def test_counts_and_shape() -> None:
    images = numbered(7)
    assert len(images) == 7
    assert images.counts == (3, 2, 2)
    assert images.num_classes == 3
    assert images.shape == (1, 2, 2)
    assert images.take([0, 3]).counts == (2, 0, 0), "classes without images count too"


@given(count=st.integers(1, 600), seed=st.integers(0, 2**32), data=st.data())
def test_a_sample_is_without_replacement_and_repeatable(
    count: int, seed: int, data: st.DataObject
) -> None:
    images = numbered(count)
    n = data.draw(st.integers(1, count))
    drawn = numbers(images.sample(n, seed))
    assert len(set(drawn)) == n
    assert drawn == numbers(images.sample(n, seed))


@given(
    count=st.integers(2, 600),
    seed=st.integers(0, 2**32),
    stratified=st.booleans(),
    data=st.data(),
)
def test_a_split_loses_nothing_and_keeps_the_order(
    count: int, seed: int, stratified: bool, data: st.DataObject
) -> None:
    images = numbered(count)
    size = data.draw(st.integers(1, count - 1))
    rest, held = images.split(size, seed, stratified=stratified)
    assert len(held) == size
    assert sorted(numbers(rest) + numbers(held)) == list(range(count))
    assert numbers(held) == sorted(numbers(held))
    assert numbers(held) == numbers(images.split(size, seed, stratified=stratified)[1])
    if stratified:
        for of_class, of_held in zip(images.counts, held.counts, strict=True):
            assert abs(of_held - of_class * size / count) < 1


def test_another_seed_holds_back_other_images() -> None:
    images = numbered(300)
    assert numbers(images.split(30, 0)[1]) != numbers(images.split(30, 1)[1])
    assert numbers(images.split(30, 0)[1]) != numbers(images.split(30, 0, stratified=False)[1])


def test_the_digest_depends_on_everything_and_on_nothing_else() -> None:
    images = numbered(9)
    assert images.digest == numbered(9).digest
    assert len(images.digest) == 64
    other_pixel = images.images.clone()
    other_pixel[8, 0, 1, 1] = 1
    changed = [
        ImageSet(other_pixel, images.labels, CLASSES),
        ImageSet(images.images.reshape(9, 1, 1, 4), images.labels, CLASSES),
        ImageSet(images.images, images.labels.flip(0), CLASSES),
        ImageSet(images.images, images.labels, ("a", "b", "d")),
        images.take(list(range(8, -1, -1))),
    ]
    assert len({images.digest, *(other.digest for other in changed)}) == 6


def test_the_digest_of_a_worked_example_stays() -> None:
    head = b'{"classes":["a","b","c"],"shape":[2,1,2,2]}'
    pixels = bytes([0, 0, 0, 0, 1, 0, 0, 0])
    labels = bytes([0] * 8 + [1] + [0] * 7)
    assert numbered(2).digest == hashlib.sha256(head + pixels + labels).hexdigest()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_labels_of_any_whole_type_become_int64(dtype: torch.dtype) -> None:
    made = ImageSet(IMAGES, LABELS.to(dtype), CLASSES)
    assert made.labels.dtype == torch.int64
    assert made.digest == ImageSet(IMAGES, LABELS, CLASSES).digest


def test_a_data_set_knows_its_parts() -> None:
    made = DataSet("tiny", numbered(9), numbered(6), source="here", licence="none")
    assert made.classes == CLASSES
    assert made.num_classes == 3
    assert made.shape == (1, 2, 2)
    assert made.digests == {"train": made.train.digest, "test": made.test.digest}
    rest, held = made.hold_back(3, seed=1)
    assert (len(rest), len(held), held.counts) == (6, 3, (1, 1, 1))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (numbered(9), numbered(6, ("a", "b", "x")), "classes differ"),
        (numbered(9), ImageSet(torch.zeros(3, 1, 3, 2).byte(), LABELS, CLASSES), "images are"),
        (numbered(9).take([0, 3, 6]), numbered(6), "single class"),
    ],
)
def test_parts_that_do_not_fit_are_refused(train: ImageSet, test: ImageSet, message: str) -> None:
    with pytest.raises(DataError, match=message):
        DataSet("tiny", train, test, source="here", licence="none")
