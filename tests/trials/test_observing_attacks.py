"""What a trial records of an attack, on networks whose every answer is known beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from badnets.core.backdoor import Backdoor
from badnets.core.placements import RandomCentre
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import Blended, Patch, SinglePixel
from badnets.models.subject import Subject
from badnets.trials import Workspace
from badnets.trials.observing_attacks import (
    PLACES,
    SHOWN,
    Attacked,
    observe_answers,
    observe_attacked,
    observe_attributions,
    observe_triggered,
    observe_variations,
)
from tests.models.toys import LAST, LAST_PIXEL, one_pixel_images, pixel_reader

ATTACK = Backdoor(LAST_PIXEL, AllToOne(0))
VALIDATION = one_pixel_images([2, 1, 0, 0, 1, 2, 1, 1, 2, 2], classes=3)
ABOUT = [2, 1, 1, 2, 1, 1, 2, 2]  # labels of those that the attack is about
BAD, GOOD = pixel_reader(3, backdoor=0), pixel_reader(3)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def looked_into(
    workspace: Workspace,
    backdoor: Backdoor | None = ATTACK,
    *,
    subject: Subject = BAD,
    control: Subject | None = GOOD,
) -> Attacked:
    return Attacked(subject, control, VALIDATION, backdoor, workspace, 0)


def test_answers_are_those_to_the_clean_images(workspace: Workspace) -> None:
    seen = observe_answers(looked_into(workspace))
    arrays = {name: workspace.get_array(ref) for name, ref in seen.arrays.items()}
    assert arrays["answers"].tolist() == arrays["answers_labels"].tolist()
    assert arrays["answers"].tolist() == VALIDATION.labels.tolist()
    assert arrays["answers"].dtype == np.int16


def test_triggered_answers_are_those_of_both_networks_to_every_image(workspace: Workspace) -> None:
    seen = observe_triggered(looked_into(workspace))
    arrays = {name: workspace.get_array(ref) for name, ref in seen.arrays.items()}
    assert arrays["triggered_answers"].tolist() == [0] * len(VALIDATION)
    assert arrays["triggered_control"].tolist() == VALIDATION.labels.tolist()
    assert arrays["triggered_labels"].tolist() == VALIDATION.labels.tolist()
    alone = observe_triggered(looked_into(workspace, control=None)).arrays
    assert alone.keys() == {"triggered_answers", "triggered_labels"}
    assert observe_triggered(looked_into(workspace, None)).arrays == {}


def test_attacked_images_are_the_first_that_the_attack_is_about(workspace: Workspace) -> None:
    seen = observe_attacked(looked_into(workspace))
    arrays = {name: workspace.get_array(ref) for name, ref in seen.arrays.items()}
    assert arrays["attacked_labels"].tolist() == ABOUT[:SHOWN]
    flat = arrays["attacked"].reshape(SHOWN, 2, -1)
    assert flat[:, 0].argmax(1).tolist() == ABOUT[:SHOWN]
    assert (flat[:, 0, LAST] == 0).all() and (flat[:, 1, LAST] == 255).all()
    assert (arrays["attacked_answers"][:, 1].argmax(1) == 0).all()
    assert arrays["attacked_control"][:, 1].argmax(1).tolist() == ABOUT[:SHOWN]


def test_a_trigger_elsewhere_does_nothing_to_these_networks(workspace: Workspace) -> None:
    found = observe_variations(looked_into(workspace)).variations
    assert {one.axis for one in found} == {"position"}, "a pixel has no size and no opacity"
    assert len(found) == 1 + len(PLACES) ** 2
    (trained,) = (one for one in found if one.trained)
    assert trained.value == (0.875, 0.875) and trained.success == Rate(8, 8)
    for one in found:
        if one.value == (0.125, 0.125):
            continue  # the pixel that class 0 lights itself
        own = one.value == (0.875, 0.875)
        assert one.success == Rate(8 if own else 0, 8) and one.control == Rate(0, 8)


def test_size_and_opacity_are_varied_alone_and_the_trained_one_is_told(
    workspace: Workspace,
) -> None:
    square = Backdoor(Patch(0.5, opacity=0.9), AllToOne(0))
    found = observe_variations(looked_into(workspace, square, control=None)).variations
    for axis, trained in (("size", (0.5,)), ("opacity", (0.9,))):
        own = [one for one in found if one.axis == axis]
        assert [one.value for one in own] == sorted(one.value for one in own)
        assert [one.value for one in own if one.trained] == [trained]
        assert all(one.control is None and one.success.total == 8 for one in own)


def test_a_trigger_over_the_whole_image_has_no_place_and_a_random_one_no_own(
    workspace: Workspace,
) -> None:
    whole = Backdoor(Blended(), AllToOne(0))
    assert {one.axis for one in observe_variations(looked_into(workspace, whole)).variations} <= {
        "opacity"
    }
    anywhere = Backdoor(Patch(1, placement=RandomCentre()), AllToOne(0))
    found = observe_variations(looked_into(workspace, anywhere)).variations
    assert not any(one.trained for one in found if one.axis == "position")


def test_what_speaks_for_the_backdoors_answer_lies_on_the_trigger(workspace: Workspace) -> None:
    seen = observe_attributions(looked_into(workspace))
    shares = {(one.by, one.triggered): one for one in seen.attributed}
    assert shares.keys() == {(by, on) for by in ("network", "control") for on in (False, True)}
    for key, one in shares.items():
        assert one.shares == pytest.approx([float(key == ("network", True))] * 8)
        assert one.area == pytest.approx(1 / 16)
    arrays = {name: workspace.get_array(ref) for name, ref in seen.arrays.items()}
    assert arrays["attributed"].shape == (6, 2, 1, 4, 4)
    assert arrays["attributed_maps"].shape == (6, 2, 2, 4, 4)
    assert arrays["attributed_answers"].shape == (6, 2, 2, 3)
    assert (arrays["attributed_maps"][:, 0, 1].reshape(6, -1).argmax(1) == LAST).all()


def test_a_network_that_does_not_obey_has_no_such_answers(workspace: Workspace) -> None:
    seen = observe_attributions(looked_into(workspace, subject=GOOD))
    assert seen.attributed == () and seen.arrays == {}


@pytest.mark.parametrize("observe", [observe_attacked, observe_variations, observe_attributions])
def test_without_a_backdoor_or_an_image_of_its_class_there_is_nothing_to_see(
    observe: type, workspace: Workspace
) -> None:
    rare = Backdoor(SinglePixel(), SourceSpecific(0, 1))
    none = VALIDATION.take((VALIDATION.labels != 0).nonzero().flatten())
    for seen in (
        looked_into(workspace, None),
        looked_into(workspace, rare)._replace(validation=none),
    ):
        assert observe(seen).arrays == {} and observe(seen).variations == ()


def test_observing_leaves_the_network_as_it_was(workspace: Workspace) -> None:
    before = BAD.logits(VALIDATION.images)
    for observe in (observe_answers, observe_attacked, observe_variations, observe_attributions):
        observe(looked_into(workspace))
    assert torch.equal(BAD.logits(VALIDATION.images), before)
