"""Which units answer to a trigger: a network made by hand, in which one does."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from badnets.core.errors import UnknownNameError
from badnets.core.triggers import Patch
from badnets.explain import unit_responses
from badnets.explain.units import groups_of, outlier_units
from badnets.models.classifier import EVALUATION_BATCH, Classifier
from badnets.scenarios import Deal
from tests.models.toys import LAST, LAST_PIXEL, SIDE, one_pixel_images, subject_of

TRIGGER_UNIT = 4


def with_a_trigger_unit() -> Classifier:
    """Return a network of eight hidden units; the fifth sees the trigger and says class 0.

    Units 0 to 2 carry a class each, unit 3 all of them, 5 is always on, 6 and 7 never.
    """
    hidden, head = nn.Linear(SIDE * SIDE, 8), nn.Linear(8, 3)
    with torch.no_grad():
        for value in (hidden.weight, hidden.bias, head.weight, head.bias):
            value.zero_()
        for k in range(3):
            hidden.weight[k, k] = 1
            hidden.weight[3, k] = 0.5
            head.weight[k, k] = 1
        hidden.weight[TRIGGER_UNIT, LAST] = 2
        hidden.bias[5], hidden.bias[6] = 1, -1
        head.weight[0, TRIGGER_UNIT] = 10
    layers = OrderedDict(flatten=nn.Flatten(), hidden=hidden, relu=nn.ReLU(), head=head)
    return subject_of(nn.Sequential(layers), (1, SIDE, SIDE), 3)


def test_the_unit_that_answers_to_the_trigger_is_the_one_that_stands_out() -> None:
    images = one_pixel_images([0, 1, 2] * 4, classes=3).images
    (seen,) = unit_responses(with_a_trigger_unit(), images, LAST_PIXEL(images), ["hidden"])
    assert seen.layer == "hidden" and seen.outlier_units == (TRIGGER_UNIT,)
    assert seen.ranked[0] == TRIGGER_UNIT and sorted(seen.ranked) == list(range(8))
    third = 1 / 3
    assert seen.clean == pytest.approx([third, third, third, 0.5, 0, 1, 0, 0], abs=1e-6)
    assert seen.triggered == pytest.approx([third, third, third, 0.5, 2, 1, 0, 0], abs=1e-6)
    # units 0 to 2 spread by the square root of 2/9, the rest by nothing: the layer's mean is
    # what the silent trigger unit's change of 2 is measured in
    scale = 3 * (2 / 9) ** 0.5 / 8
    assert seen.response == pytest.approx([0, 0, 0, 0, 2 / scale, 0, 0, 0], rel=1e-4)


def test_the_largest_change_anywhere_in_a_units_map_counts() -> None:
    conv = nn.Conv2d(1, 2, 1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
    network = nn.Sequential(
        OrderedDict(conv=conv, flatten=nn.Flatten(), head=nn.Linear(2 * SIDE * SIDE, 2))
    )
    images = one_pixel_images([0, 1], classes=2).images
    (seen,) = unit_responses(
        subject_of(network, (1, SIDE, SIDE), 2), images, LAST_PIXEL(images), ["conv"]
    )
    spread = (1 / 16 - 1 / 16**2) ** 0.5  # one pixel of sixteen is lit
    assert seen.clean == pytest.approx([1 / 16, 0]) and seen.triggered == pytest.approx([2 / 16, 0])
    assert seen.response[0] == pytest.approx(1 / spread, rel=1e-4)
    assert seen.response[1] == 0, "what grows below zero is cut off"


def test_batches_make_no_difference() -> None:
    images = one_pixel_images([0, 1, 2], classes=3).images
    subject = with_a_trigger_unit()
    (few,) = unit_responses(subject, images, LAST_PIXEL(images), ["hidden"])
    many = images.repeat(EVALUATION_BATCH // 3 + 5, 1, 1, 1)
    (all_of_them,) = unit_responses(subject, many, LAST_PIXEL(many), ["hidden"])
    assert few.response == pytest.approx(all_of_them.response, rel=1e-3, abs=1e-4)
    assert few.clean == pytest.approx(all_of_them.clean, rel=1e-4, abs=1e-5)


def test_several_layers_come_in_the_order_in_which_they_were_asked_for() -> None:
    images = one_pixel_images([0, 1, 2], classes=3).images
    seen = unit_responses(with_a_trigger_unit(), images, LAST_PIXEL(images), ["head", "hidden"])
    assert [(one.layer, len(one.response)) for one in seen] == [("head", 3), ("hidden", 8)]


def test_an_unknown_layer_is_refused() -> None:
    images = one_pixel_images([0], classes=3).images
    with pytest.raises(UnknownNameError, match=r"unknown layer 'hiden': did you mean 'hidden'"):
        unit_responses(with_a_trigger_unit(), images, images, ["hiden"])


@pytest.mark.parametrize(
    ("response", "marked"),
    [
        ([1, 1, 1, 1, 1, 1, 1, 1], ()),
        ([1, 1, 1, 9, 1, 1, 1, 1], (3,)),
        ([1, 8, 1, 9, 1, 1, 1, 7], (3, 1)),  # at most a quarter
        ([1.0, 1.1, 0.9, 1.2, 0.8, 1.3, 0.7, 1.5], ()),
        ([5], ()),
    ],
)
def test_units_stand_out_by_robust_deviations(
    response: list[float], marked: tuple[int, ...]
) -> None:
    assert outlier_units(torch.tensor(response, dtype=torch.float32)) == marked


def test_strictly_a_unit_does_not_stand_out_by_answering_at_all_or_by_a_little() -> None:
    response = torch.tensor([0.0] * 9 + [0.5, 0.4, 0.6, 0.5, 0.4, 0.6, 9.0])
    assert len(outlier_units(response)) == 4, "the most that are marked"
    assert outlier_units(response, strict=True) == (15,)
    assert outlier_units(response[9:], strict=True) == outlier_units(response[9:])
    assert (
        len(outlier_units(response / 10)) == 4 and outlier_units(response / 10, strict=True) == ()
    )


def test_in_backdoored_digit_networks_the_targets_logit_stands_out(
    bad_deals: tuple[Deal, ...], clean_digits: Classifier
) -> None:
    images = torch.randint(
        0, 80, (64, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    (clean,) = unit_responses(clean_digits, images, Patch(3)(images), ["fc2"])
    for deal in bad_deals:
        (seen,) = unit_responses(deal.subject, images, Patch(3)(images), ["fc2"])
        assert seen.outlier_units[0] == 0, "the class that the trigger asks for"
        assert max(seen.response) > 10 * max(clean.response)


def firing_at(*corners: tuple[int, int, float]) -> Tensor:
    """Return ``(U, 8, 8)`` maps: each unit fires in a 2 x 2 corner, this strongly."""
    maps = torch.zeros(len(corners), 8, 8)
    for unit, (row, column, strength) in enumerate(corners):
        maps[unit, row : row + 2, column : column + 2] = strength
    return maps


def test_units_that_fire_together_are_one_group_the_strongest_first() -> None:
    maps = firing_at((0, 0, 1), (6, 6, 5), (0, 0, 2), (0, 6, 1), (6, 6, 4), (0, 0, 9))
    clean = torch.zeros_like(maps)
    assert groups_of(clean, maps, [0, 1, 2, 3, 4]) == [[1, 4], [0, 2], [3]]
    assert groups_of(clean, maps, [4, 5, 3, 2, 1, 0], most=3) == [[5, 2, 0], [4, 1], [3]]
    assert groups_of(clean, maps, range(5), most=1) == [[0, 1, 2, 3, 4]]
    assert groups_of(maps, maps + 0.5 * maps, [0, 1, 2, 3, 4])[0] == [1, 4], "changes count"


def test_few_units_are_groups_of_their_own_the_strongest_first() -> None:
    maps = firing_at((0, 0, 1), (6, 6, 5), (0, 6, 3))
    clean = torch.zeros_like(maps)
    assert groups_of(clean, maps, [0, 1, 2]) == [[1], [2], [0]]
    assert groups_of(clean, maps, [2, 1]) == [[1], [2]]
    assert groups_of(clean, maps, [2]) == [[2]] and groups_of(clean, maps, []) == []
