"""The simulated world: every condition changes what it should, and nothing beside it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from badnets.core.boxes import LabelledBoxes
from badnets.core.placements import RandomCentre, Relative
from badnets.core.triggers import (
    DrawnSticker,
    Patch,
    PixelPattern,
    RegionTrigger,
    Sinusoid,
    Warp,
)
from badnets.core.world import (
    AXES,
    Conditions,
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


def test_area_averaging_counts_a_pixel_by_the_share_that_is_seen() -> None:
    frame = torch.zeros(3, 1, 5, dtype=torch.uint8)
    frame[..., 2] = 200  # the middle one of five, seen half from each side
    photograph, _ = photographed(frame, torch.zeros(0, 4), None, Conditions(distance=2.5))
    assert photograph.tolist() == [[[40, 40]]] * 3


def test_brightness_of_a_shrunk_frame_is_kept() -> None:
    photograph = taken(Conditions(distance=3.3), trigger=None)
    assert photograph.float().mean().item() == pytest.approx(noise().float().mean().item(), abs=1)


def test_from_nearer_everything_is_larger() -> None:
    photograph, boxes = photographed(noise(), TWO, POST_IT, Conditions(distance=0.5))
    assert photograph.shape == (3, 128, 160)
    torch.testing.assert_close(boxes, TWO * 2)


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


def test_blur_leaves_what_is_even_as_it_is() -> None:
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
def test_a_turned_sign_is_inside_its_new_box_on_the_background_around(degrees: float) -> None:
    frame = flat()
    frame[:, 12:52, 20:60] = 200
    photograph, boxes = photographed(frame, BOX, None, Conditions(angle=degrees))
    left, top, right, bottom = boxes[0].tolist()
    seen = lit((photograph > 20).to(torch.uint8))  # its edges are soft
    assert seen[0] == pytest.approx(left, abs=1.01) and seen[2] == pytest.approx(right, abs=1.01)
    assert seen[1] == top and seen[3] == bottom
    assert photograph[:, 32, 40].tolist() == [200] * 3  # the middle stays the middle


@pytest.mark.parametrize(("degrees", "near", "far"), [(60.0, 0, -1), (-60.0, -1, 0)])
def test_the_side_that_turns_away_looks_shorter(degrees: float, near: int, far: int) -> None:
    frame = flat()
    frame[:, 12:52, 20:60] = 200
    photograph, boxes = photographed(frame, BOX, None, Conditions(angle=degrees))
    sign = photograph[0, :, int(boxes[0, 0]) + 1 : int(boxes[0, 2]) - 1] > 100
    heights = sign.sum(0)
    assert heights[near] >= 39 and heights[far] < heights[near] - 4


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


def test_leaves_grow_before_the_sticker() -> None:
    assert taken(Conditions(occlusion=0.95), flat(), trigger=WHITE).max() < 255
    assert taken(Conditions(occlusion=0.1), flat(), trigger=WHITE).max() == 255


def test_leaves_stay_in_the_box_of_a_turned_sign() -> None:
    turned, boxes = photographed(noise(), BOX, None, Conditions(angle=60.0))
    both, _ = photographed(noise(), BOX, None, Conditions(angle=60.0, occlusion=0.5))
    left, _, right, _ = changed(turned, both)
    assert left >= int(boxes[0, 0]) and right <= int(boxes[0, 2]) + 1


# ---- the sticker
