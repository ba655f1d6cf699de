"""Where placements put a trigger in its region, and that random ones can be drawn again."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from badnets.core.errors import ShapeError
from badnets.core.placements import RandomCentre, Relative
from badnets.core.triggers import Patch

from .examples import PLACEMENT_EXAMPLES, named


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(deadline=None)
@given(
    region=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_what_fits_its_region_is_kept_inside(
    region: tuple[int, int],
    share: tuple[float, float],
    ends: list[float],
    at: tuple[float, float],
) -> None:
    extent = (max(1, int(region[0] * share[0])), max(1, int(region[1] * share[1])))
    for placement in (RandomCentre(ends[0], ends[1]), Relative(at[0], at[1])):
        corners = placement.corners(region, extent, 20, seeded())
        assert (corners >= 0).all()
        assert (corners + torch.tensor(extent) <= torch.tensor(region)).all()


def test_a_random_centre_lies_within_its_bounds_and_fills_them() -> None:
    drawn = RandomCentre(0.15, 0.85).corners((1000, 400), (10, 20), 5000, seeded())
    centres = (drawn + torch.tensor([5, 10])) / torch.tensor([1000, 400])
    assert centres.min() >= 0.15 - 1 / 400 and centres.max() <= 0.85 + 1 / 400
    assert centres.amin(0).max() < 0.16 and centres.amax(0).min() > 0.84
    assert centres.mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.02)


@pytest.mark.parametrize("placement", named(PLACEMENT_EXAMPLES))
def test_there_is_a_corner_for_each_region_that_can_be_drawn_again(placement: Any) -> None:
    for count in (0, 1, 5):
        corners, again, other = (
            placement.corners((90, 70), (3, 4), count, seeded(seed)) for seed in (1, 1, 2)
        )
        assert corners.shape == (count, 2) and corners.dtype == torch.int64
        assert torch.equal(corners, again)
        assert torch.equal(corners, other) == (not placement.random or count == 0)


def test_every_image_gets_a_random_place_of_its_own() -> None:
    images = torch.zeros(40, 1, 28, 28, dtype=torch.uint8)
    stamped = Patch(3, placement=RandomCentre())(images, generator=seeded())
    assert (stamped > 0).flatten(1).sum(1).eq(9).all()
    assert len({tuple(image.flatten().tolist()) for image in stamped}) > 20


def test_the_targeted_sign_trigger_of_the_authors() -> None:
    assert Relative().corners((100, 200), (10, 20), 1, None).tolist() == [[77, 104]]


class Scattered:
    """A placement of one's own that leaves its region for some of the images."""

    random = True

    def corners(
        self, region: Any, extent: Any, count: int, generator: torch.Generator | None
    ) -> Tensor:
        return torch.tensor([[0, 0], [26, 0]])[:count]


def test_a_placement_that_leaves_its_region_is_refused() -> None:
    images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    patch = Patch(3, placement=Scattered())
    assert patch(images[:1]).any()
    with pytest.raises(ShapeError, match="corner at row 26"):
        patch(images)
