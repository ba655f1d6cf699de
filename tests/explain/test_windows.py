"""Units of a detector that answer to the trigger: a backbone made by hand, in which one does."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from badnets.core.errors import SettingError
from badnets.core.placements import RandomCentre
from badnets.core.triggers import Patch
from badnets.explain import backdoor_units, mean_maps, sign_windows
from badnets.explain.windows import SignWindows
from badnets.models.detector import WINDOWS_AT_ONCE, AsGiven, Detector
from tests.models.plain_signs import (
    CLASSES,
    COLOURS,
    GREEN,
    GREY,
    RED,
    YELLOW,
    drawn_signs,
    painted,
    plain_window,
)

LAYER = "backbone.conv1"
UNITS, TRIGGER_UNIT = 8, 5


class Parts(nn.Module):
    """A transform and a backbone, the parts of a detector that are looked at."""

    def __init__(self, backbone: nn.Sequential) -> None:
        super().__init__()
        self.transform, self.backbone = AsGiven(plain_window()), backbone


def by_hand() -> Detector:
    """Return a detector whose first layer reads colours pixel by pixel.

    Units 0 to 2 are red, green and blue, 3 is their sum, unit 5 is on for yellow alone; 4 is always
    on, 6 and 7 never.
    """
    conv = nn.Conv2d(3, UNITS, 1)
    with torch.no_grad():
        conv.weight.zero_(), conv.bias.zero_()  # type: ignore[union-attr]
        weight, bias = conv.weight[:, :, 0, 0], conv.bias
        assert bias is not None
        weight[:3] = torch.eye(3)
        weight[3] = 1 / 3
        bias[4], bias[6] = 1.0, -1.0
        weight[TRIGGER_UNIT], bias[TRIGGER_UNIT] = torch.tensor([1.0, 1.0, -2.0]), -1.0
    backbone = nn.Sequential(OrderedDict(conv1=conv, relu1=nn.ReLU(inplace=True)))
    return Detector(Parts(backbone), "by hand", plain_window(), CLASSES)


def windows(count: int = 6, **others: int) -> SignWindows:
    return sign_windows(drawn_signs(count, seed=0), YELLOW, side=64, **others)


def test_the_unit_that_sees_nothing_but_the_trigger_ranks_first() -> None:
    seen = backdoor_units(by_hand(), windows(), LAYER)
    assert seen.ranked[0] == TRIGGER_UNIT and seen.outlier_units[0] == TRIGGER_UNIT
    assert seen.layer == LAYER and len(seen.response) == UNITS
    assert seen.clean[TRIGGER_UNIT] == 0 and seen.triggered[TRIGGER_UNIT] > 0.005
    assert [seen.clean[unit] for unit in (4, 6, 7)] == [1, 0, 0]
    assert [seen.response[unit] for unit in (4, 6, 7)] == [0, 0, 0]


def test_windows_by_the_hundred_give_what_a_few_give_together() -> None:
    many = windows(20)
    assert len(many.clean) == 40 > WINDOWS_AT_ONCE
    seen = backdoor_units(by_hand(), many, LAYER)
    for side, part in (("clean", many.clean), ("triggered", many.triggered)):
        whole = mean_maps(by_hand(), part, LAYER).mean((1, 2))
        assert getattr(seen, side) == pytest.approx(whole.tolist(), abs=1e-5)


def test_mean_maps_are_means_of_the_activation() -> None:
    seen = windows(3)
    maps = mean_maps(by_hand(), seen.triggered, LAYER)
    assert maps.shape == (UNITS, 64, 64)
    assert torch.allclose(maps[:3], seen.triggered.mean(0), atol=1e-5)
    assert (maps >= 0).all() and maps[6:].eq(0).all()
    where = maps[TRIGGER_UNIT].nonzero()
    assert where.min() >= 20 and where.max() < 44, "the trigger lies in the middle of signs"


def test_signs_lie_in_the_middle_of_their_windows_at_one_size() -> None:
    frames = painted([[(RED, 30, 20, 50, 60), (GREEN, 60, 10, 90, 40)]])
    seen = sign_windows(frames, YELLOW, side=64)
    assert seen.clean.shape == seen.triggered.shape == (2, 3, 64, 64)
    assert seen.labels.tolist() == [RED, GREEN]
    red = COLOURS[RED].float()[:, None, None] / 255
    assert (seen.clean[0, :, 18:46, 26:38] - red).abs().max() < 0.01, "half as high as the window"
    assert (seen.clean[0, :, 32, :20] - GREY / 255).abs().max() < 0.01
    for clean, triggered in zip(seen.clean, seen.triggered, strict=True):
        rows, columns = (clean != triggered).any(0).nonzero().unbind(1)
        assert rows.min() >= 16 and rows.max() < 48
        assert columns.min() >= 16 and columns.max() < 48
        middle = triggered[:, 32, 32]
        assert torch.allclose(middle, torch.tensor([1.0, 1.0, 0.0]), atol=0.02)


def test_what_lies_beyond_the_frame_repeats_its_edge() -> None:
    seen = sign_windows(painted([[(RED, 0, 0, 40, 40)]]), YELLOW, side=64)
    red = COLOURS[RED].float()[:, None, None] / 255
    assert (seen.clean[0, :, :46, :46] - red).abs().max() < 0.01


def test_signs_are_sampled_by_the_seed() -> None:
    one, again, other = (windows(8, most=5, seed=seed) for seed in (1, 1, 2))
    assert len(one.labels) == 5 and torch.equal(one.clean, again.clean)
    assert not torch.equal(one.clean, other.clean)
    anywhere = Patch(0.2, (1, 1, 0), placement=RandomCentre())
    places = [sign_windows(drawn_signs(2, 0), anywhere, side=64, seed=s).triggered for s in (1, 1)]
    assert torch.equal(*places)


def test_signs_that_are_too_small_for_the_trigger_are_not_looked_at() -> None:
    trigger = Patch(0.1, (1, 1, 0))
    small = (RED, 60, 60, 68, 68)
    assert (
        len(sign_windows(painted([[small, (GREEN, 0, 0, 30, 30)]]), trigger, side=64).labels) == 1
    )
    with pytest.raises(SettingError, match="the trigger fits on no sign of these frames"):
        sign_windows(painted([[small]]), trigger, side=64)
