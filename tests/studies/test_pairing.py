"""Paired differences of two networks on the same images."""

from __future__ import annotations

import pytest
import torch

from badnets.studies.pairing import paired


@pytest.mark.parametrize("change", [1.0, -1.0, 0.0])
def test_where_no_image_differs_the_interval_stays_possible(change: float) -> None:
    found = paired({0: torch.full((50,), change)})
    assert found is not None
    assert found.mean == change
    assert -1.0 <= found.interval.low <= change <= found.interval.high <= 1.0
    assert found.interval.low < found.interval.high


def test_seeds_are_averaged_image_by_image() -> None:
    found = paired({0: torch.tensor([1.0, 0.0, 0.0, 0.0]), 1: torch.tensor([0.0, 0.0, -1.0, 0.0])})
    assert found is not None
    assert found.mean == 0.0
    assert found.by_seed == {0: 0.25, 1: -0.25}
    assert found.images == 4


def test_seeds_that_saw_other_images_are_not_paired() -> None:
    assert paired({0: torch.zeros(3), 1: torch.zeros(4)}) is None
    assert paired({}) is None
