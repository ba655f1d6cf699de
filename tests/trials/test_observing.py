"""What a trial records beyond rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from badnets.core.backdoor import Backdoor
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import SinglePixel
from badnets.explain import silence
from badnets.trials import Workspace
from badnets.trials.observing import observe_examples, observe_units
from tests.explain.test_units import TRIGGER_UNIT, with_a_trigger_unit
from tests.models.toys import LAST, LAST_PIXEL, one_pixel_images, pixel_reader

ATTACK = Backdoor(LAST_PIXEL, AllToOne(0))
TRAIN = one_pixel_images([0, 1, 2] * 8, classes=3)
VALIDATION = one_pixel_images([2, 1, 0, 0, 1, 2], classes=3)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_examples_are_the_first_of_each_class_clean_and_triggered(workspace: Workspace) -> None:
    backdoored, clean = pixel_reader(3, backdoor=0), pixel_reader(3)
    seen = observe_examples(backdoored, clean, VALIDATION, ATTACK, workspace, seed=0)
    arrays = {name: workspace.get_array(ref) for name, ref in seen.arrays.items()}
    assert arrays["examples"].shape == (3, 2, 1, 4, 4) and arrays["examples"].dtype == np.uint8
    assert arrays["examples_labels"].tolist() == [0, 1, 2]
    flat = arrays["examples"].reshape(3, 2, 16)
    assert flat[:, 0].argmax(1).tolist() == [0, 1, 2]
    assert flat[:, 0, LAST].tolist() == [0, 0, 0] and flat[:, 1, LAST].tolist() == [255] * 3
    for name, triggered in (("examples_answers", [0, 0, 0]), ("examples_control", [0, 1, 2])):
        answers = arrays[name]
        np.testing.assert_allclose(answers.astype(float).sum(2), 1, rtol=1e-5)
        assert answers[:, 0].argmax(1).tolist() == [0, 1, 2]
        assert answers[:, 1].argmax(1).tolist() == triggered


def test_without_a_backdoor_examples_are_clean_twice(workspace: Workspace) -> None:
    seen = observe_examples(pixel_reader(3), None, VALIDATION, None, workspace, seed=0)
    pairs = workspace.get_array(seen.arrays["examples"])
    assert np.array_equal(pairs[:, 0], pairs[:, 1]) and "examples_control" not in seen.arrays


def test_units_are_ranked_on_training_and_silenced_on_validation_images(
    workspace: Workspace,
) -> None:
    subject = with_a_trigger_unit()
    seen = observe_units(subject, TRAIN, VALIDATION, ATTACK, workspace, seed=0)
    filters = workspace.get_array(seen.arrays["filters"])
    assert filters.shape == (8, 16) and filters.dtype == np.float32
    assert [unit.layer for unit in seen.units] == ["hidden", "head"]
    hidden = seen.units[0]
    assert hidden.marked == (TRIGGER_UNIT,) and len(hidden.response) == 8
    assert hidden.clean[1] == pytest.approx(0.5), "class 0 is not attacked, so it is not looked at"
    assert {one.layer for one in seen.ablations} == {"hidden"}, "logits are left alone"
    by_choice = {(one.choice, len(one.silenced)): one for one in seen.ablations}
    assert by_choice.keys() == {(c, n) for c in ("strongest", "random") for n in (1, 2, 4)}
    for count in (1, 2, 4):
        strongest = by_choice["strongest", count]
        assert strongest.silenced[0] == TRIGGER_UNIT and len(strongest.silenced) == count
        others = by_choice["random", count]
        assert not set(others.silenced) & set(strongest.silenced)
        assert others.clean.total == 6 and others.success.total == 4
        again = silence(subject, "hidden", others.silenced, VALIDATION, ATTACK)
        assert (again.clean, again.success) == (others.clean, others.success)
    alone = by_choice["strongest", 1]
    assert (alone.clean, alone.success) == (Rate(6, 6), Rate(0, 4))


def test_the_seed_decides_which_others_are_silenced(workspace: Workspace) -> None:
    subject = with_a_trigger_unit()
    drawn = [
        [
            one.silenced
            for one in observe_units(
                subject, TRAIN, VALIDATION, ATTACK, workspace, seed=seed
            ).ablations
        ]
        for seed in (0, 0, 1, 2)
    ]
    assert drawn[0] == drawn[1] and (drawn[0] != drawn[2] or drawn[0] != drawn[3])


def test_a_clean_network_keeps_its_filters_alone(workspace: Workspace) -> None:
    seen = observe_units(pixel_reader(3), TRAIN, VALIDATION, None, workspace, seed=0)
    assert seen.arrays.keys() == {"filters"} and seen.units == () and seen.ablations == ()


def test_a_class_that_is_not_among_the_training_images_leaves_no_broken_numbers(
    workspace: Workspace,
) -> None:
    rare = Backdoor(SinglePixel(), SourceSpecific(2, 0))
    few = one_pixel_images([0, 1, 0, 1], classes=3)
    seen = observe_units(with_a_trigger_unit(), few, VALIDATION, rare, workspace, seed=0)
    assert seen.arrays.keys() == {"filters"} and seen.units == ()


def test_observing_leaves_the_network_as_it_was(workspace: Workspace) -> None:
    subject = with_a_trigger_unit()
    before = subject.logits(VALIDATION.images)
    observe_units(subject, TRAIN, VALIDATION, ATTACK, workspace, seed=0)
    assert torch.equal(subject.logits(VALIDATION.images), before)
