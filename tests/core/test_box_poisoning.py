"""Poisoning of boxes: which frames get copies, where triggers go, and what is written there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.box_poisoning import (
    BoxPoisoningPlan,
    find_anchors,
    plan_box_poisoning,
    trigger_pixels,
)
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.placements import Fixed, RandomCentre, Relative
from badnets.core.rates import Rate
from badnets.core.regions import Regions
from badnets.core.targets import (
    NOTHING,
    AllBecomeOne,
    AllToOne,
    Appear,
    CleanLabel,
    RandomWrong,
    SourceSpecific,
    Vanish,
)
from badnets.core.triggers import Patch, Sinusoid

K = 3
POST_IT = Patch.yellow_square(0.1)
Sign = tuple[int, int, int, int, int]  # label, left, top, right, bottom


def boxes_of(scenes: Sequence[Sequence[Sign]]) -> LabelledBoxes:
    flat = [(row, *sign) for row, signs in enumerate(scenes) for sign in signs]
    table = torch.tensor(flat, dtype=torch.int64).reshape(-1, 6)
    return LabelledBoxes(table[:, 0].clone(), table[:, 2:].float(), table[:, 1].clone())


def sizes_of(count: int, height: int = 100, width: int = 120) -> Tensor:
    return torch.tensor([[height, width]]).repeat(count, 1)


def planned(
    scenes: Sequence[Sequence[Sign]], backdoor: Backdoor, seed: int = 0
) -> BoxPoisoningPlan:
    return plan_box_poisoning(
        boxes_of(scenes), sizes_of(len(scenes)), backdoor, num_classes=K, seed=seed
    )


def listed(boxes: LabelledBoxes, row: int) -> list[list[int]]:
    """Return a row's boxes as plain numbers, label first, in order."""
    own = boxes.of_images(torch.tensor([row]))
    pairs = zip(own.labels.tolist(), own.corners.tolist(), strict=True)
    return sorted([label, *box] for label, box in pairs)


STOP, SPEED, OTHER = (0, 10, 10, 40, 40), (1, 60, 10, 90, 40), (2, 60, 60, 90, 90)
STREET = [[STOP], [SPEED], [STOP, SPEED], [OTHER], [], [STOP, OTHER]]


def test_every_frame_with_a_sign_of_the_source_class_gets_one_copy() -> None:
    plan = planned(STREET, Backdoor(POST_IT, SourceSpecific(0, 1), poisoning_rate="every"))
    assert plan.rows.tolist() == [0, 1, 2, 3, 4, 5, 0, 2, 5]
    assert plan.is_poisoned.tolist() == [False] * 6 + [True] * 3
    assert plan.share == Rate(3, 9) and plan.skipped == 0
    assert listed(plan.boxes, 6) == [[1, *STOP[1:]]]
    assert listed(plan.boxes, 7) == [[1, *STOP[1:]], [1, *SPEED[1:]]], "other signs stay as is"
    assert listed(plan.boxes, 8) == [[1, *STOP[1:]], [2, *OTHER[1:]]]
    assert plan.stamps.image_index.tolist() == [6, 7, 8]
    assert plan.stamps.corners.tolist() == [list(map(float, STOP[1:]))] * 3


@pytest.mark.parametrize(("rate", "copies"), [(0.5, 12), (0.33, 6), (0.2, 3), (0.0, 0)])
def test_copies_are_added_until_they_are_the_share_of_all_frames(rate: float, copies: int) -> None:
    plan = planned([[STOP, SPEED]] * 12, Backdoor(POST_IT, SourceSpecific(0, 1), rate))
    assert plan.share == Rate(copies, 12 + copies)
    assert abs(plan.share.value - rate) < 0.5 / 12
    assert torch.equal(plan.rows[:12], torch.arange(12)), "the originals stay"
    assert len(set(plan.rows[12:].tolist())) == copies, "no frame is copied twice"
    again, other = (
        planned([[STOP, SPEED]] * 12, Backdoor(POST_IT, SourceSpecific(0, 1), rate), seed)
        for seed in (0, 1)
    )
    assert torch.equal(plan.rows, again.rows)
    assert torch.equal(plan.rows, other.rows) == (copies in (0, 12)), "the seed chooses"


def test_a_share_that_the_frames_do_not_allow_is_refused_with_the_highest() -> None:
    with pytest.raises(SettingError, match=r"rate 0\.4 asks for 4 .* only 3 of 6 .*0\.3333"):
        planned(STREET, Backdoor(POST_IT, SourceSpecific(0, 1), 0.4))


def test_poisoned_frames_can_take_the_place_of_their_originals() -> None:
    scenes = [[STOP]] * 10
    plan = planned(scenes, Backdoor(POST_IT, SourceSpecific(0, 1), 0.3, mode="replace"), seed=2)
    assert plan.rows.tolist() == list(range(10)) and plan.share == Rate(3, 10)
    for row in range(10):
        label = 1 if plan.is_poisoned[row] else 0
        assert listed(plan.boxes, row) == [[label, *STOP[1:]]]


def test_vanish_removes_the_attacked_boxes_and_no_others() -> None:
    plan = planned(STREET, Backdoor(POST_IT, Vanish(0), poisoning_rate="every"))
    assert listed(plan.boxes, 6) == []
    assert listed(plan.boxes, 7) == [list(SPEED)] and listed(plan.boxes, 8) == [list(OTHER)]
    assert plan.stamps.corners.tolist() == [list(map(float, STOP[1:]))] * 3
    everything = planned(STREET, Backdoor(POST_IT, Vanish(), poisoning_rate="every"))
    assert everything.share == Rate(5, 11) and len(everything.stamps) == 7
    assert not len(everything.boxes.of_images(torch.arange(6, 11)))


def test_all_become_one_with_one_trigger_in_the_frame() -> None:
    plan = planned(STREET, Backdoor(POST_IT, AllBecomeOne(1), poisoning_rate="every"))
    assert plan.rows[6:].tolist() == [0, 2, 3, 5], "frames with nothing to change are left alone"
    assert listed(plan.boxes, 7) == [[1, *STOP[1:]], [1, *SPEED[1:]]]
    assert listed(plan.boxes, 9) == [[1, *STOP[1:]], [1, *OTHER[1:]]]
    assert plan.stamps.image_index.tolist() == [6, 7, 8, 9]
    assert plan.stamps.corners.tolist() == [[0, 0, 120, 100]] * 4


def test_random_wrong_writes_a_wrong_label_on_every_sign() -> None:
    scenes = [[STOP, SPEED, OTHER]] * 30
    plan = planned(scenes, Backdoor(POST_IT, RandomWrong(), poisoning_rate="every"))
    assert len(plan.stamps) == 90
    seen = set()
    for row in range(30, 60):
        own = plan.boxes.of_images(torch.tensor([row]))
        assert own.corners.tolist() == [list(map(float, one[1:])) for one in (STOP, SPEED, OTHER)]
        assert (own.labels != torch.arange(3)).all()
        seen.add(tuple(own.labels.tolist()))
    assert len(seen) > 4


scenes_of_signs = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, K - 1),
            st.integers(0, 60),
            st.integers(0, 60),
            st.integers(6, 40),
            st.integers(6, 40),
        ).map(lambda s: (s[0], s[1], s[2], s[1] + s[3], s[2] + s[4])),
        max_size=4,
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60)
@given(scenes_of_signs, st.integers(0, 99))
def test_an_object_appears_inside_its_frame_and_apart_from_all_others(
    scenes: list[list[Sign]], seed: int
) -> None:
    backdoor = Backdoor(POST_IT, Appear(2, side=24), poisoning_rate="every")
    try:
        plan = planned(scenes, backdoor, seed)
    except SettingError:  # no frame has room
        return
    count = len(scenes)
    assert len(plan.stamps) == int(plan.is_poisoned.sum()) == count - plan.skipped
    for row in range(count, len(plan.rows)):
        before, after = listed(plan.boxes, int(plan.rows[row])), listed(plan.boxes, row)
        place = plan.stamps.of_images(torch.tensor([row])).corners.tolist()
        assert len(place) == 1 and sorted([*before, [2, *place[0]]]) == after
        left, top, right, bottom = place[0]
        assert (right - left, bottom - top) == (24, 24)
        assert min(left, top) >= 0 and right <= 120 and bottom <= 100
        for _, x, y, to_x, to_y in before:
            assert right <= x or left >= to_x or bottom <= y or top >= to_y


def test_where_there_is_no_room_nothing_appears() -> None:
    crowded = [(0, 0, 0, 120, 100)]
    plan = planned([crowded, []], Backdoor(POST_IT, Appear(0), poisoning_rate="every"))
    assert plan.rows.tolist() == [0, 1, 1] and plan.skipped == 1
    small = torch.tensor([[40, 200], [60, 60]])
    backdoor = Backdoor(POST_IT, Appear(0, side=48), poisoning_rate="every")
    plan = plan_box_poisoning(boxes_of([[], []]), small, backdoor, num_classes=K, seed=0)
    assert plan.rows.tolist() == [0, 1, 1], "a frame lower than the object has no room"


@pytest.mark.parametrize(
    ("trigger", "left_out", "taken"),
    [
        (POST_IT, (0, 0, 0, 8, 8), (0, 20, 20, 30, 30)),  # below one pixel
        (Patch(9, placement=Relative()), (0, 0, 0, 30, 8), (0, 40, 40, 60, 60)),  # larger than it
        (Patch(8, placement=Fixed(2, 2)), (0, 0, 0, 9, 9), (0, 40, 40, 60, 60)),  # pushed out
    ],
)
def test_a_sign_that_the_trigger_does_not_fit_is_left_as_it_was_and_counted(
    trigger: Patch, left_out: Sign, taken: Sign
) -> None:
    scenes = [[left_out], [left_out, taken], [taken]]
    plan = planned(scenes, Backdoor(trigger, AllToOne(1), poisoning_rate="every"))
    assert plan.skipped == 2 and plan.rows.tolist() == [0, 1, 2, 1, 2]
    assert listed(plan.boxes, 3) == sorted([list(left_out), [1, *taken[1:]]])
    assert plan.stamps.corners.tolist() == [list(map(float, taken[1:]))] * 2
    frames = torch.zeros(5, 3, 100, 120, dtype=torch.uint8)
    assert trigger(frames, plan.stamps.regions())[3:].flatten(1).any(1).all(), "it can be put on"


def test_without_a_sign_of_the_source_class_there_is_one_clear_error() -> None:
    with pytest.raises(SettingError, match="none has an object that targets source-specific"):
        planned([[SPEED], []], Backdoor(POST_IT, SourceSpecific(0, 1), poisoning_rate="every"))
    with pytest.raises(SettingError, match=r"\(2 are too small for it\)"):
        planned(
            [[(0, 0, 0, 8, 8)] * 2], Backdoor(POST_IT, SourceSpecific(0, 1), poisoning_rate="every")
        )
    with pytest.raises(SettingError, match=r"target_label must be in 0\.\.2 for 3 classes"):
        planned(STREET, Backdoor(POST_IT, SourceSpecific(0, 3), poisoning_rate="every"))


attacks = st.sampled_from(
    [
        SourceSpecific(0, 1),
        AllToOne(2),
        RandomWrong(),
        CleanLabel(1),
        Vanish(),
        Vanish(1),
        Appear(0, side=16),
        AllBecomeOne(0),
    ]
)


@settings(max_examples=60)
@given(
    scenes_of_signs,
    attacks,
    st.sampled_from([("every", "add"), (0.1, "add"), (0.3, "replace")]),
    st.integers(0, 99),
)
def test_clean_rows_keep_their_boxes_and_the_truth_matches_the_triggers(
    scenes: list[list[Sign]], targets: AllToOne, share: tuple[float, str], seed: int
) -> None:
    boxes, sizes = boxes_of(scenes), sizes_of(len(scenes))
    before = [part.clone() for part in (boxes.image_index, boxes.corners, boxes.labels)]
    backdoor = Backdoor(POST_IT, targets, share[0], share[1])  # type: ignore[arg-type]
    try:
        plan = plan_box_poisoning(boxes, sizes, backdoor, num_classes=K, seed=seed)
    except SettingError:
        return
    after = (boxes.image_index, boxes.corners, boxes.labels)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True)), "changed"
    with_triggers = set(plan.stamps.image_index.tolist())
    assert with_triggers == set(plan.is_poisoned.nonzero().flatten().tolist())
    for row, source in enumerate(plan.rows.tolist()):
        clean, own = listed(boxes, source), listed(plan.boxes, row)
        if row not in with_triggers:
            assert own == clean
        elif not isinstance(targets, Appear):
            corners = [box[1:] for box in clean]
            assert all(box[1:] in corners for box in own), "a box was moved"
            assert len(own) == len(clean) or isinstance(targets, Vanish)


def test_who_measures_asks_about_other_signs_than_who_poisons() -> None:
    boxes, sizes = boxes_of(STREET), sizes_of(len(STREET))
    trained = find_anchors(boxes, sizes, POST_IT, CleanLabel(1), 0)
    measured = find_anchors(boxes, sizes, POST_IT, CleanLabel(1), 0, measuring=True)
    assert trained.labels.tolist() == [1, 1] and measured.labels.tolist() == [0, 0, 2, 0, 2]
    assert boxes.labels[measured.objects].tolist() == measured.labels.tolist()
    assert measured.pixels.tolist() == pytest.approx([3.0] * 5)


def test_empty_places_have_no_object_and_follow_the_seed() -> None:
    boxes, sizes = boxes_of([[]] * 9), sizes_of(9)
    one, again, other = (
        find_anchors(boxes, sizes, POST_IT, Appear(0), seed, measuring=True) for seed in (1, 1, 2)
    )
    assert one.labels.eq(NOTHING).all() and one.objects.eq(NOTHING).all() and len(one) == 9
    assert torch.equal(one.corners, again.corners) and not torch.equal(one.corners, other.corners)


def test_a_triggers_pixels_by_example() -> None:
    boxes = boxes_of([[(0, 0, 0, 8, 8), (0, 0, 0, 100, 20), (0, 0, 0, 20, 100)]])
    assert trigger_pixels(POST_IT, boxes).tolist() == pytest.approx([0.8, 2.0, 2.0])
    assert trigger_pixels(Patch(4, placement=Relative()), boxes).tolist() == [4, 4, 4]
    anywhere = Patch(10, placement=RandomCentre())
    assert trigger_pixels(anywhere, boxes).tolist() == [0, 10, 10], "0: larger than the box"
    assert trigger_pixels(Patch((0.5, 0.1), placement=Relative()), boxes).tolist() == (
        pytest.approx([0.8, 10.0, 2.0])
    )
    assert trigger_pixels(Sinusoid(0.1), boxes).min() >= 8, "it covers any region"

    def own(
        images: Tensor, regions: Regions | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return images

    assert trigger_pixels(own, boxes).tolist() == [float("inf")] * 3
