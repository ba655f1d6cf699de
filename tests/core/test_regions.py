"""Regions: what they accept, and those of whole images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from badnets.core.errors import ShapeError
from badnets.core.regions import Regions, whole_images

BOX = torch.tensor([[1, 2, 5, 9]])


def test_whole_images_are_one_region_each() -> None:
    regions = whole_images(torch.zeros(3, 1, 20, 30))
    assert len(regions) == 3
    assert regions.image_index.tolist() == [0, 1, 2]
    assert regions.boxes.tolist() == [[0, 0, 30, 20]] * 3
    assert len(whole_images(torch.zeros(0, 1, 20, 30))) == 0


def test_no_regions_are_regions_too() -> None:
    empty = Regions(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4, dtype=torch.int64))
    assert len(empty) == 0


@pytest.mark.parametrize(
    ("index", "boxes", "message"),
    [
        (torch.tensor([0, 1]), BOX, r"\(R, 4\)"),
        (torch.tensor(0), BOX, r"\(R, 4\)"),
        (torch.tensor([[0]]), BOX, r"\(R, 4\)"),
        (torch.tensor([0]), BOX[:, :3], r"\(R, 4\)"),
        (torch.tensor([0]), BOX.float(), "int64"),
        (torch.tensor([0.0]), BOX, "int64"),
        (torch.tensor([True]), BOX, "int64"),
        (torch.tensor([0]), BOX.to(torch.uint8), "int64"),
        (torch.tensor([0]), torch.tensor([[5, 2, 5, 9]]), "no area"),
        (torch.tensor([0]), torch.tensor([[1, 9, 5, 2]]), "no area"),
    ],
)
def test_malformed_regions_are_refused(index: Tensor, boxes: Tensor, message: str) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        Regions(index, boxes)
    assert "\n" not in str(caught.value)
