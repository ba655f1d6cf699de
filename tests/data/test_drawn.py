"""Sets that need no file: drawn pets and scenes, and scikit-learn's digits, the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from badnets.core.errors import BadnetsError
from badnets.data import DATASETS, FrameSet, ImageSet, digits
from badnets.data.pets import draw_pet, draw_pets, drawn
from badnets.data.scenes import Look, draw_scene, draw_scenes
from badnets.data.scenes.faces import FAMILIES

DRAWN: dict[str, Callable[[int, int], ImageSet | FrameSet]] = {
    "pets": draw_pets,
    "small pets": lambda count, seed: draw_pets(count, seed, 32, close_ups=1),
    **{
        family: lambda count, seed, family=family: draw_scenes(count, seed, Look(family, 64))  # type: ignore[misc]
        for family in FAMILIES
    },
}


@cache
def some_pets() -> ImageSet:
    return draw_pets(300, seed=5)


@pytest.mark.parametrize("kind", DRAWN)
def test_a_picture_depends_on_the_seed_and_its_number_alone(kind: str) -> None:
    draw = DRAWN[kind]
    few = draw(2, 3).digest
    assert few == draw(4, 3).take([0, 1]).digest != draw(2, 4).digest
    assert sum(few == other(2, 3).digest for other in DRAWN.values()) == 1


def test_cats_and_dogs_take_turns_at_any_size() -> None:
    pets = draw_pets(5, seed=0)
    assert (pets.classes, pets.labels.tolist()) == (("cat", "dog"), [0, 1, 0, 1, 0])
    for size in (32, 33, 64, 100, 300):
        pet = draw_pet(0, 1, size)
        assert pet.shape == (size, size, 3) and pet.dtype == np.uint8 and pet.std() > 10


def test_pets_vary_in_light_and_contrast_and_colours_do_not_tell_them_apart() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    assert len({image.numpy().tobytes() for image in some_pets().images}) == 300
    pictures = some_pets().images.float()
    assert float(pictures.mean((1, 2, 3)).std()) > 15
    assert float(pictures.std((1, 2, 3)).std()) > 5
    colours = torch.cat([pictures.mean((2, 3)), pictures.std((2, 3))], 1).numpy() / 255
    labels = some_pets().labels.numpy()
    found = cross_val_score(LogisticRegression(max_iter=500), colours, labels, cv=5)
    assert found.mean() < 0.62


def test_the_named_pets_say_that_they_are_a_stand_in() -> None:
    entry, made = DATASETS["pets-drawn"], drawn(6, 4)
    assert all("stand-in" in text for text in (entry.title, entry.description, made.source))
    assert (len(made.train), len(made.test)) == (6, 4)
    assert made.train.take(range(4)).digest != made.test.digest


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_class_is_drawn_and_every_box_lies_in_its_scene_beside_others(family: str) -> None:
    scenes = draw_scenes(60, 0, Look(family, size=128))
    assert scenes.classes == FAMILIES[family]().classes
    assert min(scenes.counts) >= 5 and len(set(scenes.groups)) == 60
    corners = scenes.boxes.corners
    assert float(corners.min()) >= 0 and float(corners.max()) <= 128
    sides = (corners[:, 2:] - corners[:, :2]).amax(1) / 128
    assert float(sides.min()) > 0.04 and float(sides.max()) < 0.36
    for number in range(60):
        own = scenes.boxes.of_images(torch.tensor([number])).corners
        for row, one in enumerate(own):
            for other in own[:row]:
                assert bool((one[2:] <= other[:2]).any() | (other[2:] <= one[:2]).any())


def test_a_stop_signs_red_reaches_close_to_the_sides_of_its_box() -> None:
    for number in range(6):
        pixels, signs = draw_scene(0, number, Look(size=128, smallest=0.2))
        red = pixels[..., 0].astype(int) - pixels[..., 1:].max(2).astype(int)
        for (left, top, right, bottom), label in signs:
            if label == 0:
                inside, edge = red[top:bottom, left:right] > 25, max(2, (right - left) // 6)
                assert inside.mean() > 0.3
                assert inside[:, :edge].any() and inside[:, -edge:].any()


def test_scenes_vary_in_light() -> None:
    frames = [draw_scene(0, number, Look(size=64))[0] for number in range(24)]
    assert np.array([frame.mean() for frame in frames]).std() > 12


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: draw_pets(1, seed=0), "count must be >= 2, got 1"),
        (lambda: draw_pets(2, seed=0, size=31), r"size must be in 32\.\.512 pixels, got 31"),
        (lambda: draw_pets(2, seed=0, size=513), r"size must be in 32\.\.512 pixels, got 513"),
        (lambda: draw_pet(-1, 0), "must be >= 0, got -1 and 0"),
        (lambda: draw_scenes(0, 0), "count must be >= 1, got 0"),
        (lambda: Look("uss"), "did you mean 'us'"),
        (lambda: Look(size=10), "size must be >= 64 pixels, got 10"),
        (lambda: Look(smallest=0.5), r"smallest <= largest < 1, got 0\.5 and 0\.3"),
    ],
)
def test_wrong_settings_are_refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(BadnetsError, match=said):
        call()


def test_the_digits_are_pinned_byte_for_byte_and_split_by_class() -> None:
    made = digits.load(Path("ignored"))
    assert made.digests == {
        "train": "27d87cd723445b06cb9138dbb694353bbd73575f0ac19c08d0ac384229979723",
        "test": "c1dcb7d8804a682f5853250f19e0644a0b14b37128d45075ce6932adc6652760",
    }
    assert made.test.counts == (50,) * 10 and min(made.train.counts) >= 120
    images = made.train.images
    inside = torch.zeros(28, 28, dtype=torch.bool)
    inside[4:24, 4:24] = True
    assert int(images[:, 0, ~inside].max()) == 0, "dark around the edge"
    assert bool((images.amax((1, 2, 3)) > 200).all()) and 20 < float(images.float().mean()) < 60


def test_enlarging_keeps_flat_grey_and_treats_axes_and_directions_alike() -> None:
    grey = digits.enlarged(np.full((1, 8, 8), 8, dtype=np.int64))[0]
    assert set(grey[9:19, 9:19].flatten().tolist()) == {128}, "8 of 16 is 127.5 of 255"
    image = np.arange(64, dtype=np.int64).reshape(1, 8, 8) % 17
    whole = digits.enlarged(image)
    np.testing.assert_array_equal(digits.enlarged(image.swapaxes(1, 2)), whole.swapaxes(1, 2))
    np.testing.assert_array_equal(digits.enlarged(image[:, ::-1]), whole[:, ::-1])
    assert digits.enlarged(0 * image).max() == 0
