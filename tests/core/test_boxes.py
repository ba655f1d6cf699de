"""Regions and labelled boxes: taken, renumbered, turned into regions, refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import ShapeError
from badnets.core.regions import Regions, whole_images
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


def test_whole_images_are_one_region_each() -> None:
    regions = whole_images(torch.zeros(3, 1, 20, 30))
    assert len(regions) == 3 and regions.image_index.tolist() == [0, 1, 2]
    assert regions.boxes.tolist() == [[0, 0, 30, 20]] * 3
    assert len(whole_images(torch.zeros(0, 1, 20, 30))) == len(LabelledBoxes.none().regions()) == 0


BOX, ZERO = torch.tensor([[1, 2, 5, 9]]), torch.tensor([0])


@pytest.mark.parametrize(
    ("index", "corners", "message"),
    [
        (torch.tensor([0, 1]), BOX, r"\(R, 4\)"),
        (torch.tensor(0), BOX, r"\(R, 4\)"),
        (torch.tensor([[0]]), BOX, r"\(R, 4\)"),
        (ZERO, BOX[:, :3], r"\(R, 4\)"),
        (ZERO.float(), BOX, "int64"),
        (ZERO.bool(), BOX, "int64"),
        (ZERO, BOX.to(torch.uint8), "int64"),
        (ZERO, torch.tensor([[5, 2, 5, 9]]), "no area"),
        (ZERO, torch.tensor([[5, 2, 4, 9]]), "no area"),
        (ZERO, torch.tensor([[1, 9, 5, 2]]), "no area"),
    ],
)
def test_malformed_regions_and_boxes_are_refused(
    index: Tensor, corners: Tensor, message: str
) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        Regions(index, corners)
    assert "\n" not in str(caught.value)
    as_box = corners.float() if corners.dtype == torch.int64 else corners
    with pytest.raises(ShapeError, match=message):
        LabelledBoxes(index, as_box, torch.zeros_like(index, dtype=torch.int64))


def test_boxes_are_finite_floats_with_labels_and_regions_are_whole_pixels() -> None:
    for odd in (float("nan"), float("inf")):
        with pytest.raises(ShapeError, match="NaN or infinity"):
            LabelledBoxes(ZERO, torch.tensor([[0.0, 0.0, odd, 2.0]]), ZERO)
    for boxes_of, corners, message in (
        (lambda box: LabelledBoxes(ZERO, box, ZERO), BOX, "float32"),
        (lambda box: Regions(ZERO, box), BOX.float(), "int64"),
        (lambda box: LabelledBoxes(ZERO, box, ZERO - 1), BOX.float(), "must be >= 0"),
        (lambda box: LabelledBoxes(ZERO - 1, box, ZERO), BOX.float(), "must be >= 0"),
    ):
        with pytest.raises(ShapeError, match=message):
            boxes_of(corners)
