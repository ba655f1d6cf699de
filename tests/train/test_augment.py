"""Augmentation: worked examples, and the batch against one image at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from badnets.core.errors import ShapeError
from badnets.core.pictures import as_grey
from badnets.train import Training
from badnets.train.augment import (
    Augmentation,
    cropped,
    cut_out,
    mirrored,
    random_windows,
    rotated,
    shifted,
    stuck,
    toned,
)

PICTURE = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.uint8).view(1, 1, 2, 3)


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ((1, 1), [[1, 2, 3], [4, 5, 6]]),  # not at all
        ((2, 1), [[0, 0, 0], [1, 2, 3]]),  # down
        ((0, 1), [[4, 5, 6], [0, 0, 0]]),  # up
        ((1, 2), [[0, 1, 2], [0, 4, 5]]),  # right
        ((0, 0), [[5, 6, 0], [0, 0, 0]]),  # up and left
    ],
)
def test_shifting_of_a_worked_example(move: tuple[int, int], expected: list[list[int]]) -> None:
    assert shifted(PICTURE, torch.tensor([move]), 1).squeeze().tolist() == expected


@settings(max_examples=30)
@given(most=st.integers(0, 3), channels=st.sampled_from([1, 3]), seed=st.integers(0, 999))
def test_each_image_is_shifted_by_its_own_move(most: int, channels: int, seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    images = torch.randint(1, 256, (5, channels, 6, 4), generator=drawn, dtype=torch.uint8)
    moves = torch.randint(2 * most + 1, (5, 2), generator=drawn)
    before = images.clone()
    moved = shifted(images, moves, most)
    assert torch.equal(images, before), "the input was changed"
    assert moved.dtype == torch.uint8
    for image, move, result in zip(images, moves - most, moved, strict=True):
        assert torch.equal(result, _moved(image, int(move[0]), int(move[1])))


def test_mirroring_takes_the_chosen_images_only() -> None:
    images = PICTURE.repeat(3, 1, 1, 1)
    flipped = mirrored(images, torch.tensor([False, True, False]))
    assert flipped[1].squeeze().tolist() == [[3, 2, 1], [6, 5, 4]]
    assert torch.equal(flipped[[0, 2]], images[[0, 2]])


@pytest.mark.parametrize("turns", [-1, 1, 2])
def test_quarter_turns_go_counter_clockwise(turns: int) -> None:
    images = torch.randint(0, 256, (2, 3, 5, 5), dtype=torch.uint8)
    turned = rotated(images, torch.full((2,), 90.0 * turns))
    assert torch.equal(turned, torch.rot90(images, turns, (2, 3)))


def test_pixels_stay_square_when_the_image_is_not() -> None:
    image = torch.zeros(1, 1, 5, 9)
    image[0, 0, 2, 6] = 1  # two to the right of the middle
    turned = rotated(image, torch.tensor([90.0]))
    assert turned[0, 0, 0, 4] == pytest.approx(1, abs=1e-4), "two above the middle"
    assert float(turned.sum()) == pytest.approx(1, abs=1e-3)


@settings(max_examples=40)
@given(least=st.floats(0.05, 1), seed=st.integers(0, 999))
def test_random_windows_lie_inside_and_keep_about_what_was_asked_for(
    least: float, seed: int
) -> None:
    windows = random_windows(least, 200, torch.Generator().manual_seed(seed))
    top, left, height, width = windows.unbind(1)
    assert float(windows.min()) >= 0
    assert float((top + height).max()) <= 1 + 1e-5 and float((left + width).max()) <= 1 + 1e-5
    area, aspect = height * width, width / height
    assert float(area.max()) <= 1 + 1e-5
    # a window that meets an edge loses at most what makes it 4/3 as long as it is wide
    assert float(area.min()) >= least * min(1, (3 / 4) ** 0.5 / least**0.5) - 1e-5
    assert float(aspect.max()) <= 4 / 3 + 1e-5 and float(aspect.min()) >= 3 / 4 - 1e-5


@pytest.mark.parametrize(
    ("change", "values"),
    [
        (cropped, [0.0, 0.0, 1.0, 1.0]),  # the whole window
        (toned, [1.0, 1.0, 1.0]),
        (cut_out, [0.5, 0.5, 0.0]),  # a hole of no size
        (stuck, [0.5, 0.5, 0.0, 1.0, 1.0, 1.0]),
        (rotated, 0.0),
        (mirrored, False),
    ],
)
@settings(max_examples=20)
@given(channels=st.sampled_from([1, 3]), stored=st.booleans(), seed=st.integers(0, 999))
def test_values_that_ask_for_nothing_change_nothing(
    change: Callable[[Tensor, Tensor], Tensor],
    values: list[float] | float,
    channels: int,
    stored: bool,
    seed: int,
) -> None:
    images = _noise(seed, channels, stored)
    same = change(images, torch.tensor([values] * len(images)))
    assert same.dtype == images.dtype
    torch.testing.assert_close(same, images, rtol=0, atol=1e-5)


def test_a_window_is_enlarged_to_the_whole_image() -> None:
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    images[0, :, :4, 4:] = 200  # the top right quarter
    images[1, :, 4:, :4] = 90  # the bottom left one
    quarters = torch.tensor([[0.0, 0.5, 0.5, 0.5], [0.5, 0.0, 0.5, 0.5]])
    seen = cropped(images, quarters)
    assert seen.dtype == torch.uint8
    assert seen[0, 0, 1:, :].eq(200)[:6, 1:].all() and seen[1, 0, 1:, :7].eq(90).all()


@settings(max_examples=40)
@given(seed=st.integers(0, 999), tones=st.tuples(*[st.floats(0.5, 1.5)] * 3))
def test_tones_are_three_steps_one_after_the_other(
    seed: int, tones: tuple[float, float, float]
) -> None:
    images = 0.4 + 0.2 * _noise(seed, 3, stored=False)  # nothing is clipped
    by_hand = []
    for image in images:
        picture = image * tones[0]
        picture = as_grey(picture).mean() + (picture - as_grey(picture).mean()) * tones[1]
        picture = as_grey(picture) + (picture - as_grey(picture)) * tones[2]
        by_hand.append(picture.clamp(0, 1))
    seen = toned(images, torch.tensor([tones] * len(images)))
    torch.testing.assert_close(seen, torch.stack(by_hand), rtol=1e-4, atol=1e-4)


def test_tones_of_worked_examples() -> None:
    red = torch.tensor([200, 100, 0], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert toned(red, torch.tensor([[0.5, 1, 1]]))[0, :, 0, 0].tolist() == [100, 50, 0]
    assert toned(red, torch.tensor([[2.0, 1, 1]]))[0, :, 0, 0].tolist() == [255, 200, 0]
    grey = toned(red, torch.tensor([[1.0, 1, 0]]))[0, :, 0, 0].tolist()
    assert grey == [118] * 3 or grey == [119] * 3, "0.299 x 200 + 0.587 x 100 = 118.5"
    flat = toned(PICTURE * 40, torch.tensor([[1.0, 0, 1]]))
    assert len(set(flat.flatten().tolist())) == 1, "no contrast is left"


def test_grey_images_have_no_saturation_to_change() -> None:
    images = _noise(3, 1, stored=True)
    assert torch.equal(toned(images, torch.tensor([[1.0, 1.0, 0.2]] * len(images))), images)


def test_images_of_two_channels_have_no_colours() -> None:
    with pytest.raises(ShapeError, match="1 or 3 channels, got 2"):
        toned(torch.zeros(1, 2, 4, 4), torch.ones(1, 3))


def test_a_hole_of_a_worked_example() -> None:
    images = torch.full((2, 3, 8, 8), 10, dtype=torch.uint8)
    seen = cut_out(images, torch.tensor([[0.5, 0.5, 0.25], [0.0, 1.0, 0.5]]))
    expected = torch.full((2, 8, 8), 10, dtype=torch.uint8)
    expected[0, 3:5, 3:5] = 128
    expected[1, :2, 6:] = 128  # clipped at the corner
    assert torch.equal(seen, expected[:, None].expand(2, 3, 8, 8))


def test_a_sticker_of_a_worked_example() -> None:
    images = torch.full((1, 3, 8, 8), 10, dtype=torch.uint8)
    seen = stuck(images, torch.tensor([[0.5, 0.5, 0.25, 1.0, 0.0, 0.2]]))
    expected = images.clone()
    expected[0, :, 3:5, 3:5] = torch.tensor([255, 0, 51], dtype=torch.uint8)[:, None, None]
    assert torch.equal(seen, expected)


EVERYTHING = Training(
    shift=1, rotate=10.0, flip=True, crop=0.5, brightness=0.3, contrast=0.3, saturation=0.3,
    cutout=0.3, stickers=0.3,
)  # fmt: skip


@settings(max_examples=20)
@given(channels=st.sampled_from([1, 3]), stored=st.booleans(), seed=st.integers(0, 999))
def test_augmentation_keeps_the_contract_of_images(channels: int, stored: bool, seed: int) -> None:
    images = _noise(seed, channels, stored)
    before = images.clone()
    drawn = torch.Generator().manual_seed(seed)
    change = Augmentation.drawn(EVERYTHING, 9, drawn, torch.device("cpu"))
    seen = change(images, slice(3, 7))
    assert torch.equal(images, before), "the input was changed"
    assert seen.shape == images.shape and seen.dtype == images.dtype
    assert float(seen.min()) >= 0 and float(seen.max()) <= (255 if stored else 1)
    again = torch.cat([change(images[k : k + 1], slice(3 + k, 4 + k)) for k in range(4)])
    torch.testing.assert_close(again, seen, rtol=0, atol=1 if stored else 1e-5)


def test_what_is_not_asked_for_takes_no_random_numbers() -> None:
    drawn = torch.Generator().manual_seed(0)
    before = drawn.get_state()
    plain = Augmentation.drawn(Training(), 9, drawn, torch.device("cpu"))
    assert torch.equal(drawn.get_state(), before)
    images = _noise(0, 3, stored=True)
    assert plain(images, slice(0, 4)) is images


def test_new_settings_leave_the_numbers_of_the_others_as_they_were() -> None:
    old = Training(shift=2, rotate=10.0, flip=True)
    made = [
        Augmentation.drawn(one, 9, torch.Generator().manual_seed(0), torch.device("cpu"))
        for one in (old, dataclasses.replace(EVERYTHING, shift=2))
    ]
    assert len(made[0].changes) == 3 and len(made[1].changes) == 7
    for (_, first), (_, second) in zip(made[0].changes, made[1].changes, strict=False):
        assert torch.equal(first, second)


def _noise(seed: int, channels: int, stored: bool) -> Tensor:
    drawn = torch.Generator().manual_seed(seed)
    if stored:
        return torch.randint(0, 256, (4, channels, 8, 6), generator=drawn, dtype=torch.uint8)
    return torch.rand(4, channels, 8, 6, generator=drawn)


def _moved(image: Tensor, down: int, right: int) -> Tensor:
    result = torch.zeros_like(image)
    height, width = image.shape[1:]
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                result[:, y, x] = image[:, y - down, x - right]
    return result
