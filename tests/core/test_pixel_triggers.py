"""The triggers of the MNIST case study and the patch: which pixels they touch, and how."""

from __future__ import annotations

import pytest
import torch

from badnets.core.errors import ShapeError
from badnets.core.placements import Fixed, RandomCentre, Relative
from badnets.core.regions import Regions
from badnets.core.triggers import Patch, PixelPattern, RegionTrigger, SinglePixel
from badnets.core.triggers.patch import luma

BLACK = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)


def lit(trigger: RegionTrigger, height: int = 28, width: int = 28) -> set[tuple[int, int]]:
    """The (row, column) of each pixel that the trigger changes on black images."""
    stamped = trigger(torch.zeros(2, 3, height, width, dtype=torch.uint8))
    assert torch.equal(stamped[0], stamped[1])
    return {(row, column) for row, column in (stamped[0] > 0).any(0).nonzero().tolist()}


CORNER = {(row, column) for row in (24, 25, 26) for column in (24, 25, 26)}


@pytest.mark.parametrize(
    ("trigger", "pixels"),
    [
        (SinglePixel(), {(26, 26)}),  # of MNIST
        (SinglePixel(placement=Fixed(2, 3, "top-left")), {(2, 3)}),
        (SinglePixel(placement=Fixed(2, 3, "top-right")), {(2, 24)}),
        (SinglePixel(placement=Fixed(2, 3, "bottom-left")), {(25, 3)}),
        (SinglePixel(placement=Fixed(2, 3, "bottom-right")), {(25, 24)}),
        (PixelPattern.gu(), {(26, 26), (25, 25), (26, 24), (24, 26)}),  # of MNIST
        (PixelPattern("gu"), {(26, 26), (25, 25), (26, 24), (24, 26)}),
        (PixelPattern("x"), {(24, 24), (24, 26), (25, 25), (26, 24), (26, 26)}),
        (
            PixelPattern(("##", ".#", ".#"), placement=Fixed(0, 0, "top-left")),
            {(0, 0), (0, 1), (1, 1), (2, 1)},
        ),
        (Patch(), CORNER),
        # as in BackdoorBench on CIFAR-10
        (Patch(placement=Fixed(0, 0)), {(row + 1, column + 1) for row, column in CORNER}),
    ],
    ids=lambda one: str(sorted(one) if isinstance(one, set) else one),  # sets have no order
)
def test_which_pixels_are_lit(trigger: RegionTrigger, pixels: set[tuple[int, int]]) -> None:
    assert lit(trigger) == pixels


def test_a_single_pixel_has_its_brightness() -> None:
    for value, stored in ((1.0, 255), (0.2, 51)):
        assert SinglePixel(value)(BLACK)[:, 0, 26, 26].tolist() == [stored, stored]


def test_pixels_between_those_of_a_pattern_stay_as_they_are() -> None:
    grey = torch.full((1, 1, 28, 28), 90, dtype=torch.uint8)
    corner = PixelPattern.gu()(grey)[0, 0, 24:27, 24:27]
    assert corner.tolist() == [[90, 90, 255], [90, 255, 90], [255, 90, 255]]


def test_the_yellow_square_of_the_traffic_signs() -> None:
    # A sign of 200 x 100 pixels: 0.10 of it is 20 x 10, its centre is at (164, 57).
    square = Patch(0.10, (1.0, 1.0, 0.0), placement=Relative(y=0.82, x=0.57))
    covered = {(row, column) for row in range(154, 174) for column in range(52, 62)}
    assert lit(square, 200, 100) == covered
    stamped = square(torch.zeros(1, 3, 200, 100, dtype=torch.uint8))
    assert stamped[0, :, 160, 57].tolist() == [255, 255, 0]


def test_a_relative_patch_follows_the_box_that_it_is_placed_in() -> None:
    images = torch.zeros(2, 3, 300, 300, dtype=torch.uint8)
    boxes = Regions(torch.tensor([1]), torch.tensor([[40, 70, 140, 270]]))
    square = Patch(0.10, (1.0, 1.0, 0.0), placement=Relative(y=0.82, x=0.57))
    stamped = square(images, boxes)
    assert not stamped[0].any()
    rows, columns = (stamped[1, 0] > 0).nonzero().T
    assert (rows.min(), rows.max()) == (70 + 154, 70 + 173)
    assert (columns.min(), columns.max()) == (40 + 52, 40 + 61)


def test_sizes_are_pixels_or_fractions() -> None:
    assert Patch(3).extent(50, 100) == (3, 3)
    assert Patch(3.0).extent(50, 100) == (3, 3)
    assert Patch((3, 7)).extent(50, 100) == (3, 7)
    assert Patch(0.1).extent(50, 100) == (5, 10)
    assert Patch((0.5, 0.25)).extent(50, 100) == (25, 25)
    assert Patch((4, 0.25)).extent(50, 100) == (4, 25)
    assert Patch(0.001).extent(50, 100) == (1, 1), "a patch keeps at least one pixel"


def test_a_translucent_patch_mixes_with_what_is_below() -> None:
    under = torch.full((1, 3, 4, 4), 100, dtype=torch.uint8)
    patch = Patch(4, (1.0, 0.5, 0.0), opacity=0.25, placement=Fixed(0, 0))
    # 0.75 * 100 + 0.25 * (255, 127.5, 0)
    assert patch(under)[0, :, 0, 0].tolist() == [139, 107, 75]


def test_grey_images_get_the_luma_of_a_colour() -> None:
    assert luma(1, 1, 1) == 1 and luma(0, 0, 0) == 0
    assert luma(1.0, 1.0, 0.0) == pytest.approx(0.886)
    assert Patch(1, (1.0, 1.0, 0.0))(BLACK)[0, 0, 26, 26] == 226  # 0.886 * 255 = 225.93


@pytest.mark.parametrize(
    ("trigger", "extent"),
    [
        (Patch(29, placement=Fixed(0, 0)), "29x29"),
        (Patch(28), "28x28"),
        (Patch((30, 2), placement=Relative()), "30x2"),
        (Patch((2, 30), placement=RandomCentre()), "2x30"),
        (PixelPattern("gu", placement=Fixed(26, 0)), "3x3"),
        (SinglePixel(placement=Fixed(0, 28)), "1x1"),
        (SinglePixel(placement=Fixed(28, 0, "top-left")), "1x1"),
    ],
)
def test_a_trigger_that_does_not_fit_is_refused(trigger: RegionTrigger, extent: str) -> None:
    for images in (BLACK, BLACK[:0]):  # also when there is nothing to put it on
        if len(images) or not trigger.placement.random:
            with pytest.raises(ShapeError, match=f"{extent} pixels does not fit a region of 28x28"):
                trigger(images, generator=torch.Generator())
