"""The simulated street: what happens to the sticker, the axes, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

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


def test_a_larger_sticker_has_the_same_centre() -> None:
    assert lit(taken(Conditions(), flat(), trigger=WHITE)) == (35, 27, 45, 37)
    assert lit(taken(Conditions(size=2.0), flat(), trigger=WHITE)) == (30, 22, 50, 42)
    assert lit(taken(Conditions(size=0.4), flat(), trigger=WHITE)) == (38, 30, 42, 34)


def test_a_tiny_sticker_keeps_a_pixel_and_a_huge_one_stays_in_its_box() -> None:
    assert int((taken(Conditions(size=0.01), flat(), trigger=WHITE)[0] > 0).sum()) == 1
    assert lit(taken(Conditions(size=10.0), flat(), trigger=WHITE)) == (20, 12, 60, 52)


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


def test_a_misplaced_sticker_goes_down_and_across_but_not_out_of_the_box() -> None:
    assert lit(taken(Conditions(shift=(0.1, -0.2)), flat(), trigger=WHITE)) == (27, 31, 37, 41)
    assert lit(taken(Conditions(shift=(1.0, 1.0)), flat(), trigger=WHITE)) == (50, 42, 60, 52)


def test_another_colour_of_print_changes_the_sticker_alone() -> None:
    frame = noise()
    photograph = taken(Conditions(colour=(0.5, 2.0, 0.0)), frame)
    changes = changed(photograph, frame)
    assert changes == changed(stamped(frame, BOX, POST_IT), frame)
    left, top, right, bottom = changes
    inside = photograph[:, top:bottom, left:right].flatten(1)
    assert inside.amin(1).tolist() == inside.amax(1).tolist() == [58, 200, 0]  # of 116, 100, 50


def test_alpha_is_that_of_the_trigger(picture: str) -> None:
    frame = noise()
    for trigger in (DrawnSticker("bomb", 0.5), Sticker(picture, 0.5), Patch(0.3, opacity=0.3)):
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


def test_an_unknown_axis_is_refused() -> None:
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("distance", 0.2),
        ("distance", 101.0),
        ("angle", 81.0),
        ("angle", float("nan")),
        ("brightness", 0.0),
        ("brightness", float("inf")),
        ("blur", -0.1),
        ("occlusion", 1.0),
        ("occlusion", -0.1),
        ("rotation", 181.0),
        ("size", 0.0),
        ("shift", (0.0, 1.1)),
        ("shift", (0.0,)),
        ("colour", (1.0, 1.0)),
        ("colour", (1.0, -0.1, 1.0)),
        ("jpeg", 96),
        ("jpeg", -1),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=f"^{name} must be .*, got [^\n]*$"):
        Conditions(**{name: value})


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
