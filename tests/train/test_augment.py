"""Augmentation: worked examples, and the batch against one image at a time."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from badnets.train.augment import mirrored, rotated, shifted

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


@pytest.mark.parametrize("turns", [-1, 0, 1, 2])
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


def _moved(image: Tensor, down: int, right: int) -> Tensor:
    result = torch.zeros_like(image)
    height, width = image.shape[1:]
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                result[:, y, x] = image[:, y - down, x - right]
    return result
