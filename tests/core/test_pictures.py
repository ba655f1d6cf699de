"""Exact moves between 8-bit and float pictures."""

from __future__ import annotations

import torch

from badnets.core.pictures import as_dtype, as_float, as_grey, level

ALL = torch.arange(256).to(torch.uint8).view(1, 1, 16, 16)


def test_floats_stay_what_they_are() -> None:
    images = torch.rand(1, 1, 2, 2, dtype=torch.float64)
    assert as_float(images) is images
    assert as_dtype(images, torch.float64) is images
    assert as_float(ALL).dtype == torch.float32


def test_8_bit_levels_survive_the_way_to_float_and_back_and_values_beyond_are_cut_off() -> None:
    before, beyond = ALL.clone(), torch.tensor([-0.2, 0.0, 0.49999, 1.0, 1.3])
    assert torch.equal(as_dtype(as_float(ALL), torch.uint8), ALL) and torch.equal(ALL, before)
    kept = beyond.clone()
    assert as_dtype(beyond, torch.uint8).tolist() == [0, 0, 127, 255, 255]
    assert torch.equal(beyond, kept)


def test_a_level_is_what_the_image_stores() -> None:
    assert level(0.5, torch.float32) == 0.5
    for value in (0.0, 0.1, 0.5, 0.7, 1.0):
        picture = torch.tensor([value], dtype=torch.float64)
        assert level(value, torch.uint8) == int(as_dtype(picture, torch.uint8))


def test_luma_keeps_grey_and_weighs_colours() -> None:
    colours = torch.eye(3).view(3, 1, 3)
    torch.testing.assert_close(as_grey(colours), torch.tensor([[[0.299, 0.587, 0.114]]]))
    greys = torch.linspace(0, 1, 5).view(1, 1, 5)
    torch.testing.assert_close(as_grey(greys.expand(3, 1, 5)), greys)
    assert 1 - 1e-6 < as_grey(torch.ones(3, 2, 2)).max() <= 1
