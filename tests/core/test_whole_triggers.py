"""Triggers that cover their region, against their papers' formulas: blended, sinusoid, warp."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from badnets.core.triggers import Blended, Sinusoid, Warp


def test_blended_is_the_mixture_of_image_and_key() -> None:
    trigger = Blended(0.2, seed=3)
    images = torch.rand(2, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    key = trigger.picture(3, 6, 5)
    torch.testing.assert_close(trigger(images), 0.8 * images + 0.2 * key)
    assert trigger.picture(1, 6, 5).shape == (1, 6, 5)
    assert torch.equal(Blended(0.0)(images), images)
    whole = Blended(1.0)
    torch.testing.assert_close(whole(images)[0], whole.picture(3, 6, 5))


def test_blended_noise_is_uniform_and_follows_its_seed() -> None:
    noise = Blended(seed=1).picture(3, 60, 60)
    assert 0 <= noise.min() < 0.01 and 0.99 < noise.max() <= 1
    assert noise.mean() == pytest.approx(0.5, abs=0.01)
    assert torch.equal(Blended(seed=1).picture(3, 60, 60), noise)
    assert not torch.equal(Blended(seed=2).picture(3, 60, 60), noise)


def test_blended_with_a_picture(tmp_path: Path) -> None:
    pixels = np.array([[(255, 0, 0), (0, 0, 255)]], dtype=np.uint8)
    file = str(tmp_path / "key.png")
    Image.fromarray(pixels).save(file)
    under = torch.full((1, 3, 1, 2), 100, dtype=torch.uint8)
    mixed = Blended(0.2, file)(under)[0].permute(1, 2, 0)
    assert mixed.tolist() == [[[131, 80, 80], [80, 80, 131]]]  # 0.8 * 100 + 0.2 * 255
    # Grey images get the picture's luma: 0.299 and 0.114 of 255.
    assert Blended(0.5, file)(under[:, :1])[0, 0, 0].tolist() == [88, 65]


def test_the_sinusoid_by_its_formula() -> None:
    images = torch.full((1, 3, 2, 28), 0.5, dtype=torch.float64)
    stamped = Sinusoid(20 / 255, 6)(images)
    for column in range(28):
        expected = 0.5 + 20 / 255 * math.sin(2 * math.pi * column * 6 / 28)
        assert stamped[0, :, :, column].flatten().tolist() == pytest.approx([expected] * 6)


def test_the_sinusoid_by_hand() -> None:
    # One wave over four columns: 0, +1, 0, -1 amplitudes; clipped at black and white.
    row = torch.tensor([100, 100, 100, 100], dtype=torch.uint8).view(1, 1, 1, 4)
    trigger = Sinusoid(20 / 255, 1)
    assert trigger(row).flatten().tolist() == [100, 120, 100, 80]
    assert trigger(torch.zeros_like(row)).flatten().tolist() == [0, 20, 0, 0]
    assert trigger(torch.full_like(row, 255)).flatten().tolist() == [255, 255, 255, 235]


def test_the_sinusoid_needs_more_than_two_columns_per_wave() -> None:
    grey = torch.full((1, 1, 1, 13), 100, dtype=torch.uint8)
    assert torch.equal(Sinusoid(frequency=6)(grey[..., :12]), grey[..., :12])
    assert not torch.equal(Sinusoid(frequency=6)(grey), grey)


def shifts(trigger: Warp, height: int, width: int) -> Tensor:
    """Return how far each pixel is pulled, ``(2, H, W)`` in pixels: down and across.

    An image whose brightness is the row (column) number shows where each pixel was read.
    """
    rows = torch.linspace(0, 1, height).view(1, 1, height, 1).expand(1, 1, height, width)
    columns = torch.linspace(0, 1, width).view(1, 1, 1, width).expand(1, 1, height, width)
    down = (trigger(rows) - rows) * (height - 1)
    across = (trigger(columns) - columns) * (width - 1)
    return torch.stack([down[0, 0], across[0, 0]])


def test_the_warp_is_smooth_and_small() -> None:
    pulled = shifts(Warp(strength=0.5, grid=4), 28, 28)
    assert 0.05 < pulled.abs().mean() < 0.25 * 27 / 28
    assert pulled.abs().max() < 1
    inside = pulled[:, 1:-1, 1:-1]  # the border is not pulled out of the picture
    assert inside.diff(dim=1).abs().max() < 0.25 and inside.diff(dim=2).abs().max() < 0.25


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_the_mean_shift_of_the_warp_is_as_stated(strength: float) -> None:
    # With as many control points as pixels nothing is interpolated: the mean absolute shift is
    # strength / height in units where the region spans -1 to 1. The border cannot leave it.
    pulled = shifts(Warp(strength, grid=64), 64, 64)[:, 2:-2, 2:-2]
    assert pulled.abs().mean() == pytest.approx(strength / 64 * 63 / 2, rel=0.03)


def test_twice_the_strength_pulls_twice_as_far() -> None:
    once, twice = (shifts(Warp(strength, seed=3), 40, 30) for strength in (0.5, 1.0))
    inside = (slice(None), slice(3, -3), slice(3, -3))
    torch.testing.assert_close(2 * once[inside], twice[inside], atol=1e-4, rtol=0)


def test_the_warp_follows_its_seed_and_pulls_every_image_alike() -> None:
    images = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    alike = Warp()(images.expand(3, 3, 28, 28))
    assert alike.eq(alike[:1, :1]).all()
    assert not torch.equal(Warp(seed=1)(images), Warp(seed=2)(images))
    plain = torch.full((2, 3, 20, 31), 77, dtype=torch.uint8)
    assert torch.equal(Warp(strength=3)(plain), plain), "a plain picture stays plain"
