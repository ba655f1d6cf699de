"""Heads: what another number of classes changes, and fresh ones for other classes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from badnets.core.errors import SettingError
from badnets.models.catalogue import NETWORKS, Network
from badnets.models.classifier import Classifier, untrained
from badnets.models.detector import Detector
from badnets.models.heads import head_tensors, with_classes
from tests.models.plain_signs import tiny_zf

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


@pytest.mark.parametrize(
    ("old", "head"),
    [
        (untrained("gu-mnist", (1, 28, 28), ("a", "b", "c"), seed=1), "fc2"),
        (replace(tiny_zf(1, ("a", "b", "c")), scale=1.5), "roi_heads.box_predictor"),
    ],
    ids=["classifier", "detector"],
)
def test_other_classes_get_a_fresh_head_and_all_else_is_kept(
    old: Classifier | Detector, head: str
) -> None:
    before = {name: value.clone() for name, value in old.network.state_dict().items()}
    for classes in (("a", "b"), ("x", "y", "z"), ("a", "b", "c")):
        new, again = (with_classes(old, list(classes), seed=2) for _ in range(2))
        assert new.classes == classes and (new.input, new.settings) == (old.input, old.settings)
        assert getattr(new, "scale", None) == getattr(old, "scale", None)
        state, repeated = new.network.state_dict(), again.network.state_dict()
        for name, value in state.items():
            kept = value.shape == before[name].shape and torch.equal(value, before[name])
            assert kept == (classes == old.classes or not name.startswith(head)), name
            assert torch.equal(value, repeated[name])
    with torch.no_grad():
        next(new.network.parameters()).add_(1)
    assert torch.equal(next(old.network.parameters()), next(iter(before.values()))), "a copy"


def test_a_network_of_fixed_classes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "fixed", Network("tests.models.test_heads:build_fixed", "toy"))
    with pytest.raises(SettingError, match="nothing in fixed depends on the number of classes"):
        head_tensors("fixed", (1, 2, 2), 2)


def build_fixed(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))


def test_a_librarys_fresh_head_is_drawn_by_its_inputs() -> None:
    old = untrained("timm.tf_efficientnet_lite0", (3, 32, 32), tuple(map(str, range(1000))), seed=0)
    new = with_classes(old, ("cat", "dog"), seed=0)
    weight = new.network.get_submodule("classifier").weight
    assert isinstance(weight, torch.Tensor)
    assert weight.abs().max() <= weight.shape[1] ** -0.5  # timm's own would reach 0.7
