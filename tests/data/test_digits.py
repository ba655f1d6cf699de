"""The embedded digits: the same bytes and the same split on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from badnets.data import digits


def test_the_set_is_pinned_byte_for_byte() -> None:
    made = digits.load()
    assert made.digests == {
        "train": "27d87cd723445b06cb9138dbb694353bbd73575f0ac19c08d0ac384229979723",
        "test": "c1dcb7d8804a682f5853250f19e0644a0b14b37128d45075ce6932adc6652760",
    }


def test_the_split_is_stratified_and_whole() -> None:
    made = digits.load(Path("ignored"))
    assert (len(made.train), len(made.test)) == (1297, 500)
    assert made.test.counts == (50,) * 10
    assert min(made.train.counts) >= 120
    assert made.classes == tuple("0123456789")


def test_digits_are_bright_on_a_dark_border() -> None:
    images = digits.load().train.images
    assert images.shape[1:] == (1, 28, 28)
    inside = torch.zeros(28, 28, dtype=torch.bool)
    inside[4:24, 4:24] = True
    assert int(images[:, 0, ~inside].max()) == 0
    assert bool((images.amax((1, 2, 3)) > 200).all())
    assert 20 < float(images.float().mean()) < 60


def test_flat_grey_stays_flat_inside() -> None:
    grey = np.full((1, 8, 8), 8, dtype=np.int64)
    enlarged = digits.enlarged(grey)[0]
    assert enlarged.shape == (28, 28)
    assert set(enlarged[9:19, 9:19].flatten().tolist()) == {128}, "8 of 16 is 127.5 of 255"
    assert digits.enlarged(0 * grey).max() == 0


def test_enlarging_treats_both_axes_and_both_directions_alike() -> None:
    image = np.arange(64, dtype=np.int64).reshape(1, 8, 8) % 17
    whole = digits.enlarged(image)
    np.testing.assert_array_equal(digits.enlarged(image.swapaxes(1, 2)), whole.swapaxes(1, 2))
    np.testing.assert_array_equal(digits.enlarged(image[:, ::-1]), whole[:, ::-1])
