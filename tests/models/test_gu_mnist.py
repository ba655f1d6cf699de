"""The paper's MNIST network, layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from badnets.core.errors import SettingError
from badnets.models import build

# conv 16 5x5, pool 2, conv 32 5x5, pool 2, fc 512, fc 10: output of each layer, its parameters
TABLE = {
    "conv1": ((16, 24, 24), 5 * 5 * 1 * 16 + 16),
    "pool1": ((16, 12, 12), 0),
    "conv2": ((32, 8, 8), 5 * 5 * 16 * 32 + 32),
    "pool2": ((32, 4, 4), 0),
    "fc1": ((512,), 512 * 512 + 512),
    "fc2": ((10,), 512 * 10 + 10),
}


def test_it_has_the_parameters_of_the_paper() -> None:
    network = build("gu-mnist", (1, 28, 28), 10)
    assert sum(value.numel() for value in network.parameters()) == 281_034


def test_its_layers_are_those_of_the_paper() -> None:
    network = build("gu-mnist", (1, 28, 28), 10)
    shapes: dict[str, tuple[int, ...]] = {}
    for name in TABLE:
        network.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: shapes.update({name: tuple(out.shape[1:])})
        )
    network(torch.zeros(1, 1, 28, 28))
    counts = {
        name: sum(value.numel() for value in network.get_submodule(name).parameters())
        for name in TABLE
    }
    assert {name: (shapes[name], counts[name]) for name in TABLE} == TABLE
    pools = [module for module in network.modules() if isinstance(module, nn.AvgPool2d)]
    assert [pool.kernel_size for pool in pools] == [2, 2]


def test_negative_outputs_of_hidden_layers_are_cut_off() -> None:
    network = build("gu-mnist", (1, 28, 28), 10)
    order = [name for name, _ in network.named_children()]
    for layer in ("conv1", "conv2", "fc1"):
        after = network.get_submodule(order[order.index(layer) + 1])
        assert isinstance(after, nn.ReLU)
    assert order[-1] == "fc2", "logits are not cut off"


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(SettingError, match="28x28 images, got 32x30"):
        build("gu-mnist", (1, 32, 30), 10)
