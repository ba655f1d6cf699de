"""Drawn scenes: seeded, boxes around what was drawn, refused settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from badnets.core.errors import SettingError, UnknownNameError
from badnets.data.scenes import Look, draw_scene, draw_scenes
from badnets.data.scenes.faces import FAMILIES


def test_a_scene_depends_on_the_seed_and_its_number_alone() -> None:
    few, many = draw_scenes(2, seed=3), draw_scenes(4, seed=3)
    assert few.digest == many.take([0, 1]).digest
    assert few.digest != draw_scenes(2, seed=4).digest
    assert few.digest != draw_scenes(2, 3, Look("swedish")).digest


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_class_is_drawn_and_every_box_lies_in_its_scene(family: str) -> None:
    scenes = draw_scenes(60, 0, Look(family, size=128))
    assert scenes.classes == FAMILIES[family]().classes
    assert min(scenes.counts) >= 5
    corners = scenes.boxes.corners
    assert float(corners.min()) >= 0 and float(corners.max()) <= 128
    sides = (corners[:, 2:] - corners[:, :2]).amax(1) / 128
    assert float(sides.min()) > 0.04 and float(sides.max()) < 0.36
    assert len(set(scenes.groups)) == 60


def test_a_stop_signs_red_reaches_close_to_the_sides_of_its_box() -> None:
    look = Look(size=128, smallest=0.2)
    for number in range(6):
        pixels, signs = draw_scene(0, number, look)
        red = pixels[..., 0].astype(int) - pixels[..., 1:].max(2).astype(int)
        for sign in signs:
            left, top, right, bottom = sign.corners
            if sign.label == 0:
                inside = red[top:bottom, left:right] > 25
                assert inside.mean() > 0.3
                assert inside[:, : max(2, (right - left) // 6)].any()
                assert inside[:, -max(2, (right - left) // 6) :].any()


def test_signs_of_a_scene_do_not_cover_one_another() -> None:
    scenes = draw_scenes(40, 1, Look(size=96))
    for number in range(40):
        own = scenes.boxes.of_images(torch.tensor([number])).corners
        for row, one in enumerate(own):
            for other in own[:row]:
                apart = bool((one[2:] <= other[:2]).any() | (other[2:] <= one[:2]).any())
                assert apart


def test_scenes_vary_in_light() -> None:
    frames = [draw_scene(0, number, Look(size=64))[0] for number in range(24)]
    means = np.array([frame.mean() for frame in frames])
    assert means.std() > 12


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'us'"):
        Look("uss")
    with pytest.raises(SettingError, match="size must be >= 64 pixels, got 10"):
        Look(size=10)
    with pytest.raises(SettingError, match=r"smallest <= largest < 1, got 0\.5 and 0\.3"):
        Look(smallest=0.5)
    with pytest.raises(SettingError, match="count must be >= 1, got 0"):
        draw_scenes(0, 0)
