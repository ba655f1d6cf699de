"""Drawn cats and dogs: seeded, varied, told apart by shape and not by colour."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from badnets.core.errors import SettingError
from badnets.data import DATASETS, DataSet, ImageSet
from badnets.data.pets import draw_pet, draw_pets, drawn
from badnets.data.pets.brush import Frame, halves, oval, scaled, smooth, strip
from badnets.data.pets.chance import Chance


@cache
def some() -> ImageSet:
    return draw_pets(300, seed=5)


def test_a_pet_depends_on_the_seed_and_its_number_alone() -> None:
    few, many = draw_pets(4, seed=3), draw_pets(6, seed=3)
    assert torch.equal(few.images, many.images[:4])
    assert np.array_equal(draw_pet(3, 5), many.images[5].permute(1, 2, 0).numpy())
    assert few.digest != draw_pets(4, seed=4).digest


def test_cats_and_dogs_take_turns() -> None:
    pets = draw_pets(5, seed=0)
    assert pets.classes == ("cat", "dog")
    assert pets.labels.tolist() == [0, 1, 0, 1, 0]
    assert pets.shape == (3, 64, 64)


@pytest.mark.parametrize("size", [32, 33, 64, 100, 300])
def test_any_size_can_be_drawn(size: int) -> None:
    pet = draw_pet(0, 1, size)
    assert pet.shape == (size, size, 3) and pet.dtype == np.uint8
    assert pet.std() > 10


def test_no_two_pets_are_alike() -> None:
    assert len({image.numpy().tobytes() for image in some().images}) == 300


def test_pets_vary_in_light_and_contrast() -> None:
    pictures = some().images.float()
    assert float(pictures.mean((1, 2, 3)).std()) > 15
    assert float(pictures.std((1, 2, 3)).std()) > 5


def test_colours_do_not_tell_cats_from_dogs() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    pictures = some().images.float() / 255
    colours = torch.cat([pictures.mean((2, 3)), pictures.std((2, 3))], 1).numpy()
    found = cross_val_score(LogisticRegression(max_iter=500), colours, some().labels.numpy(), cv=5)
    assert found.mean() < 0.62


def test_the_named_set_says_that_it_is_a_stand_in() -> None:
    entry = DATASETS["pets-drawn"]
    made = drawn(6, 4)
    assert isinstance(made, DataSet)
    for text in (entry.title, entry.description, made.source):
        assert "stand-in" in text
    assert (len(made.train), len(made.test)) == (6, 4)
    assert made.train.take(range(4)).digest != made.test.digest


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(SettingError, match="count must be >= 2, got 1"):
        draw_pets(1, seed=0)
    for size in (31, 513, -64):
        with pytest.raises(SettingError, match=rf"size must be in 32\.\.512 pixels, got {size}"):
            draw_pets(2, seed=0, size=size)
    with pytest.raises(SettingError, match="must be >= 0, got -1 and 0"):
        draw_pet(-1, 0)


POINT = st.tuples(st.floats(-2, 2), st.floats(-2, 2))


@given(points=st.lists(POINT, min_size=3, max_size=8))
def test_a_smooth_line_goes_through_its_points(points: list[tuple[float, float]]) -> None:
    line = smooth(points)
    assert len(line) % len(points) == 0
    np.testing.assert_allclose(line[:: len(line) // len(points)], points, atol=1e-9)


def test_a_mirrored_half_is_symmetric() -> None:
    shape = halves([(0, -1), (0.8, -0.5), (1, 0.4), (0, 1)])
    mirrored = shape * (-1, 1)
    far = np.abs(shape[:, None] - mirrored[None]).sum(2).min(1)
    assert far.max() < 1e-9


def test_a_straight_tube_has_the_widths_that_were_asked_for() -> None:
    tube = strip([(0, 0), (1, 0), (2, 0)], 0.4, 0.2)
    assert np.ptp(tube[np.isclose(tube[:, 0], 0), 1]) == pytest.approx(0.4)
    assert np.ptp(tube[np.isclose(tube[:, 0], 2), 1]) == pytest.approx(0.2)
    assert tube[:, 0].max() == pytest.approx(2.1), "its end is rounded off"


@settings(max_examples=30)
@given(x=st.floats(-1, 1), y=st.floats(-1, 1), turn=st.floats(-3, 3), mirror=st.booleans())
def test_an_inner_frame_lies_where_its_outer_one_says(
    x: float, y: float, turn: float, mirror: bool
) -> None:
    outer = Frame.of(30, 40, 10, turn, mirror)
    inner = outer.inner(x, y, 0.5, -turn)
    np.testing.assert_allclose(
        inner.pixels(np.zeros((1, 2))), outer.pixels(np.array([[x, y]])), atol=1e-9
    )
    assert inner.unit == pytest.approx(5)


def test_ovals_and_their_copies_keep_their_middle() -> None:
    ring = oval(0.3, -0.2, 0.5, 0.2, 0.7)
    np.testing.assert_allclose(ring.mean(0), (0.3, -0.2), atol=1e-9)
    np.testing.assert_allclose(scaled(ring, 0.5, 0.1).mean(0), (0.3, -0.1), atol=1e-9)
    assert np.hypot(*(ring - (0.3, -0.2)).T).max() == pytest.approx(0.5, rel=0.02)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), low=st.integers(-3, 3), span=st.integers(0, 4))
def test_chances_stay_within_what_was_asked_for(seed: int, low: int, span: int) -> None:
    chance = Chance(seed)
    for _ in range(30):
        assert low <= chance.between(low, low + span) <= low + span
        assert low <= chance.whole(low, low + span) <= low + span
        assert abs(chance.about(low, span) - low) <= span
        assert chance.weighted({"a": 0.0, "b": 1.0, "c": 0.0}) == "b"
        assert not chance.coin(0.0) and chance.coin(1.0)
