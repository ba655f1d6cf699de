"""Counts: worked examples, networks whose every answer is known, and what is refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.placements import RandomCentre
from badnets.core.rates import Rate, pooled
from badnets.core.targets import (
    AllToAll,
    AllToOne,
    CleanLabel,
    RandomWrong,
    SourceSpecific,
    TargetMap,
)
from badnets.core.triggers import Patch
from badnets.evaluate import measure_attack, measure_clean
from badnets.evaluate.classification import PredictedLabels, attack_result, clean_result
from tests.models.toys import LAST_PIXEL, constant_answer, one_pixel_images, pixel_reader

LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
UNTRIGGERED = torch.tensor([0, 2, 1, 1, 2, 2])
TRIGGERED = torch.tensor([2, 0, 2, 1, 0, 2])
CONTROL = torch.tensor([0, 0, 2, 1, 2, 2])


def test_clean_counts_of_a_worked_example() -> None:
    result = clean_result(torch.tensor([0, 1, 1, 1, 0, 2]), LABELS, 4)
    assert result.accuracy == Rate(4, 6) and result.error == Rate(2, 6)
    assert result.per_class == (Rate(1, 2), Rate(2, 2), Rate(1, 2), Rate(0, 0))
    assert result.predicted_counts == (2, 3, 1, 0)
    assert result.largest_class == Rate(2, 6)


def test_all_to_one_leaves_the_target_class_out_of_every_rate() -> None:
    answers = PredictedLabels(UNTRIGGERED, TRIGGERED, CONTROL)
    result = attack_result(LABELS, AllToOne(2), answers, num_classes=3)
    assert result.success == Rate(2, 4) and result.backdoor_error == Rate(2, 4)
    assert result.robust == Rate(2, 4)
    assert result.per_class == (Rate(1, 2), Rate(1, 2), Rate(0, 0))
    assert result.untriggered == Rate(1, 4)
    assert result.control == Rate(1, 4)
    assert result.control_per_class == (Rate(0, 2), Rate(1, 2), Rate(0, 0))
    assert result.off_target_rate == Rate(1, 2), "a triggered image of the target class was missed"


@pytest.mark.parametrize(
    ("targets", "success", "robust", "missed"),
    [
        (SourceSpecific(0, 2), Rate(1, 2), Rate(1, 2), Rate(2, 4)),
        (AllToAll(), Rate(2, 6), Rate(3, 6), Rate(0, 0)),
        (AllToAll(shift=2), Rate(1, 6), Rate(3, 6), Rate(0, 0)),
        (RandomWrong(), Rate(3, 6), Rate(3, 6), Rate(0, 0)),
        (CleanLabel(0), Rate(1, 4), Rate(2, 4), Rate(1, 2)),
    ],
)
def test_each_target_map_counts_its_own_images(
    targets: TargetMap, success: Rate, robust: Rate, missed: Rate
) -> None:
    result = attack_result(LABELS, targets, PredictedLabels(UNTRIGGERED, TRIGGERED), num_classes=3)
    assert (result.success, result.robust, result.off_target_rate) == (success, robust, missed)
    assert result.control is None and result.control_per_class == ()


@settings(max_examples=60)
@given(
    answers=st.lists(st.tuples(*[st.integers(0, 3)] * 4), min_size=1, max_size=30),
    targets=st.sampled_from([AllToOne(1), SourceSpecific(0, 3), AllToAll(), RandomWrong()]),
)
def test_counts_of_classes_add_up_and_nothing_is_counted_twice(
    answers: list[tuple[int, int, int, int]], targets: TargetMap
) -> None:
    labels, triggered, untriggered, control = torch.tensor(answers).T
    answered = PredictedLabels(untriggered, triggered, control)
    result = attack_result(labels, targets, answered, num_classes=4)
    assert result.control is not None
    assert pooled(result.per_class) == result.success
    assert pooled(result.control_per_class) == result.control
    counted = result.success.total
    assert {result.robust.total, result.untriggered.total, result.control.total} == {counted}
    assert counted + result.off_target_rate.total == len(labels)
    assert result.success.hits + result.robust.hits <= counted, "right and hit exclude each other"
    clean = clean_result(untriggered, labels, 4)
    assert pooled(clean.per_class) == clean.accuracy
    assert sum(clean.predicted_counts) == len(labels)


def test_a_backdoor_is_measured_on_a_network_that_has_it_beside_one_that_has_not() -> None:
    images = one_pixel_images([0, 0, 1, 2, 2, 2], classes=3)
    attack = Backdoor(LAST_PIXEL, AllToOne(1))
    before = images.images.clone()
    result = measure_attack(pixel_reader(3, backdoor=1), images, attack, control=pixel_reader(3))
    assert torch.equal(images.images, before), "the input was changed"
    assert result.success == Rate(5, 5) and result.robust == Rate(0, 5)
    assert result.untriggered == Rate(0, 5) and result.control == Rate(0, 5)
    assert result.off_target_rate == Rate(0, 1), "class 1 keeps its label by design"
    assert measure_clean(pixel_reader(3, backdoor=1), images).accuracy == Rate(6, 6)


def test_random_places_follow_the_seed() -> None:
    images = one_pixel_images([0] * 40, classes=3)
    anywhere = Backdoor(Patch(1, placement=RandomCentre(0, 1)), AllToOne(1))
    subject = pixel_reader(3, backdoor=1)
    rates = [measure_attack(subject, images, anywhere, seed=seed).success for seed in (0, 0, 1, 2)]
    assert rates[0] == rates[1] and len(set(rates)) > 1
    assert all(0 < rate.hits < 40 for rate in rates)


def test_a_network_for_other_classes_is_refused() -> None:
    images = one_pixel_images([0, 1, 2], classes=3)
    attack = Backdoor(LAST_PIXEL, AllToOne(1))
    with pytest.raises(SettingError, match="the network knows 4 classes, the data has 3"):
        measure_clean(pixel_reader(4), images)
    with pytest.raises(SettingError, match="the network knows 4 classes, the data has 3"):
        measure_attack(pixel_reader(4), images, attack)
    with pytest.raises(SettingError, match="the control network knows 2 classes, the data has 3"):
        measure_attack(pixel_reader(3), images, attack, control=pixel_reader(2))


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (AllToOne(3), r"target_label must be in 0\.\.2 for 3 classes, got 3"),
        (SourceSpecific(5, 0), r"source_class must be in 0\.\.2"),
        (AllToAll(shift=3), "maps each of 3 classes to itself"),
        (AllToOne(0), "none of the images is one that this target map is about"),
        (SourceSpecific(2, 0), "none of the images"),
    ],
)
def test_an_attack_that_cannot_be_measured_is_refused(targets: TargetMap, said: str) -> None:
    zeros = one_pixel_images([0, 0], classes=3)
    attack = Backdoor(LAST_PIXEL, targets)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match=said):
        measure_attack(pixel_reader(3), zeros, attack)


def test_a_constant_answer_has_perfect_success_and_is_collapsed() -> None:
    images = one_pixel_images([0, 1, 2] * 20, classes=3)
    subject = constant_answer(3, 1)
    attack = measure_attack(subject, images, Backdoor(LAST_PIXEL, AllToOne(1)))
    assert attack.success == Rate(40, 40) and attack.untriggered == Rate(40, 40)
    assert measure_clean(subject, images).collapsed
