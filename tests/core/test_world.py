"""The simulated world: every condition changes what it should, and nothing beside it."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError, ShapeError, UnknownNameError
from badnets.core.placements import Fixed, RandomCentre, Relative
from badnets.core.triggers import (
    DrawnSticker,
    Patch,
    PixelPattern,
    RegionTrigger,
    Sinusoid,
    Sticker,
    Warp,
)
from badnets.core.world import (
    AXES,
    AXIS_LABELS,
    Conditions,
    axis_value,
    drawn_conditions,
    photographed,
)

from .examples import PICTURE

POST_IT = Patch.yellow_square(0.2)
WHITE = Patch(0.25, placement=Relative(0.5, 0.5))
BOX = torch.tensor([[20.0, 12.0, 60.0, 52.0]])
TWO = torch.tensor([[4.0, 6.0, 24.0, 26.0], [40.4, 20.2, 71.7, 58.9]])


def noise(height: int = 64, width: int = 80) -> Tensor:
    drawn = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, height, width), generator=drawn, dtype=torch.uint8)


def flat(level: int = 0) -> Tensor:
    return torch.full((3, 64, 80), level, dtype=torch.uint8)


def stamped(
    frame: Tensor, boxes: Tensor, trigger: RegionTrigger, seed: int | None = None
) -> Tensor:
    one = torch.zeros(len(boxes), dtype=torch.int64)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return trigger(frame[None], LabelledBoxes(one, boxes, one).regions(), generator)[0]


def taken(
    conditions: Conditions,
    frame: Tensor | None = None,
    boxes: Tensor = BOX,
    trigger: RegionTrigger | None = POST_IT,
) -> Tensor:
    return photographed(noise() if frame is None else frame, boxes, trigger, conditions)[0]


def lit(photograph: Tensor) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what is not black."""
    _, rows, columns = photograph.nonzero().T
    return (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)


def changed(one: Tensor, other: Tensor) -> tuple[int, int, int, int]:
    return lit((one != other).to(torch.uint8))


@pytest.mark.parametrize(
    "trigger",
    [
        POST_IT,
        Patch(0.3, opacity=0.5),
        PixelPattern.gu(),
        DrawnSticker("flower"),
        DrawnSticker("bomb", placement=RandomCentre()),
        Sinusoid(),
        Warp(),
    ],
)
def test_by_default_the_trigger_stamps_and_nothing_else_happens(trigger: RegionTrigger) -> None:
    frame = noise()
    before = frame.clone()
    photograph, boxes = photographed(
        frame, TWO, trigger, Conditions(), torch.Generator().manual_seed(3)
    )
    assert torch.equal(photograph, stamped(frame, TWO, trigger, 3))
    assert torch.equal(boxes, TWO) and boxes is not TWO
    assert torch.equal(frame, before)


def test_without_a_trigger_the_sign_itself_is_photographed() -> None:
    frame = noise()
    photograph, _ = photographed(frame, TWO, None, Conditions(size=2.0))
    assert torch.equal(photograph, frame) and photograph is not frame


@pytest.mark.parametrize("conditions", [axis[-1] for axis in AXES.values()], ids=list(AXES))
def test_a_frame_without_signs_is_photographed_too(conditions: Conditions) -> None:
    photograph, boxes = photographed(noise(), torch.zeros(0, 4), POST_IT, conditions)
    assert photograph.dtype == torch.uint8 and boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("conditions", "trigger"),
    [(conditions, POST_IT) for axis in AXES.values() for conditions in axis]
    + [(axis[-1], DrawnSticker("flower", 0.4)) for axis in AXES.values()],
)
def test_the_input_is_kept_and_every_change_shows(
    conditions: Conditions, trigger: RegionTrigger
) -> None:
    frame, boxes = noise(), TWO.clone()
    photograph, _ = photographed(frame, boxes, trigger, conditions)
    assert photograph.dtype == torch.uint8 and photograph.is_contiguous()
    assert torch.equal(frame, noise()) and torch.equal(boxes, TWO)
    plain = stamped(frame, TWO, trigger)
    differs = photograph.shape != plain.shape or not torch.equal(photograph, plain)
    assert differs == (conditions != Conditions())


# ---- the frame as a whole


def test_twice_as_far_halves_frame_and_boxes_and_averages_areas() -> None:
    frame = noise()
    photograph, boxes = photographed(frame, TWO, None, Conditions(distance=2.0))
    means = frame.float().view(3, 32, 2, 40, 2).mean((2, 4))
    assert (photograph.float() - means).abs().max() <= 0.51
    torch.testing.assert_close(boxes, TWO / 2)
    photograph, boxes = photographed(noise(), TWO, POST_IT, Conditions(distance=0.5))
    assert photograph.shape == (3, 128, 160), "from nearer everything is larger"
    torch.testing.assert_close(boxes, TWO * 2)


def test_area_averaging_counts_a_pixel_by_the_share_that_is_seen() -> None:
    frame = torch.zeros(3, 1, 5, dtype=torch.uint8)
    frame[..., 2] = 200  # the middle one of five, seen half from each side
    photograph, _ = photographed(frame, torch.zeros(0, 4), None, Conditions(distance=2.5))
    assert photograph.tolist() == [[[40, 40]]] * 3


def test_brightness_of_a_shrunk_frame_is_kept() -> None:
    photograph = taken(Conditions(distance=3.3), trigger=None)
    assert photograph.float().mean().item() == pytest.approx(noise().float().mean().item(), abs=1)


def test_a_box_keeps_a_pixel_inside_the_frame_from_any_distance() -> None:
    boxes = torch.tensor([[78.0, 62.0, 80.0, 64.0], [0.0, 0.0, 3.0, 1.0]])
    _, seen = photographed(noise(), boxes, None, Conditions(distance=9.0))
    assert seen.tolist() == [[8.0, 6.0, 9.0, 7.0], [0.0, 0.0, 1.0, 1.0]]


def test_brightness_multiplies_and_stops_at_white() -> None:
    for factor, level in ((0.5, 50), (1.5, 150), (3.0, 255)):
        photograph = taken(Conditions(brightness=factor), flat(100), trigger=None)
        assert torch.equal(photograph, flat(level))


def test_blur_spreads_a_point_as_a_gaussian_of_so_many_pixels() -> None:
    frame = flat()
    frame[:, 30, 40] = 255
    photograph = taken(Conditions(blur=1.0), frame, trigger=None).float()
    assert photograph.sum() / 3 == pytest.approx(255, rel=0.05)
    assert photograph[0, 30, 40] == pytest.approx(255 / (2 * torch.pi), abs=2)
    assert photograph[0, 30, 41] / photograph[0, 30, 40] == pytest.approx(0.607, abs=0.02)
    assert torch.equal(taken(Conditions(blur=3.0), flat(77), trigger=None), flat(77))


def test_jpeg_errs_more_the_lower_its_quality() -> None:
    plain = taken(Conditions()).float()
    errors = [
        float((taken(Conditions(jpeg=quality)).float() - plain).abs().mean())
        for quality in (95, 50, 10)
    ]
    assert 0 < errors[0] < errors[1] < errors[2]


# ---- the sign


@pytest.mark.parametrize("degrees", [-75.0, -30.0, 30.0, 60.0])
def test_a_turned_sign_is_narrower_around_its_centre_and_as_high(degrees: float) -> None:
    _, boxes = photographed(noise(), TWO, POST_IT, Conditions(angle=degrees))
    before, after = TWO[:, 2] - TWO[:, 0], boxes[:, 2] - boxes[:, 0]
    narrowed = torch.cos(torch.deg2rad(torch.tensor(degrees))).expand(2)
    torch.testing.assert_close(after / before, narrowed, atol=0, rtol=0.12)
    torch.testing.assert_close(boxes[:, [1, 3]], TWO[:, [1, 3]])
    torch.testing.assert_close(boxes[:, 0] + boxes[:, 2], TWO[:, 0] + TWO[:, 2])


@pytest.mark.parametrize("degrees", [-60.0, -20.0, 20.0, 60.0])
def test_a_turned_sign_is_inside_its_new_box_and_its_far_side_shorter(degrees: float) -> None:
    frame = flat()
    frame[:, 12:52, 20:60] = 200
    photograph, boxes = photographed(frame, BOX, None, Conditions(angle=degrees))
    left, top, right, bottom = boxes[0].tolist()
    seen = lit((photograph > 20).to(torch.uint8))  # its edges are soft
    assert seen[0] == pytest.approx(left, abs=1.01) and seen[2] == pytest.approx(right, abs=1.01)
    assert seen[1] == top and seen[3] == bottom
    assert photograph[:, 32, 40].tolist() == [200] * 3  # the middle stays the middle
    heights = (photograph[0, :, int(left) + 1 : int(right) - 1] > 100).sum(0)
    near, far = (0, -1) if degrees > 0 else (-1, 0)  # the right side goes away
    assert heights[near] >= 39 and heights[far] < heights[near] - abs(degrees) / 15


def test_turning_changes_nothing_beyond_the_box_and_its_rim() -> None:
    left, top, right, bottom = changed(noise(), taken(Conditions(angle=50.0), trigger=None))
    assert (left, top, right, bottom) == (17, 9, 63, 55)


def test_the_sticker_turns_with_its_sign() -> None:
    photograph, boxes = photographed(flat(), BOX, WHITE, Conditions(angle=60.0))
    bright = lit((photograph > 20).to(torch.uint8))
    assert bright[2] - bright[0] <= 7 and bright[3] - bright[1] <= 11  # it was 10 x 10
    middle = 1 - 0.1 * math.sin(math.pi / 3)  # how much smaller than its near edge it looks
    area = photograph[0].sum().item() / 255
    assert area == pytest.approx(100 * math.cos(math.pi / 3) * middle**2, rel=0.05)
    assert boxes[0, 0] < bright[0] and bright[2] < boxes[0, 2]


def test_a_sign_as_large_as_the_frame_can_be_turned() -> None:
    whole = torch.tensor([[0.0, 0.0, 80.0, 64.0]])
    photograph, boxes = photographed(noise(), whole, POST_IT, Conditions(angle=80.0))
    assert photograph.shape == (3, 64, 80) and 1 < boxes[0, 2] - boxes[0, 0] < 20


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_leaves_hide_their_share_of_the_box_from_the_left_and_nothing_else(share: float) -> None:
    photograph = taken(Conditions(occlusion=share), flat(255), trigger=None)
    assert int((photograph != 255).any(0).sum()) == round(share * 40 * 40)
    left, top, right, bottom = changed(flat(255), photograph)
    assert (left, top, bottom) == (20, 12, 52) and right <= 60
    hides_sticker = taken(Conditions(occlusion=share), flat(), trigger=WHITE).max() < 255
    assert hides_sticker == (share == 0.99), "leaves grow before the sticker"


def test_leaves_stay_in_the_box_of_a_turned_sign() -> None:
    turned, boxes = photographed(noise(), BOX, None, Conditions(angle=60.0))
    both, _ = photographed(noise(), BOX, None, Conditions(angle=60.0, occlusion=0.5))
    left, _, right, _ = changed(turned, both)
    assert left >= int(boxes[0, 0]) and right <= int(boxes[0, 2]) + 1


# ---- the sticker


@pytest.mark.parametrize(
    ("conditions", "place"),
    [
        (Conditions(), (35, 27, 45, 37)),
        (Conditions(size=2.0), (30, 22, 50, 42)),  # around the same centre
        (Conditions(size=0.4), (38, 30, 42, 34)),
        (Conditions(size=0.01), (40, 32, 41, 33)),  # a pixel is left
        (Conditions(size=10.0), (20, 12, 60, 52)),  # it stays in its box
        (Conditions(shift=(0.1, -0.2)), (27, 31, 37, 41)),  # down and across
        (Conditions(shift=(1.0, 1.0)), (50, 42, 60, 52)),
    ],
    ids=str,
)
def test_a_sticker_of_another_size_or_out_of_place(
    conditions: Conditions, place: tuple[int, int, int, int]
) -> None:
    assert lit(taken(conditions, flat(), trigger=WHITE)) == place


def test_a_turned_square_stands_on_its_corner_and_keeps_its_area() -> None:
    photograph = taken(Conditions(rotation=45.0), flat(), trigger=WHITE)
    left, top, right, bottom = lit(photograph)
    assert right - left in (14, 15) and bottom - top in (14, 15)
    assert photograph[0].sum().item() / 255 == pytest.approx(100, rel=0.03)


def test_a_quarter_turn_clockwise_takes_the_top_to_the_right() -> None:
    mark = PixelPattern(("###", "...", "..."), placement=Fixed(10, 10, "top-left"))
    photograph = taken(Conditions(rotation=90.0), flat(), trigger=mark)
    assert lit(photograph) == (32, 22, 33, 25)
    assert torch.equal(
        taken(Conditions(rotation=90.0), flat(), trigger=WHITE), stamped(flat(), BOX, WHITE)
    )


def test_another_colour_of_print_changes_the_sticker_alone() -> None:
    frame = noise()
    photograph = taken(Conditions(colour=(0.5, 2.0, 0.0)), frame)
    changes = changed(photograph, frame)
    assert changes == changed(stamped(frame, BOX, POST_IT), frame)
    left, top, right, bottom = changes
    inside = photograph[:, top:bottom, left:right].flatten(1)
    assert inside.amin(1).tolist() == inside.amax(1).tolist() == [58, 200, 0]  # of 116, 100, 50


def test_alpha_is_that_of_the_trigger() -> None:
    frame = noise()
    for trigger in (DrawnSticker("bomb", 0.5), Sticker(PICTURE, 0.5), Patch(0.3, opacity=0.3)):
        photograph = taken(Conditions(colour=(1.0, 1.0, 1.0001)), frame, trigger=trigger)
        difference = photograph.int() - stamped(frame, BOX, trigger).int()
        assert int(difference.abs().max()) <= 1


@given(seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_a_random_placement_puts_an_altered_sticker_where_it_puts_the_usual_one(seed: int) -> None:
    trigger = Patch(0.1, placement=RandomCentre())
    boxes = torch.cat([TWO, torch.tensor([[30.0, 0.0, 50.0, 20.0]])])
    generator = torch.Generator().manual_seed(seed)
    blue = Conditions(colour=(0.0, 0.0, 1.0))
    photograph, _ = photographed(flat(), boxes, trigger, blue, generator)
    usual = stamped(flat(), boxes, trigger, seed)
    assert torch.equal(photograph[2], usual[2]) and not photograph[:2].any()


def test_a_random_placement_wants_a_generator_for_an_altered_sticker_too() -> None:
    with pytest.raises(SettingError, match="generator"):
        taken(Conditions(size=2.0), trigger=Patch(placement=RandomCentre()))


@pytest.mark.parametrize("trigger", [Warp(), Sinusoid()])
def test_what_covers_its_region_is_no_sticker(trigger: RegionTrigger) -> None:
    with pytest.raises(SettingError, match="covers its whole region"):
        taken(Conditions(rotation=5.0), trigger=trigger)
    taken(Conditions(angle=5.0), trigger=trigger)


# ---- axes, draws, settings


def test_axes_have_labels_and_rising_or_falling_values_around_the_unchanged() -> None:
    assert list(AXES) == list(AXIS_LABELS)
    assert set(AXES) == {field.name for field in dataclasses.fields(Conditions)}
    for name, axis in AXES.items():
        values = [axis_value(name, conditions) for conditions in axis]
        assert 5 <= len(values) == len(set(values)) <= 7
        assert values in (sorted(values), sorted(values, reverse=True))
        assert Conditions() in axis
        for conditions in axis:  # no other axis moves
            others = [other for other in AXES if other != name]
            assert all(axis_value(o, conditions) == axis_value(o, Conditions()) for o in others)
    with pytest.raises(UnknownNameError, match="'angle'"):
        axis_value("angel", Conditions())


@given(seed=st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_drawn_conditions_lie_in_the_moderate_half(seed: int) -> None:
    drawn = drawn_conditions(torch.Generator().manual_seed(seed))
    assert drawn == drawn_conditions(torch.Generator().manual_seed(seed))
    for name, axis in AXES.items():
        unchanged, value = axis_value(name, Conditions()), abs(axis_value(name, drawn))
        values = [axis_value(name, conditions) for conditions in axis]
        end = min(values) if value < unchanged else max(values)
        assert abs(value - unchanged) <= 0.5 * abs(end - unchanged) + 0.51 * (name == "jpeg") + 1e-6


def test_drawn_conditions_vary_on_every_axis() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = [drawn_conditions(generator) for _ in range(40)]
    for name in AXES:
        same = sum(axis_value(name, one) == axis_value(name, Conditions()) for one in drawn)
        assert 5 <= same <= 35
    assert {one.angle > 0 for one in drawn if one.angle} == {True, False}


@given(seed=st.integers(0, 2**31), data=st.data())
@settings(max_examples=60, deadline=None)
def test_boxes_stay_valid_and_inside_under_any_mixture(seed: int, data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 48)), data.draw(st.integers(1, 48))
    corners = []
    for _ in range(data.draw(st.integers(0, 3))):
        eighths = [data.draw(st.integers(0, 8 * side - 8)) for side in (width, height)]
        ends = [
            data.draw(st.integers(first + 8, 8 * side))
            for first, side in zip(eighths, (width, height), strict=True)
        ]
        corners.append([part / 8 for part in (*eighths, *ends)])
    boxes = torch.tensor(corners, dtype=torch.float32).reshape(-1, 4)
    conditions = dataclasses.replace(
        drawn_conditions(torch.Generator().manual_seed(seed)),
        angle=data.draw(st.floats(-80, 80)),
        distance=data.draw(st.floats(0.25, 50)),
    )
    frame = noise(height, width)
    photograph, seen = photographed(frame, boxes, POST_IT, conditions)
    again, seen_again = photographed(frame, boxes, POST_IT, conditions)
    assert torch.equal(photograph, again) and torch.equal(seen, seen_again)
    assert seen.shape == boxes.shape and seen.dtype == torch.float32
    stamped(photograph, seen, POST_IT)  # refuses boxes without area or outside the photograph
    assert bool((seen[:, :2] >= 0).all())
    assert bool((seen[:, 2] <= photograph.shape[2]).all())
    assert bool((seen[:, 3] <= photograph.shape[1]).all())


def test_conditions_are_plain_values() -> None:
    adapter = TypeAdapter(Conditions)
    harsh = Conditions(distance=2.0, shift=(0.1, 0.0), colour=(1.0, 0.5, 0.2), jpeg=30)
    assert adapter.validate_json(adapter.dump_json(harsh)) == harsh
    with pytest.raises(ValidationError, match="fog"):
        adapter.validate_python({"fog": 1.0})


@pytest.mark.parametrize(
    ("frame", "boxes", "said"),
    [
        (noise().float(), BOX, "uint8"),
        (noise()[None], BOX, r"\(3, H, W\)"),
        (noise(), BOX[:, :3], r"corners \(R, 4\)"),
        (noise(), BOX + 30, "inside the frame"),
        (noise(), BOX - 15, "inside the frame"),
    ],
)
def test_other_frames_and_boxes_are_refused(frame: Tensor, boxes: Tensor, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        photographed(frame, boxes, POST_IT, Conditions())
