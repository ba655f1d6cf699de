"""Labelled boxes: taken, renumbered, turned into regions, refused."""

from __future__ import annotations

import pytest
import torch

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import ShapeError
from badnets.core.triggers import Patch


def boxes(*rows: tuple[int, tuple[float, float, float, float], int]) -> LabelledBoxes:
    return LabelledBoxes(
        torch.tensor([row[0] for row in rows]),
        torch.tensor([row[1] for row in rows]),
        torch.tensor([row[2] for row in rows]),
    )


THREE = boxes((0, (1, 2, 5, 6), 1), (2, (0, 0, 3, 3), 0), (2, (4.4, 4.6, 4.7, 9), 2))


def test_boxes_of_some_images_are_numbered_by_their_place() -> None:
    found = THREE.of_images(torch.tensor([2, 1, 0, 2]))
    assert found.image_index.tolist() == [0, 0, 2, 3, 3]
    assert found.labels.tolist() == [0, 2, 1, 0, 2]
    assert found.corners[2].tolist() == [1, 2, 5, 6]


def test_no_image_has_no_box() -> None:
    assert len(THREE.of_images(torch.tensor([1]))) == 0
    assert len(LabelledBoxes.none()) == 0


def test_regions_are_whole_pixels_and_keep_an_area() -> None:
    regions = THREE.regions()
    assert regions.boxes.tolist() == [[1, 2, 5, 6], [0, 0, 3, 3], [4, 5, 5, 9]]
    assert regions.image_index.tolist() == [0, 2, 2]


def test_a_trigger_goes_into_every_box_and_nowhere_else() -> None:
    images = torch.zeros(3, 3, 10, 10, dtype=torch.uint8)
    stamped = Patch.yellow_square(0.25)(images, THREE.take(torch.tensor([0, 1])).regions())
    lit = stamped.sum(1).nonzero().tolist()
    assert lit == [[0, 5, 3], [2, 2, 1]]


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        ((3.0, 0.0, 1.0, 2.0), "no area"),
        ((1.0, 0.0, 1.0, 2.0), "no area"),
        ((0.0, float("nan"), 1.0, 2.0), "NaN"),
        ((0.0, 0.0, float("inf"), 2.0), "NaN or infinity"),
    ],
)
def test_what_is_no_box_is_refused(corners: tuple[float, ...], said: str) -> None:
    one = torch.zeros(1, dtype=torch.int64)
    with pytest.raises(ShapeError, match=said):
        LabelledBoxes(one, torch.tensor([corners]), one)


def test_other_shapes_and_dtypes_are_refused() -> None:
    one = torch.zeros(1, dtype=torch.int64)
    corners = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    with pytest.raises(ShapeError, match=r"corners \(R, 4\)"):
        LabelledBoxes(one, corners[:, :3], one)
    with pytest.raises(ShapeError, match="float32 corners"):
        LabelledBoxes(one, corners.long(), one)
    with pytest.raises(ShapeError, match="must be >= 0"):
        LabelledBoxes(one, corners, one - 1)
