"""Detectors on whole frames: which box speaks for a sign, average precision, attack success."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from badnets.core.backdoor import Backdoor
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.placements import Fixed, RandomCentre, Relative
from badnets.core.progress import Progress
from badnets.core.rates import Rate
from badnets.core.targets import NOTHING, AllBecomeOne, AllToOne, Appear, SourceSpecific, Vanish
from badnets.core.triggers import Patch, SinglePixel, Sinusoid
from badnets.evaluate.detection import (
    BLUE,
    THRESHOLDS,
    answers,
    at_thresholds,
    average_precision,
    measure_objects,
    measure_triggered_objects,
    other_sticker,
)
from badnets.evaluate.object_results import AtThreshold, ObjectResults, TriggeredObjectResults
from badnets.models.detector import Detections
from tests.models.plain_signs import (
    GREEN,
    RED,
    YELLOW,
    Sign,
    boxes_of,
    colour_reader,
    drawn_signs,
    painted,
)

Seen = tuple[int, float, int, int, int, int]  # label, score, corners


def found(*boxes: Seen) -> Detections:
    """Return what was found in a frame, the surest first."""
    ranked = sorted(boxes, key=lambda box: -box[1])
    return Detections(
        torch.tensor([box[2:] for box in ranked], dtype=torch.float32).reshape(-1, 4),
        torch.tensor([box[0] for box in ranked], dtype=torch.int64),
        torch.tensor([box[1] for box in ranked], dtype=torch.float32),
    )


def asked(*signs: Sign) -> LabelledBoxes:
    return boxes_of([list(signs)])


def named(
    signs: LabelledBoxes, *seen: Seen, threshold: float = 0.3
) -> tuple[list[int], list[bool]]:
    said, rightly = answers([found(*seen)], signs, threshold)
    return said.tolist(), rightly.tolist()


SIGN: Sign = (0, 0, 0, 10, 10)


def test_the_surest_box_that_overlaps_by_half_names_the_sign() -> None:
    sign = asked(SIGN)
    assert named(sign, (1, 0.8, 0, 0, 10, 10), (0, 0.9, 0, 0, 10, 9)) == ([0], [True])
    assert named(sign, (1, 0.9, 0, 0, 10, 10), (0, 0.8, 0, 0, 10, 9)) == ([1], [True])
    assert named(sign, (1, 0.9, 0, 0, 10, 10)) == ([1], [False])
    assert named(sign, (0, 0.9, 0, 0, 10, 5)) == ([0], [True]), "an overlap of exactly one half"
    assert named(sign, (0, 0.9, 0, 0, 10, 4)) == ([NOTHING], [False])
    assert named(sign, (0, 0.9, 40, 40, 50, 50), (1, 0.4, 1, 0, 10, 10)) == ([1], [False])
    assert named(sign) == ([NOTHING], [False])


def test_boxes_below_the_threshold_count_as_not_there() -> None:
    sign = asked(SIGN)
    assert named(sign, (0, 0.5, 0, 0, 10, 10), threshold=0.5) == ([0], [True])
    assert named(sign, (0, 0.49, 0, 0, 10, 10), threshold=0.5) == ([NOTHING], [False])
    assert named(sign, (1, 0.9, 0, 0, 10, 10), (0, 0.2, 0, 0, 10, 10)) == ([1], [False])


def test_each_sign_is_asked_about_in_its_own_frame() -> None:
    signs = boxes_of([[SIGN], [], [(1, 0, 0, 10, 10), (0, 20, 20, 40, 40)]])
    seen = [found((1, 0.9, 0, 0, 10, 10)), found((0, 0.9, 0, 0, 10, 10)), found()]
    assert answers(seen, signs, 0.3)[0].tolist() == [1, NOTHING, NOTHING]
    seen[2] = found((0, 0.9, 20, 20, 40, 40), (0, 0.7, 0, 0, 10, 10))
    said, rightly = answers(seen, signs, 0.3)
    assert said.tolist() == [1, 0, 0] and rightly.tolist() == [False, False, True]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), max_size=6), st.integers(0, 20))
def test_a_sign_is_rightly_named_when_some_sure_box_has_its_label(
    seen: Sequence[tuple[int, int]], threshold: int
) -> None:
    boxes = [(label, score / 20, 0, 0, 10, 10) for label, score in seen]
    (said,), (rightly,) = named(asked(SIGN), *boxes, threshold=threshold / 20)
    sure = [label for label, score in seen if score >= threshold]
    assert rightly == (0 in sure)
    assert (said == NOTHING) == (not sure)
    assert rightly or said != 0


def test_average_precision_by_a_worked_example() -> None:
    # Class 0: three signs; by score a hit, a miss, a hit: precision 1 up to a recall of 1/3, then
    # 2/3 up to 2/3, then 0. COCO reads it at recalls 0, 0.01 .. 1: 34 points at 1, 33 at 2/3.
    signs = boxes_of([[SIGN, (0, 20, 0, 30, 10)], [(0, 0, 0, 10, 10), (1, 20, 0, 30, 10)]])
    seen = [
        found((0, 0.9, 0, 0, 10, 10), (0, 0.8, 50, 50, 60, 60)),
        found((0, 0.7, 0, 0, 10, 10), (1, 0.1, 20, 0, 30, 10)),
    ]
    expected = (34 + 33 * 2 / 3) / 101
    assert average_precision(seen, signs, 3) == pytest.approx((expected, 1.0, -1.0), abs=1e-5)
    assert average_precision([found(), found()], signs, 2) == (0.0, 0.0)
    only = boxes_of([[(1, 0, 0, 10, 10)]])
    assert average_precision([found((1, 0.2, 0, 0, 10, 10))], only, 2) == (-1.0, 1.0)


def test_what_every_threshold_would_give() -> None:
    signs = boxes_of([[SIGN, (0, 20, 0, 30, 10)]])
    right = (0, 0.9, 0, 0, 10, 10), (0, 0.45, 20, 0, 30, 10)
    wrong = (1, 0.35, 60, 60, 70, 70), (1, 0.08, 70, 0, 80, 10)
    counts = {one.threshold: one for one in at_thresholds([found(*right, *wrong)], signs)}
    assert tuple(counts) == THRESHOLDS == tuple(sorted(THRESHOLDS))
    told = [(counts[t].right, counts[t].false_positives) for t in (0.05, 0.3, 0.4, 0.5, 0.95)]
    assert told == [(2, 2), (2, 1), (2, 0), (1, 0), (0, 0)]


def chosen(rights: dict[float, int], signs: int) -> float:
    counts = tuple(
        AtThreshold(threshold=t, right=right, false_positives=0) for t, right in rights.items()
    )
    plain = measure_objects(colour_reader(), painted([[SIGN]]))
    return plain.model_copy(
        update={"at": counts, "labels": (0,) * signs, "threshold": 0.33}
    ).best_threshold


def test_the_best_threshold_is_the_largest_that_costs_at_most_three_signs_in_a_hundred() -> None:
    assert chosen({0.1: 200, 0.3: 197, 0.5: 194, 0.7: 193}, signs=220) == 0.5
    assert chosen({0.1: 80, 0.3: 90, 0.5: 87}, signs=99) == 0.3, "2.97 signs are not three"
    assert chosen({0.1: 0, 0.3: 0}, signs=5) == 0.3
    assert chosen({}, signs=5) == 0.33, "its own, where no other was counted"


def test_clean_frames_of_a_reader_that_makes_known_mistakes() -> None:
    scenes: list[list[Sign]] = [
        [(RED, 0, 0, 30, 30), (GREEN, 40, 40, 60, 70)],
        [(GREEN, 0, 0, 20, 20)],
        [],
    ]
    frames = painted(scenes, groups=["a", "b", "a"])
    told: list[Progress] = []
    signs = measure_objects(colour_reader(), frames, progress=told.append)
    assert signs.named == signs.labels == (RED, GREEN, GREEN) and signs.right == (True,) * 3
    assert signs.groups == (0, 0, 1) and signs.sides == (30.0, 30.0, 20.0)
    assert (signs.ap50, signs.map50, signs.false_positives) == ((1.0, 1.0), 1.0, 0)
    assert [(p.done, p.total) for p in told] == [(1, 3), (2, 3), (3, 3)]
    blind = measure_objects(colour_reader(blind=GREEN), frames)
    assert blind.named == (RED, NOTHING, NOTHING) and blind.ap50 == (1.0, 0.0)
    result = blind.clean
    assert result.accuracy == Rate(1, 3) and result.per_class == (Rate(1, 1), Rate(0, 2))
    assert result.predicted_counts == (1, 0) and result.largest_class == Rate(0, 3)
    deaf = measure_objects(colour_reader(), frames, threshold=0.85)
    assert deaf.named == (RED, NOTHING, NOTHING), "green is found with a score of 0.8"


def test_boxes_that_cover_no_sign_are_false_positives() -> None:
    frames = painted([[(RED, 0, 0, 30, 30), (GREEN, 40, 40, 60, 60)]])
    unlabelled = type(frames)(
        frames.frames, frames.boxes.take(torch.tensor([0])), frames.classes, frames.groups
    )
    assert measure_objects(colour_reader(), unlabelled).false_positives == 1
    assert measure_objects(colour_reader(), unlabelled, threshold=0.85).false_positives == 0


RED_TO_GREEN = Backdoor(YELLOW, SourceSpecific(RED, GREEN), "every")


def triggered(reader: Any, attack: Any = RED_TO_GREEN, **others: Any) -> TriggeredObjectResults:
    frames = others.pop("frames", None) or drawn_signs(5, seed=3)
    clean = measure_objects(reader, frames)
    return measure_triggered_objects(reader, frames, attack, clean, **others)


def test_a_backdoored_reader_obeys_and_a_clean_one_does_not() -> None:
    seen = triggered(colour_reader(GREEN), control=colour_reader())
    assert seen.objects == (0, 2, 4, 6, 8) and seen.labels == (RED,) * 5
    assert seen.named == (GREEN,) * 5 and seen.hits == (True,) * 5
    assert seen.still_true == (False,) * 5 and seen.right == (False,) * 5
    assert seen.untriggered == (RED,) * 5 and seen.untriggered_hits == (False,) * 5
    assert seen.control == (RED,) * 5 and seen.control_right == (True,) * 5
    assert seen.other == (RED,) * 5 and seen.other_hits == (False,) * 5, "blue is no trigger"
    assert list(seen.ap50) == pytest.approx([0.0, 0.5], abs=0.01) and seen.skipped == 0
    result = seen.attack
    assert result.success == Rate(5, 5) and result.robust == Rate(0, 5)
    assert result.control == Rate(0, 5) and result.untriggered == Rate(0, 5)
    assert result.per_class == (Rate(5, 5), Rate(0, 0))
    assert result.control_per_class == (Rate(0, 5), Rate(0, 0))


def test_only_frames_that_are_attacked_are_looked_at() -> None:
    frames = painted([[(GREEN, 0, 0, 30, 30)], [(RED, 0, 0, 30, 30)], []])
    told: list[Progress] = []
    seen = triggered(colour_reader(), frames=frames, another=False, progress=told.append)
    assert seen.objects == (1,) and seen.groups == (1,) and seen.other == ()
    assert [(p.done, p.total) for p in told] == [(1, 1)]


def test_vanished_signs_are_hits() -> None:
    attack = Backdoor(YELLOW, Vanish(), "every")
    seen = triggered(colour_reader(NOTHING), attack)
    assert seen.hits == (True,) * 10 and seen.named == (NOTHING,) * 10
    assert triggered(colour_reader(), attack).hits == (False,) * 10


def test_objects_that_appear_are_looked_for_where_the_trigger_lies() -> None:
    # a patch as large as its place: to the reader it is a sign of the patch's colour
    attack = Backdoor(Patch(24, (0.86, 0.08, 0.08), placement=Fixed(0, 0)), Appear(RED, side=24))
    frames = painted([[], []])
    seen = triggered(colour_reader(), attack, frames=frames, another=False)
    assert seen.objects == (-1, -1) and seen.labels == (NOTHING, NOTHING)
    assert seen.named == (RED, RED) and seen.hits == (True, True)
    assert seen.untriggered == (NOTHING, NOTHING) and seen.untriggered_hits == (False, False)
    assert seen.still_true == (False, False), "no box names rightly what is not there"
    assert seen.attack.success == Rate(2, 2) and seen.attack.robust == Rate(0, 2)


def test_one_trigger_in_the_frame_is_asked_about_every_sign() -> None:
    attack = Backdoor(Patch(4, (1, 1, 0), placement=Fixed(0, 0)), AllBecomeOne(GREEN))
    frames = painted([[(RED, 66, 66, 96, 96), (GREEN, 0, 0, 30, 30)], [(GREEN, 0, 0, 30, 30)]])
    seen = triggered(colour_reader(GREEN), attack, frames=frames)
    assert seen.objects == (0,) and seen.hits == (True,) and seen.pixels == (4.0,)
    assert seen.untriggered == (RED,)


def test_triggers_are_counted_by_their_size_as_the_network_sees_them() -> None:
    scenes: list[list[Sign]] = [
        [(RED, 0, 0, 8, 8)],
        [(RED, 0, 0, 12, 12)],
        [(RED, 0, 0, 20, 40)],
        [(RED, 0, 0, 60, 60)],
    ]
    attack = Backdoor(Patch(0.1, (1, 1, 0), placement=Relative()), RED_TO_GREEN.targets)
    seen = triggered(colour_reader(GREEN, scale=2.0), attack, frames=painted(scenes))
    assert seen.skipped == 1 and seen.pixels == (1.2, 2.0, 6.0) and seen.scale == 2.0
    assert seen.large() == (False, True, True) and seen.large(2.0) == (True, True, True)
    assert seen.rate(seen.hits).total == 3 and seen.rate(seen.hits, least=12).total == 1
    assert seen.rate((True, False, True), least=3) == Rate(1, 2)


def test_random_places_follow_the_seed() -> None:
    tiny = Backdoor(Patch(2, (1, 1, 0), placement=RandomCentre()), RED_TO_GREEN.targets)
    frames = painted([[(RED, 0, 0, 60, 60)]] * 4)
    one, again = (triggered(colour_reader(GREEN), tiny, frames=frames, seed=2) for _ in range(2))
    assert one == again


@pytest.mark.parametrize("size", [0.05, 0.25, 0.7, 0.9, 1, 3, 16])
def test_the_other_sticker_is_blue_another_shape_and_at_the_same_place(size: float) -> None:
    trigger = Patch(size, (1, 1, 0), placement=RED_TO_GREEN.trigger.placement)
    other = other_sticker(trigger)
    assert isinstance(other, Patch) and other.colour == BLUE
    assert other.placement == trigger.placement
    own, theirs = trigger.extent(60, 60), other.extent(60, 60)
    assert theirs[0] >= own[0] and theirs[1] <= own[1] and theirs != own
    assert theirs[0] <= 60


def test_a_trigger_without_size_or_place_has_no_other() -> None:
    assert other_sticker(Sinusoid(0.1)) is None and other_sticker(SinglePixel()) is None
    assert other_sticker(Patch((2, 3))) is None


def test_where_the_other_sticker_does_not_fit_it_is_left_out() -> None:
    attack = Backdoor(Patch(20, (1, 1, 0), placement=Relative(0.5, 0.5)), AllToOne(GREEN))
    frames = painted([[(RED, 0, 0, 21, 21)], [(RED, 0, 0, 40, 40)]])
    seen = triggered(colour_reader(), attack, frames=frames)
    assert len(seen.hits) == 2 and seen.other == () and seen.other_hits == ()


def test_what_does_not_fit_together_is_refused() -> None:
    three = painted([[(RED, 0, 0, 30, 30)]], classes=("red", "green", "blue"))
    with pytest.raises(SettingError, match="detector knows 2 classes, the frames have 3"):
        measure_objects(colour_reader(), three)
    frames = drawn_signs(2, seed=0)
    clean = measure_objects(colour_reader(), frames)
    reader = colour_reader(classes=("red", "green", "blue"))
    with pytest.raises(SettingError, match="control detector knows 3"):
        measure_triggered_objects(colour_reader(), frames, RED_TO_GREEN, clean, control=reader)
    with pytest.raises(SettingError, match=r"target_label must be in 0\.\.1"):
        triggered(colour_reader(), Backdoor(YELLOW, AllToOne(2)))
    small = painted([[(RED, 0, 0, 8, 8)], [(GREEN, 0, 0, 30, 30)]])
    attack = Backdoor(Patch(0.1), RED_TO_GREEN.targets)
    with pytest.raises(SettingError, match=r"no sign of these frames .*\(1 are too small"):
        triggered(colour_reader(), attack, frames=small)


def test_results_come_back_from_json_and_are_frozen() -> None:
    seen = triggered(colour_reader(GREEN), control=colour_reader())
    assert TriggeredObjectResults.model_validate_json(seen.model_dump_json()) == seen
    clean = measure_objects(colour_reader(blind=RED), drawn_signs(2, seed=0))
    assert ObjectResults.model_validate_json(clean.model_dump_json()) == clean
    with pytest.raises(ValidationError, match="frozen"):
        clean.threshold = 0.5  # type: ignore[misc]
