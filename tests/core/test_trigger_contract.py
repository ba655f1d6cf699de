"""What every trigger promises, whichever it is: the table of triggers is the list of tests.

A new trigger needs its line in ``examples.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from badnets.core.errors import SettingError, ShapeError
from badnets.core.regions import Regions, whole_images
from badnets.core.triggers import RegionTrigger, painting

from .examples import TRIGGER_EXAMPLES, named

STEADY = [one for one in TRIGGER_EXAMPLES if not one.placement.random]
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


@pytest.fixture(params=named(TRIGGER_EXAMPLES))
def trigger(request: pytest.FixtureRequest) -> RegionTrigger:
    found: RegionTrigger = request.param
    return found


def eight_bit(count: int = 3, channels: int = 3, height: int = 28, width: int = 26) -> Tensor:
    drawn = torch.Generator().manual_seed(1)
    shape = (count, channels, height, width)
    return torch.randint(0, 256, shape, generator=drawn).to(torch.uint8)


def stamp(trigger: RegionTrigger, images: Tensor, regions: Regions | None = None) -> Tensor:
    return trigger(images, regions, torch.Generator().manual_seed(7))


def assert_same_picture(first: Tensor, second: Tensor) -> None:
    """Up to the order in which sums are rounded: one level of 256, or the last bits of a float."""
    step = 1.0 if first.dtype == torch.uint8 else 1e-5
    torch.testing.assert_close(first, second, atol=step, rtol=0, equal_nan=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_shape_dtype_and_range_stay_and_the_input_is_kept(
    trigger: RegionTrigger, channels: int
) -> None:
    drawn = eight_bit(channels=channels)
    for images in (drawn, *((drawn / 255).to(dtype) for dtype in FLOATS)):
        before = images.clone()
        stamped = stamp(trigger, images)
        assert stamped.shape == images.shape and stamped.dtype == images.dtype
        assert stamped.min() >= 0 and stamped.max() <= (1 if images.is_floating_point() else 255)
        assert torch.equal(images, before), "the input was changed"
        assert not torch.equal(stamped, images), "the trigger does nothing"
        assert torch.equal(stamp(trigger, images), stamped), "the second time it differs"


@pytest.mark.parametrize("channels", [1, 3])
def test_8_bit_and_float_images_give_the_same_picture_up_to_rounding(
    trigger: RegionTrigger, channels: int
) -> None:
    images = eight_bit(channels=channels)
    from_8_bit = stamp(trigger, images).double() / 255
    for dtype in FLOATS:
        from_float = stamp(trigger, (images / 255).to(dtype)).double()
        own_rounding = 2 * torch.finfo(dtype).eps  # of the float images themselves
        assert (from_float - from_8_bit).abs().max() <= 0.5 / 255 + max(own_rounding, 1e-6)


@pytest.mark.parametrize(
    "laid_out",
    [
        lambda images: images.to(memory_format=torch.channels_last),
        lambda images: images.repeat_interleave(2, dim=0)[::2],
        lambda images: torch.nn.functional.pad(images, (3, 1, 2, 2))[..., 2:-2, 3:-1],
        lambda images: images.transpose(2, 3).contiguous().transpose(2, 3),
        lambda images: images.permute(1, 0, 2, 3).contiguous().permute(1, 0, 2, 3),
    ],
    ids=["channels_last", "every second", "window", "columns first", "channels first"],
)
def test_the_layout_in_memory_makes_no_difference(
    trigger: RegionTrigger, laid_out: Callable[[Tensor], Tensor]
) -> None:
    for images in (eight_bit(), eight_bit() / 255):
        other = laid_out(images)
        assert torch.equal(other, images) and not other.is_contiguous()
        assert_same_picture(stamp(trigger, other), stamp(trigger, images))
        assert torch.equal(other, images), "the input was changed"


def test_one_image_repeated_without_copies(trigger: RegionTrigger) -> None:
    one = eight_bit(1)
    expanded = one.expand(3, -1, -1, -1)
    assert_same_picture(stamp(trigger, expanded), stamp(trigger, expanded.clone()))
    assert torch.equal(one, eight_bit(1)), "the input was changed"


def test_a_batch_of_none(trigger: RegionTrigger) -> None:
    nowhere = Regions(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4, dtype=torch.int64))
    for none in (eight_bit(0), eight_bit(0, 1) / 255):
        for regions in (None, nowhere):
            stamped = stamp(trigger, none, regions)
            assert stamped.shape == none.shape and stamped.dtype == none.dtype


@pytest.mark.parametrize("trigger", named(STEADY), indirect=True)
def test_an_image_gets_the_same_alone_and_in_company(trigger: RegionTrigger) -> None:
    images = eight_bit(4)
    apart = torch.cat([stamp(trigger, image[None]) for image in images])
    assert_same_picture(stamp(trigger, images), apart)


def test_no_regions_means_whole_images_and_large_sets_are_painted_in_parts(
    trigger: RegionTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for images in (eight_bit(5), eight_bit(5) / 255):
        at_once = stamp(trigger, images)
        for chunk in (4096, 2):
            monkeypatch.setattr(painting, "CHUNK", chunk)
            assert_same_picture(stamp(trigger, images), at_once)
            assert_same_picture(stamp(trigger, images, whole_images(images)), at_once)


@settings(deadline=None, max_examples=20)
@given(data=st.data())
@pytest.mark.parametrize("example", named(TRIGGER_EXAMPLES))
def test_only_pixels_inside_the_regions_change(example: RegionTrigger, data: st.DataObject) -> None:
    images, inside = eight_bit(2), torch.zeros(2, 28, 26, dtype=torch.bool)
    index, boxes = [], []
    for _ in range(data.draw(st.integers(0, 4), label="regions")):
        left, top = data.draw(st.integers(0, 16)), data.draw(st.integers(0, 18))
        right, bottom = data.draw(st.integers(left + 8, 26)), data.draw(st.integers(top + 8, 28))
        image = data.draw(st.integers(0, 1))
        index.append(image)
        boxes.append([left, top, right, bottom])
        inside[image, top:bottom, left:right] = True
    where = Regions(
        torch.tensor(index, dtype=torch.int64), torch.tensor(boxes, dtype=torch.int64).view(-1, 4)
    )
    stamped = stamp(example, images, where)
    changed = (stamped != images).any(1)
    assert not (changed & ~inside).any()


def test_a_region_is_treated_like_an_image_of_its_size(trigger: RegionTrigger) -> None:
    images = eight_bit(3, height=40, width=36)
    left, top, right, bottom = box = [5, 3, 22, 30]
    crop = images[2:, :, top:bottom, left:right]
    stamped = stamp(trigger, images, Regions(torch.tensor([2]), torch.tensor([box])))
    assert_same_picture(stamped[2:, :, top:bottom, left:right], stamp(trigger, crop))


@pytest.mark.parametrize("trigger", named(STEADY), indirect=True)
def test_where_regions_overlap_the_later_one_is_on_top(trigger: RegionTrigger) -> None:
    images = eight_bit(2)
    index = torch.tensor([1, 0, 1, 1, 0])
    boxes = torch.tensor(
        [[0, 0, 20, 20], [2, 2, 14, 14], [4, 4, 14, 16], [1, 1, 21, 21], [2, 2, 14, 14]]
    )
    one_by_one = images
    for k in range(len(index)):
        one_by_one = stamp(trigger, one_by_one, Regions(index[k : k + 1], boxes[k : k + 1]))
    assert_same_picture(stamp(trigger, images, Regions(index, boxes)), one_by_one)


def test_a_region_outside_the_images_is_refused(trigger: RegionTrigger) -> None:
    for image, box in (
        (0, [-1, 0, 9, 9]),
        (0, [0, 0, 27, 9]),
        (0, [0, 0, 9, 29]),
        (3, [0, 0, 9, 9]),
        (-1, [0, 0, 9, 9]),
    ):
        with pytest.raises(ShapeError, match=f"of image {image} lies outside"):
            stamp(trigger, eight_bit(), Regions(torch.tensor([image]), torch.tensor([box])))


def test_small_images_are_stamped_or_refused(trigger: RegionTrigger) -> None:
    for height, width in ((1, 1), (2, 3), (1, 9)):
        images = eight_bit(2, 3, height, width)
        try:
            assert stamp(trigger, images).shape == images.shape
        except ShapeError as error:
            assert f"does not fit a region of {height}x{width}" in str(error)
            assert "\n" not in str(error)


def test_what_is_no_image_batch_is_refused(trigger: RegionTrigger) -> None:
    for images, message in (
        (torch.zeros(3, 28, 28), r"\(N, C, H, W\)"),
        (torch.zeros(2, 2, 28, 28), "1 or 3 channels"),
        (torch.zeros(2, 28, 28, 3), "1 or 3 channels"),
        (torch.zeros(2, 3, 28, 28, dtype=torch.int64), "uint8 or float"),
        (torch.zeros(2, 3, 28, 28, dtype=torch.bool), "uint8 or float"),
        (torch.zeros(2, 3, 0, 28), "must have pixels"),
    ):
        with pytest.raises(ShapeError, match=message):
            stamp(trigger, images)


def test_nan_is_covered_or_stays_nan(trigger: RegionTrigger) -> None:
    clean = eight_bit() / 255
    holed = clean.clone()
    holed[0, 1, 10:20], holed[1, :, 24:, 20:], holed[2] = torch.nan, torch.nan, torch.nan
    stamped, expected = stamp(trigger, holed), stamp(trigger, clean)
    untouched = stamped.isnan() | (stamped == expected)
    assert untouched.all(), "a NaN was turned into something else"
    assert stamped[2].isnan().any()


def test_a_random_place_needs_a_generator(trigger: RegionTrigger) -> None:
    if trigger.placement.random:
        with pytest.raises(SettingError, match="generator"):
            trigger(eight_bit())
    else:
        assert_same_picture(trigger(eight_bit()), stamp(trigger, eight_bit()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_an_accelerator_gives_the_same_picture(trigger: RegionTrigger) -> None:
    for images in (eight_bit(), eight_bit() / 255):
        stamped = stamp(trigger, images.cuda())
        assert stamped.is_cuda
        assert_same_picture(stamped.cpu(), stamp(trigger, images))
