"""Heads: what another number of classes changes, and fresh ones for other classes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from badnets.core.errors import SettingError
from badnets.models.catalogue import NETWORKS, Network
from badnets.models.heads import head_tensors, with_classes
from badnets.models.subject import untrained

SMALL = (3, 32, 32)


@pytest.mark.parametrize(
    ("name", "shape", "head"),
    [
        ("gu-mnist", (1, 28, 28), {"fc2.weight", "fc2.bias"}),
        ("torchvision.shufflenet_v2_x0_5", (1, 32, 32), {"network.fc.weight", "network.fc.bias"}),
        ("torchvision.squeezenet1_1", SMALL, {"classifier.1.weight", "classifier.1.bias"}),
        ("small-resnet", SMALL, {"fc.weight", "fc.bias"}),
    ],
)
def test_the_head_is_what_depends_on_the_number_of_classes(
    name: str, shape: tuple[int, int, int], head: set[str]
) -> None:
    assert head_tensors(name, shape, 4) == head


def test_other_classes_get_a_fresh_head_and_all_else_is_kept() -> None:
    old = untrained("gu-mnist", (1, 28, 28), ("a", "b", "c"), seed=1)
    before = {name: value.clone() for name, value in old.network.state_dict().items()}
    for classes in (("a", "b"), ("x", "y", "z")):
        new = with_classes(old, classes, seed=2)
        assert new.classes == classes
        assert new.input == old.input
        for name, value in new.network.state_dict().items():
            same = value.shape == before[name].shape and torch.equal(value, before[name])
            assert same != name.startswith("fc2"), name
    again = with_classes(old, ("a", "b"), seed=2)
    assert torch.equal(
        again.network.get_parameter("fc2.weight"),
        with_classes(old, ("a", "b"), seed=2).network.get_parameter("fc2.weight"),
    )


def test_the_same_classes_keep_their_head_in_a_copy() -> None:
    old = untrained("gu-mnist", (1, 28, 28), ("a", "b"), seed=1)
    new = with_classes(old, ["a", "b"], seed=2)
    for name, value in new.network.state_dict().items():
        assert torch.equal(value, old.network.state_dict()[name])
    with torch.no_grad():
        new.network.get_parameter("fc2.bias").add_(1)
    assert not torch.equal(
        new.network.get_parameter("fc2.bias"), old.network.get_parameter("fc2.bias")
    )


def test_a_network_of_fixed_classes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "fixed", Network("tests.models.test_heads:build_fixed", "toy"))
    with pytest.raises(SettingError, match="nothing in fixed depends on the number of classes"):
        head_tensors("fixed", (1, 2, 2), 2)


def build_fixed(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
