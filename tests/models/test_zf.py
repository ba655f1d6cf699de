"""The paper's sign detector: its shapes, its size, and what settings it takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from badnets.core.errors import SettingError
from badnets.models.zf import ANCHOR_RATIOS, ANCHOR_SIZES, ZfSettings, backbone, build

PAPER = {"norm": "lrn"}
CONVOLUTIONS = {
    "conv1": (96, 3, 7, 7),
    "conv2": (256, 96, 5, 5),
    "conv3": (384, 256, 3, 3),
    "conv4": (384, 384, 3, 3),
    "conv5": (256, 384, 3, 3),
}


def shapes(settings: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return every tensor's shape by name; no memory is taken for them."""
    with torch.device("meta"):
        network = build(3, settings)
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def test_the_convolutions_are_the_papers() -> None:
    made = backbone(ZfSettings(norm="lrn"))
    convolutions = {n: m for n, m in made.named_children() if isinstance(m, nn.Conv2d)}
    assert {n: tuple(m.weight.shape) for n, m in convolutions.items()} == CONVOLUTIONS
    assert [m.stride[0] for m in convolutions.values()] == [2, 2, 1, 1, 1]
    # 7*7*3*96 + 5*5*96*256 + 3*3*256*384 + 3*3*384*384 + 3*3*384*256, and 1,376 biases
    assert sum(p.numel() for p in made.parameters()) == 3_725_088 + 1_376


def test_maps_have_a_stride_of_16() -> None:
    seen: dict[str, tuple[int, ...]] = {}
    made = backbone(ZfSettings(norm="lrn"))

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: object, maps: Tensor) -> None:
            seen[name] = tuple(maps.shape[1:])

        return hook

    for name, module in made.named_children():
        module.register_forward_hook(keep(name))
    with torch.inference_mode():
        made(torch.zeros(1, 3, 224, 160))
    layers = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5"]
    assert [seen[name] for name in layers] == [
        (96, 112, 80),
        (96, 56, 40),
        (256, 28, 20),
        (256, 14, 10),
        (384, 14, 10),
        (384, 14, 10),
        (256, 14, 10),
    ]


def test_layers_come_in_the_papers_order() -> None:
    kinds = [type(m).__name__ for m in backbone(ZfSettings(norm="lrn")).children()]
    first = ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"]
    assert kinds == [*first, *first, *["Conv2d", "ReLU"] * 3]
    norms = [type(m).__name__ for m in backbone(ZfSettings(width=0.1)).children()]
    assert norms.count("BatchNorm2d") == 5 and "LocalResponseNorm" not in norms
    plain = [type(m).__name__ for m in backbone(ZfSettings(width=0.1, norm="none")).children()]
    assert not any("Norm" in name for name in plain)


def test_the_fully_connected_layers_are_the_papers() -> None:
    found = shapes(PAPER)
    assert found["roi_heads.box_head.fc6.weight"] == (4096, 256 * 6 * 6)
    assert found["roi_heads.box_head.fc7.weight"] == (4096, 4096)
    assert found["roi_heads.box_predictor.cls_score.weight"] == (4, 4096), "background too"
    assert found["roi_heads.box_predictor.bbox_pred.weight"] == (16, 4096)
    anchors = len(ANCHOR_SIZES) * len(ANCHOR_RATIOS)
    assert found["rpn.head.cls_logits.weight"] == (anchors, 256, 1, 1)
    assert found["rpn.head.bbox_pred.weight"] == (4 * anchors, 256, 1, 1)


@pytest.mark.parametrize("width", [0.01, 0.125, 0.3, 0.5, 1.0])
def test_width_scales_all_channels_in_eights(width: float) -> None:
    channels = ZfSettings(width=width).channels()
    for own, full in zip(channels, (96, 256, 384, 384, 256), strict=True):
        assert own >= 8 and own % 8 == 0 and abs(own - max(8, width * full)) <= 4
    assert ZfSettings(head=width).hidden() % 8 == 0


def test_a_batch_normalised_network_has_no_biases_to_spare() -> None:
    assert "backbone.conv1.bias" in shapes(PAPER)
    found = shapes({"norm": "batch", "width": 0.1})
    assert "backbone.conv1.bias" not in found and "backbone.norm5.running_mean" in found


def test_its_weights_follow_torchs_generator() -> None:
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(build(2, {"width": 0.1, "head": 0.01}).state_dict())
    name = "backbone.conv3.weight"
    assert torch.equal(states[0][name], states[1][name])
    assert not torch.equal(states[0][name], states[2][name])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"width": 0}, r"width must be in \(0, 1\], got 0"),
        ({"width": 1.5}, r"width must be in \(0, 1\], got 1\.5"),
        ({"head": -0.1}, r"head must be in \(0, 1\]"),
        ({"norm": "layer"}, "norm"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1\.0"),
        ({"rois": 3}, "rois must be >= 4, got 3"),
        ({"widht": 0.5}, "widht"),
        ({"width": "wide"}, "width"),
        ({"width": float("nan")}, r"width must be in \(0, 1\]"),
        ({"rois": 4.5}, "rois"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        build(3, settings)


def test_an_unknown_norm_is_refused_in_python_too() -> None:
    with pytest.raises(SettingError, match="norm must be one of batch, lrn, none, got 'layer'"):
        ZfSettings(norm="layer")  # type: ignore[arg-type]
