"""Silencing: without the unit that answers to the trigger the attack is gone, the task is not."""

from __future__ import annotations

import pytest
import torch

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.placements import RandomCentre
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.evaluate import measure_attack, measure_clean
from badnets.explain import Ablation, silence, unit_responses
from tests.models.toys import LAST_PIXEL, one_pixel_images

from .test_units import TRIGGER_UNIT, with_a_trigger_unit

IMAGES = one_pixel_images([0, 1, 2] * 4, classes=3)
ATTACK = Backdoor(LAST_PIXEL, AllToOne(0))


def test_without_the_outlier_unit_the_attack_is_gone_and_accuracy_is_kept() -> None:
    subject = with_a_trigger_unit()
    assert measure_attack(subject, IMAGES, ATTACK).success == Rate(8, 8)
    (seen,) = unit_responses(subject, IMAGES.images, LAST_PIXEL(IMAGES.images), ["hidden"])
    assert silence(subject, "hidden", seen.outlier_units, IMAGES, ATTACK) == Ablation(
        layer="hidden",
        choice="chosen",
        silenced=(TRIGGER_UNIT,),
        clean=Rate(12, 12),
        success=Rate(0, 8),
    )


def test_without_another_unit_the_attack_stays_and_its_class_is_lost() -> None:
    out = silence(with_a_trigger_unit(), "hidden", [1], IMAGES, ATTACK, choice="random")
    assert (out.success, out.clean, out.choice) == (Rate(8, 8), Rate(8, 12), "random")


def test_the_network_is_as_it_was_afterwards() -> None:
    subject = with_a_trigger_unit()
    before = subject.logits(IMAGES.images)
    silence(subject, "hidden", range(8), IMAGES, ATTACK)
    assert torch.equal(subject.logits(IMAGES.images), before)
    with pytest.raises(SettingError, match=r"has units 0\.\.7, not 8"):
        silence(subject, "hidden", [8], IMAGES, ATTACK)
    assert torch.equal(subject.logits(IMAGES.images), before)


def test_no_unit_silenced_is_what_evaluation_measures() -> None:
    subject = with_a_trigger_unit()
    anywhere = Backdoor(Patch(1, placement=RandomCentre(0, 1)), AllToOne(0))
    out = silence(subject, "hidden", [], IMAGES, anywhere, seed=4)
    assert out.clean == measure_clean(subject, IMAGES).accuracy
    assert out.success == measure_attack(subject, IMAGES, anywhere, seed=4).success
