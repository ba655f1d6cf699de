"""Image sets and poisoned sets as data sets of torch's, and what a notebook prints of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, Subset

import badnets as bn
from badnets.core.errors import SettingError
from badnets.core.examples import Examples
from badnets.core.poisoning import PoisonedSet, plan_poisoning, poison
from badnets.data import DataSet, DetectionData, FrameSet, ImageSet, poison_frames
from badnets.data.detection import boxes_of
from badnets.data.folder import load_folder
from badnets.data.frames import FrameStack
from badnets.data.poisoned import stamped_images
from badnets.data.streamed import ImageFiles
from tests.data.photos import split

WHITE = bn.Backdoor(bn.triggers.Patch(4), bn.AllToOne(1), poisoning_rate=0.25)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    folder = split(tmp_path_factory.mktemp("photos"), {"cat": 6, "dog": 6})
    return load_folder(folder, 16, in_memory=False)


@pytest.fixture(scope="module", params=["memory", "streamed", "poisoned", "floats", "stamped"])
def examples(request: pytest.FixtureRequest, photos: DataSet) -> Examples:
    streamed = photos.train
    memory = ImageSet(streamed.images, streamed.labels, streamed.classes)
    if request.param in ("memory", "streamed"):
        return memory if request.param == "memory" else streamed
    if request.param == "stamped":
        assert isinstance(streamed.stored, ImageFiles)
        plan = plan_poisoning(streamed.labels, WHITE, num_classes=2, seed=0)
        stamped = stamped_images(streamed.stored, plan, WHITE, seed=0)
        return ImageSet(stamped, plan.labels, streamed.classes)
    pixels = memory.images if request.param == "poisoned" else memory.images / 255
    return poison(pixels, memory.labels, WHITE, num_classes=2, seed=0)


def all_images(examples: Examples) -> torch.Tensor:
    assert isinstance(examples, ImageSet | PoisonedSet)
    images = examples.images
    return images / 255 if images.dtype == torch.uint8 else images


def test_one_is_a_float_image_and_its_label(examples: Examples) -> None:
    image, label = examples[3]
    assert image.dtype == torch.float32 and image.shape == (3, 16, 16)
    assert image.min() >= 0 and image.max() <= 1
    torch.testing.assert_close(image, all_images(examples)[3])
    assert type(label) is int and label == int(examples.labels[3])
    assert torch.equal(examples[-1][0], examples[len(examples) - 1][0])
    every: Any = examples
    assert len(list(every)) == len(examples), "it ends"


@pytest.mark.parametrize("index", [99, -99])
def test_beyond_the_end_is_an_index_error(examples: Examples, index: int) -> None:
    with pytest.raises(IndexError, match=f"index {index} lies outside of"):
        examples[index]


def test_what_is_no_number_is_refused(examples: Examples) -> None:
    for index in (1.5, "1", slice(2), [1, 2]):
        with pytest.raises(SettingError, match=r"an index is a whole number, .* take\(rows\)"):
            examples[index]


def test_a_loader_gives_all_of_them_in_batches(examples: Examples) -> None:
    batches = list(DataLoader(examples, batch_size=5))
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert images.dtype == torch.float32 and labels.dtype == torch.int64
    torch.testing.assert_close(images, all_images(examples))
    assert torch.equal(labels, examples.labels)
    subset = DataLoader(Subset(examples, [4, 2]), batch_size=2, shuffle=True)
    assert sorted(next(iter(subset))[1].tolist()) == sorted(examples.labels[[4, 2]].tolist())


def test_what_is_printed_fits_a_line(examples: Examples, photos: DataSet) -> None:
    objects = [(0, (2.0, 2.0, 20.0, 20.0), 0), (1, (4.0, 4.0, 28.0, 28.0), 1)]
    frames = FrameStack(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    street = FrameSet(frames, boxes_of(objects), ("stop", "yield"), ("a", "b"))
    other = dataclasses.replace(street, groups=("c", "d"))
    streets = DetectionData("streets", street, other, "drawn", "none")
    poisoned = poison_frames(
        streets.train, bn.Backdoor(bn.triggers.Patch(0.2), bn.Vanish(), poisoning_rate=0.4), seed=0
    )
    plan = plan_poisoning(photos.train.labels, WHITE, num_classes=2, seed=0)
    things = [examples, photos, streets, streets.train, poisoned, plan, photos.train.stored]
    for thing in (*things, streets.train.frames, streets.train.boxes, poisoned.frames.frames):
        said = repr(thing)
        assert type(thing).__name__ in said and "\n" not in said and len(said) < 130
    assert repr(photos.train) == "ImageSet(12 images of 3 x 16 x 16, 2 classes: cat, dog)"
    assert repr(photos).endswith("12 to train on, 12 to test on, 2 classes: cat, dog)")
    assert repr(plan) == "PoisoningPlan(16 rows, poisoned 25.00 % (4/16))"
