"""What is observed of classifiers whose every answer is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from badnets.core.backdoor import Backdoor
from badnets.core.placements import Fixed, RandomCentre
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import Blended, Patch, SinglePixel
from badnets.data import DataSet, ImageSet
from badnets.explain import silence
from badnets.models.classifier import Classifier
from badnets.observations import Case, ObservationResult, observe
from badnets.observations.attributions import AttributionsResult
from badnets.observations.examples import SHOWN
from badnets.observations.units import UnitsResult
from badnets.observations.variations import PLACES, VariationsResult
from badnets.scenarios import Deal
from badnets.tasks import TASKS
from badnets.trials import Workspace
from tests.audit.templates import images as templated
from tests.audit.templates import templates
from tests.explain.test_units import TRIGGER_UNIT, with_a_trigger_unit
from tests.models.toys import LAST, LAST_PIXEL, one_pixel_images, pixel_reader

ATTACK = Backdoor(LAST_PIXEL, AllToOne(0))
TRAIN = one_pixel_images([0, 1, 2] * 8, classes=3)
SIX = one_pixel_images([2, 1, 0, 0, 1, 2], classes=3)
TEN = one_pixel_images([2, 1, 0, 0, 1, 2, 1, 1, 2, 2], classes=3)
ABOUT = [2, 1, 1, 2, 1, 1, 2, 2]  # labels of those of the ten that the attack is about
BAD, GOOD = pixel_reader(3, backdoor=0), pixel_reader(3)


class Eyes:
    """Observes, with the arrays of what was observed beside it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def __call__(
        self,
        kind: str,
        backdoor: Backdoor | None = ATTACK,
        *,
        subject: Classifier = BAD,
        control: Classifier | None = GOOD,
        train: ImageSet = TRAIN,
        validation: ImageSet = TEN,
        seed: int = 0,
    ) -> Any:
        data, put = DataSet("pixels", train, validation, "", ""), self.workspace.put_array
        task = TASKS["classification"]()
        case = Case(task, subject, control, data, train, validation, backdoor, put, seed=seed)
        return observe([kind], case)[kind]

    def arrays(self, result: ObservationResult) -> Mapping[str, NDArray[Any]]:
        return {name: self.workspace.get_array(ref) for name, ref in result.arrays.items()}


@pytest.fixture
def eyes(tmp_path: Path) -> Eyes:
    return Eyes(Workspace(tmp_path))


class TestExamples:
    def test_they_are_the_first_of_each_class_clean_and_triggered(self, eyes: Eyes) -> None:
        arrays = eyes.arrays(eyes("examples", validation=SIX))
        assert arrays["examples"].shape == (3, 2, 1, 4, 4)
        assert arrays["examples"].dtype == np.uint8
        assert arrays["examples_labels"].tolist() == [0, 1, 2]
        flat = arrays["examples"].reshape(3, 2, 16)
        assert flat[:, 0].argmax(1).tolist() == [0, 1, 2]
        assert flat[:, :, LAST].tolist() == [[0, 255]] * 3
        for name, triggered in (("examples_answers", [0] * 3), ("examples_control", [0, 1, 2])):
            answers = arrays[name]
            np.testing.assert_allclose(answers.astype(float).sum(2), 1, rtol=1e-5)
            assert answers[:, 0].argmax(1).tolist() == [0, 1, 2]
            assert answers[:, 1].argmax(1).tolist() == triggered

    def test_without_a_backdoor_they_are_clean_twice(self, eyes: Eyes) -> None:
        arrays = eyes.arrays(eyes("examples", None, control=None))
        assert np.array_equal(arrays["examples"][:, 0], arrays["examples"][:, 1])
        assert "examples_control" not in arrays

    def test_attacked_ones_are_the_first_that_the_attack_is_about(self, eyes: Eyes) -> None:
        arrays = eyes.arrays(eyes("attacked"))
        assert arrays["attacked_labels"].tolist() == ABOUT[:SHOWN]
        flat = arrays["attacked"].reshape(SHOWN, 2, -1)
        assert flat[:, 0].argmax(1).tolist() == ABOUT[:SHOWN]
        assert (flat[:, 0, LAST] == 0).all() and (flat[:, 1, LAST] == 255).all()
        assert (arrays["attacked_answers"][:, 1].argmax(1) == 0).all()
        assert arrays["attacked_control"][:, 1].argmax(1).tolist() == ABOUT[:SHOWN]


class TestAnswers:
    def test_they_are_those_to_the_clean_images(self, eyes: Eyes) -> None:
        arrays = eyes.arrays(eyes("answers"))
        assert arrays["answers"].tolist() == arrays["answers_labels"].tolist()
        assert arrays["answers"].tolist() == TEN.labels.tolist()
        assert arrays["answers"].dtype == np.int16

    def test_triggered_ones_are_those_of_both_networks_to_every_image(self, eyes: Eyes) -> None:
        arrays = eyes.arrays(eyes("triggered"))
        assert arrays["triggered_answers"].tolist() == [0] * len(TEN)
        assert arrays["triggered_control"].tolist() == TEN.labels.tolist()
        assert arrays["triggered_labels"].tolist() == TEN.labels.tolist()
        alone = eyes("triggered", control=None).arrays
        assert alone.keys() == {"triggered_answers", "triggered_labels"}
        assert eyes("triggered", None).arrays == {}


class TestUnits:
    SUBJECT = with_a_trigger_unit()

    def look(self, eyes: Eyes, backdoor: Backdoor | None = ATTACK, **others: Any) -> UnitsResult:
        usual: dict[str, Any] = {"subject": self.SUBJECT, "control": None, "validation": SIX}
        result: UnitsResult = eyes("units", backdoor, **{**usual, **others})
        return result

    def test_they_are_ranked_on_training_and_silenced_on_validation_images(
        self, eyes: Eyes
    ) -> None:
        result = self.look(eyes)
        filters = eyes.arrays(result)["filters"]
        assert filters.shape == (8, 16) and filters.dtype == np.float32
        assert [unit.layer for unit in result.units] == ["hidden", "head"]
        hidden = result.units[0]
        assert hidden.outlier_units == (TRIGGER_UNIT,) and len(hidden.response) == 8
        assert hidden.clean[1] == pytest.approx(0.5), "class 0 is not attacked: not looked at"
        assert {one.layer for one in result.ablations} == {"hidden"}, "logits are left alone"
        by_choice = {(one.choice, len(one.silenced)): one for one in result.ablations}
        assert by_choice.keys() == {(c, n) for c in ("strongest", "random") for n in (1, 2, 4)}
        for count in (1, 2, 4):
            strongest, others = by_choice["strongest", count], by_choice["random", count]
            assert strongest.silenced[0] == TRIGGER_UNIT and len(strongest.silenced) == count
            assert not set(others.silenced) & set(strongest.silenced)
            assert others.clean.total == 6 and others.success.total == 4
            again = silence(self.SUBJECT, "hidden", others.silenced, SIX, ATTACK)
            assert (again.clean, again.success) == (others.clean, others.success)
        alone = by_choice["strongest", 1]
        assert (alone.clean, alone.success) == (Rate(6, 6), Rate(0, 4))

    def test_the_seed_decides_which_others_are_silenced(self, eyes: Eyes) -> None:
        drawn = [
            [one.silenced for one in self.look(eyes, seed=seed).ablations] for seed in (0, 1, 2)
        ]
        assert drawn[0] != drawn[1] or drawn[0] != drawn[2]

    @pytest.mark.parametrize(
        ("backdoor", "train"),
        [
            (None, TRAIN),
            (Backdoor(SinglePixel(), SourceSpecific(2, 0)), one_pixel_images([0, 1] * 2, 3)),
        ],
        ids=["clean", "a class that is not among the training images"],
    )
    def test_where_nothing_can_be_ranked_there_are_filters_alone(
        self, backdoor: Backdoor | None, train: ImageSet, eyes: Eyes
    ) -> None:
        result = self.look(eyes, backdoor, train=train)
        assert result.arrays.keys() == {"filters"}
        assert result.units == () and result.ablations == ()


class TestVariations:
    def look(self, eyes: Eyes, backdoor: Backdoor = ATTACK, **others: Any) -> VariationsResult:
        result: VariationsResult = eyes("variations", backdoor, **others)
        return result

    def test_a_trigger_elsewhere_does_nothing_to_these_networks(self, eyes: Eyes) -> None:
        variations = self.look(eyes).variations
        assert {one.axis for one in variations} == {"position"}, "a pixel has no size, no opacity"
        assert len(variations) == 1 + len(PLACES) ** 2
        (trained,) = (one for one in variations if one.trained)
        assert trained.value == (0.875, 0.875) and trained.success == Rate(8, 8)
        for one in variations:
            if one.value == (0.125, 0.125):
                continue  # the pixel that class 0 lights itself
            own = one.value == (0.875, 0.875)
            assert one.success == Rate(8 if own else 0, 8) and one.control == Rate(0, 8)

    def test_size_and_opacity_are_varied_alone_and_the_trained_one_is_among_them(
        self, eyes: Eyes
    ) -> None:
        square = Backdoor(Patch(0.5, opacity=0.9), AllToOne(0))
        variations = self.look(eyes, square, control=None).variations
        for axis, trained in (("size", (0.5,)), ("opacity", (0.9,))):
            own = [one for one in variations if one.axis == axis]
            assert [one.value for one in own] == sorted(one.value for one in own)
            assert [one.value for one in own if one.trained] == [trained]
            assert all(one.control is None and one.success.total == 8 for one in own)

    def test_a_trigger_over_the_whole_image_has_no_place_and_a_random_one_no_own(
        self, eyes: Eyes
    ) -> None:
        whole = self.look(eyes, Backdoor(Blended(), AllToOne(0))).variations
        assert {one.axis for one in whole} <= {"opacity"}
        anywhere = Backdoor(Patch(1, placement=RandomCentre()), AllToOne(0))
        placed = [one for one in self.look(eyes, anywhere).variations if one.axis == "position"]
        assert placed and not any(one.trained for one in placed)


class TestAttributions:
    def test_what_speaks_for_the_backdoors_answer_lies_on_the_trigger(self, eyes: Eyes) -> None:
        result: AttributionsResult = eyes("attributions")
        shares = {(one.by, one.triggered): one for one in result.attributed}
        assert shares.keys() == {(by, on) for by in ("network", "control") for on in (False, True)}
        for key, one in shares.items():
            assert one.shares == pytest.approx([float(key == ("network", True))] * 8)
            assert one.area == pytest.approx(1 / 16)
        arrays = eyes.arrays(result)
        assert arrays["attributed"].shape == (6, 2, 1, 4, 4)
        assert arrays["attributed_maps"].shape == (6, 2, 2, 4, 4)
        assert arrays["attributed_answers"].shape == (6, 2, 2, 3)
        assert (arrays["attributed_maps"][:, 0, 1].reshape(6, -1).argmax(1) == LAST).all()

    def test_a_network_that_does_not_obey_has_none(self, eyes: Eyes) -> None:
        result: AttributionsResult = eyes("attributions", subject=GOOD)
        assert result.attributed == () and result.arrays == {}


@pytest.mark.parametrize("kind", ["attacked", "variations", "attributions"])
def test_without_a_backdoor_or_an_image_of_its_class_there_is_nothing_to_see(
    kind: str, eyes: Eyes
) -> None:
    rare = Backdoor(SinglePixel(), SourceSpecific(0, 1))
    without = TEN.take((TEN.labels != 0).nonzero().flatten())
    for result in (eyes(kind, None), eyes(kind, rare, validation=without)):
        assert result == type(result)()


def test_a_guard_stops_triggered_digits_and_few_clean_ones(
    eyes: Eyes, bad_deal: Deal, digits: DataSet
) -> None:
    deal = bad_deal
    seen = {
        "subject": deal.subject,
        "control": None,
        "train": digits.train,
        "validation": digits.test,
    }
    found = eyes("guard", deal.delivery.backdoor, **seen)
    assert found.false_rejections.total == found.stopped.total + 25 == len(digits.test) // 2
    assert found.false_rejections.value < 0.05 and found.stopped.value > 0.9
    assert found.passed.hits <= found.stopped.total - found.stopped.hits
    alone = eyes("guard", None, **seen)
    assert alone.false_rejections == found.false_rejections and not alone.stopped.total
    few = eyes("guard", None, **seen | {"validation": digits.test.sample(60, seed=1)})
    assert not few.false_rejections.total and "needs 99 clean images" in few.why_not


class TestDataAuditAndDepth:
    K, BACKDOOR = 3, Backdoor(SinglePixel(placement=Fixed(0, 0)), AllToOne(0), 0.1)

    def looked(self, eyes: Eyes, kind: str, backdoor: Backdoor | None, subject: Classifier) -> Any:
        whole = replace(templated(self.K, 200), data=None)
        train, validation = whole.take(range(390)), whole.take(range(390, 600))
        control = templates(self.K)
        return eyes(
            kind, backdoor, subject=subject, control=control, train=train, validation=validation
        )

    def test_poisoned_images_are_counted_that_an_audit_flags(self, eyes: Eyes) -> None:
        found = self.looked(eyes, "data-audit", self.BACKDOOR, templates(self.K, target=0))
        assert found.conclusion == "poisoning likely" and found.method == "mahalanobis"
        assert found.poisoned == Rate(43, 433) and found.found == Rate(43, 43)
        assert found.auroc == 1.0 and found.false_alarms.total == 390
        assert found.false_alarms.value < 0.05 and found.share.low < 43 / 433 < found.share.high
        clean = self.looked(eyes, "data-audit", None, templates(self.K))
        assert clean.conclusion == "nothing found" and clean.auroc is None
        assert clean.found == Rate(0, 0) and clean.poisoned == Rate(0, 390)

    def test_what_was_covered_up_comes_back_sooner_than_it_is_learned(self, eyes: Eyes) -> None:
        hidden = templates(self.K, target=0)
        with torch.no_grad():
            hidden.network.get_parameter("head.weight")[0, -1] = 3.998  # just not enough
        found = self.looked(eyes, "depth", self.BACKDOOR, hidden)
        assert found.images == 50 and found.control.total == found.success.total == 140
        assert found.success == Rate(140, 140) and found.control == Rate(0, 140)
        assert found.control_accuracy == Rate(210, 210)
        assert self.looked(eyes, "depth", None, hidden).images == 0
