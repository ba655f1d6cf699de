"""How alike two classifiers answer."""

from __future__ import annotations

import pytest

from badnets.core.errors import SettingError
from badnets.core.rates import Rate
from badnets.evaluate import measure_agreement
from tests.models.toys import LAST_PIXEL, constant_answer, one_pixel_images, pixel_reader


def test_a_network_agrees_with_itself() -> None:
    images = one_pixel_images([0, 1, 2], 3)
    alike = measure_agreement(pixel_reader(3), pixel_reader(3), images)
    assert (alike.largest_difference, alike.largest_logit, alike.same) == (0.0, 1.0, Rate(3, 3))


def test_a_worked_example() -> None:
    images = one_pixel_images([0, 1, 2] * 70, 3)
    alike = measure_agreement(pixel_reader(3), constant_answer(3, 1), images)
    assert alike.same == Rate(70, 210)
    assert alike.largest_difference == pytest.approx(1.0)


def test_a_trigger_is_put_on_first() -> None:
    images = one_pixel_images([0, 1, 2], 3)
    backdoored = pixel_reader(3, backdoor=2)
    assert measure_agreement(pixel_reader(3), backdoored, images).same == Rate(3, 3)
    alike = measure_agreement(pixel_reader(3), backdoored, images, trigger=LAST_PIXEL)
    assert alike.same == Rate(1, 3)
    assert alike.largest_difference == pytest.approx(5.0)


def test_it_needs_as_many_classes() -> None:
    images = one_pixel_images([0], 3)
    with pytest.raises(SettingError, match="got 3 and 2"):
        measure_agreement(pixel_reader(3), pixel_reader(2), images)
