"""The small residual network, stage by stage."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from badnets.core.errors import SettingError
from badnets.models import build
from badnets.models.small_resnet import Block


def outputs(side: int) -> dict[str, tuple[int, ...]]:
    """Return the shape that each layer gives of an image."""
    network = build("small-resnet", (3, side, side), 2)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in network.named_children():
        layer.register_forward_hook(
            lambda _m, _i, out, name=name: shapes.update({name: tuple(out.shape[1:])})
        )
    network.eval()(torch.zeros(1, 3, side, side))
    return shapes


def test_stages_halve_the_picture_and_double_the_units() -> None:
    assert outputs(64) == {
        "stem": (24, 32, 32),
        "stage1": (48, 32, 32),
        "halve1": (48, 16, 16),
        "stage2": (96, 16, 16),
        "halve2": (96, 8, 8),
        "block2": (96, 8, 8),
        "stage3": (192, 8, 8),
        "halve3": (192, 4, 4),
        "block3": (192, 4, 4),
        "pool": (192, 1, 1),
        "flatten": (192,),
        "fc": (2,),
    }


@pytest.mark.parametrize(("side", "last"), [(16, 1), (33, 2), (128, 8)])
def test_it_takes_pictures_of_other_sizes(side: int, last: int) -> None:
    assert outputs(side)["block3"] == (192, last, last)


def test_it_is_small() -> None:
    network = build("small-resnet", (3, 64, 64), 2)
    assert sum(value.numel() for value in network.parameters()) == 1_051_226


def test_a_block_adds_to_what_comes_in() -> None:
    images = torch.rand(2, 8, 6, 6)
    block = Block(8).eval()
    with torch.inference_mode():
        added = block(images) - images
    assert float(added.min()) >= 0 and float(added.max()) > 0, "what is added is cut off at zero"
    nn.init.zeros_(block.second.get_submodule("norm").weight)  # type: ignore[arg-type]
    assert torch.equal(block(images), images)


def test_pictures_that_are_too_small_are_refused() -> None:
    with pytest.raises(SettingError, match="16x16 pixels and more, got 15x40"):
        build("small-resnet", (3, 15, 40), 2)
