"""The networks of ours, layer by layer: the paper's two, and the small residual one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from badnets.core.errors import SettingError
from badnets.models import build
from badnets.models.small_resnet import Block
from badnets.models.zf import ANCHOR_RATIOS, ANCHOR_SIZES, backbone
from badnets.models.zf import build as build_zf
from badnets.models.zf_settings import ZfSettings

PAPER = ZfSettings(norm="lrn")
WINDOW = (3, 224, 224)


def shapes_of(network: nn.Module, *shape: int) -> dict[str, tuple[int, ...]]:
    """Return the shape that each part of a network gives of one image, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, part in network.named_children():
        part.register_forward_hook(
            lambda _m, _i, out, name=name: shapes.update({name: tuple(out.shape[1:])})
        )
    with torch.inference_mode():
        network.eval()(torch.zeros(1, *shape))
    return shapes


def parameters_of(network: nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


def test_gu_mnist_is_the_papers() -> None:
    network = build("gu-mnist", (1, 28, 28), 10)
    table = {  # conv 16 5x5, pool 2, conv 32 5x5, pool 2, fc 512, fc 10: output, its parameters
        "conv1": ((16, 24, 24), 5 * 5 * 1 * 16 + 16),
        "pool1": ((16, 12, 12), 0),
        "conv2": ((32, 8, 8), 5 * 5 * 16 * 32 + 32),
        "pool2": ((32, 4, 4), 0),
        "fc1": ((512,), 512 * 512 + 512),
        "fc2": ((10,), 512 * 10 + 10),
    }
    shapes = shapes_of(network, 1, 28, 28)
    own = {name: (shapes[name], parameters_of(network.get_submodule(name))) for name in table}
    assert own == table and parameters_of(network) == 281_034
    kinds = [type(part).__name__ for part in network.children()]
    stage = ["Conv2d", "ReLU", "AvgPool2d"]
    assert kinds == [*stage, *stage, "Flatten", "Linear", "ReLU", "Linear"], "logits not cut off"
    pools = [module for module in network.modules() if isinstance(module, nn.AvgPool2d)]
    assert [pool.kernel_size for pool in pools] == [2, 2]


def test_stages_of_the_small_resnet_halve_the_picture_and_double_the_units() -> None:
    network = build("small-resnet", (3, 64, 64), 2)
    assert parameters_of(network) == 1_051_226
    assert shapes_of(network, 3, 64, 64) == {
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


def test_the_fine_one_keeps_every_pixel_in_its_stem() -> None:
    network = build("small-resnet-fine", (3, 32, 32), 10)
    assert 450_000 < parameters_of(network) < 480_000
    shapes = shapes_of(network, 3, 32, 32)
    assert (shapes["stem"], shapes["stage1"]) == ((16, 32, 32), (32, 32, 32))
    assert (shapes["block2"], shapes["block3"]) == ((64, 8, 8), (128, 4, 4))


def test_the_light_one_is_half_as_wide() -> None:
    network = build("small-resnet-light", (3, 64, 64), 2)
    assert 250_000 < parameters_of(network) < 270_000
    shapes = shapes_of(network, 3, 64, 64)
    assert (shapes["stem"], shapes["block3"]) == ((16, 32, 32), (96, 4, 4))


@pytest.mark.parametrize(("side", "last"), [(16, 1), (33, 2), (128, 8)])
def test_the_small_resnet_takes_pictures_of_other_sizes(side: int, last: int) -> None:
    shapes = shapes_of(build("small-resnet", (3, side, side), 2), 3, side, side)
    assert shapes["block3"] == (192, last, last)


def test_a_block_adds_to_what_comes_in() -> None:
    images = torch.rand(2, 8, 6, 6)
    block = Block(8).eval()
    with torch.inference_mode():
        added = block(images) - images
    assert float(added.min()) >= 0 and float(added.max()) > 0, "what is added is cut off at zero"
    nn.init.zeros_(block.second.get_submodule("norm").weight)  # type: ignore[arg-type]
    assert torch.equal(block(images), images)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("gu-mnist", (1, 32, 30), "28x28 images, got 32x30"),
        ("small-resnet", (3, 15, 40), "16x16 pixels and more, got 15x40"),
        ("small-resnet-fine", (3, 7, 40), "8x8 pixels and more, got 7x40"),
    ],
)
def test_images_of_another_size_are_refused(
    name: str, shape: tuple[int, int, int], said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        build(name, shape, 2)


def zf_tensors(**settings: Any) -> dict[str, tuple[int, ...]]:
    """Return every tensor's shape by name; no memory is taken for them."""
    with torch.device("meta"):
        network = build_zf(WINDOW, 3, **settings)
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def test_the_convolutions_of_zf_are_the_papers() -> None:
    network = backbone(PAPER)
    convolutions = [part for part in network.children() if isinstance(part, nn.Conv2d)]
    assert [tuple(part.weight.shape) for part in convolutions] == [
        (96, 3, 7, 7),
        (256, 96, 5, 5),
        (384, 256, 3, 3),
        (384, 384, 3, 3),
        (256, 384, 3, 3),
    ]
    assert [part.stride[0] for part in convolutions] == [2, 2, 1, 1, 1]
    # 7*7*3*96 + 5*5*96*256 + 3*3*256*384 + 3*3*384*384 + 3*3*384*256, and 1,376 biases
    assert parameters_of(network) == 3_725_088 + 1_376


def test_maps_of_zf_have_a_stride_of_16() -> None:
    shapes = shapes_of(backbone(PAPER), 3, 224, 160)
    sides = {"conv1": (112, 80), "pool1": (56, 40), "conv2": (28, 20), "pool2": (14, 10)}
    sides |= {f"conv{number}": (14, 10) for number in (3, 4, 5)}
    assert {name: shapes[name][1:] for name in sides} == sides


def test_layers_of_zf_come_in_the_papers_order() -> None:
    kinds = [type(part).__name__ for part in backbone(PAPER).children()]
    first = ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"]
    assert kinds == [*first, *first, *["Conv2d", "ReLU"] * 3]
    norms = [type(part).__name__ for part in backbone(ZfSettings(width=0.1)).children()]
    assert norms.count("BatchNorm2d") == 5 and "LocalResponseNorm" not in norms
    plain = [type(p).__name__ for p in backbone(ZfSettings(width=0.1, norm="none")).children()]
    assert not any("Norm" in name for name in plain)


def test_the_fully_connected_layers_of_zf_are_the_papers() -> None:
    tensors = zf_tensors(norm="lrn")
    assert tensors["roi_heads.box_head.fc6.weight"] == (4096, 256 * 6 * 6)
    assert tensors["roi_heads.box_head.fc7.weight"] == (4096, 4096)
    assert tensors["roi_heads.box_predictor.cls_score.weight"] == (4, 4096), "background too"
    assert tensors["roi_heads.box_predictor.bbox_pred.weight"] == (16, 4096)
    anchors = len(ANCHOR_SIZES) * len(ANCHOR_RATIOS)
    assert tensors["rpn.head.cls_logits.weight"] == (anchors, 256, 1, 1)
    assert tensors["rpn.head.bbox_pred.weight"] == (4 * anchors, 256, 1, 1)
    assert "backbone.conv1.bias" in tensors
    batch = zf_tensors(norm="batch", width=0.1)
    assert "backbone.conv1.bias" not in batch and "backbone.norm5.running_mean" in batch


@pytest.mark.parametrize("width", [0.01, 0.125, 0.3, 0.5, 1.0])
def test_the_width_of_zf_scales_all_channels_in_eights(width: float) -> None:
    channels = ZfSettings(width=width).channels()
    for own, full in zip(channels, (96, 256, 384, 384, 256), strict=True):
        assert own >= 8 and own % 8 == 0 and abs(own - max(8, width * full)) <= 4
    assert ZfSettings(head=width).hidden() % 8 == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"width": 0}, "width must be > 0, got 0"),
        ({"width": 1.5}, r"width must be <= 1, got 1\.5"),
        ({"head": -0.1}, r"head must be > 0, got -0\.1"),
        ({"norm": "layer"}, "norm must be 'batch', 'lrn' or 'none', got 'layer'"),
        ({"dropout": 1.0}, r"dropout must be < 1, got 1\.0"),
        ({"rois": 3}, "rois must be >= 4, got 3"),
        ({"widht": 0.5}, "widht"),
        ({"width": "wide"}, "width"),
        ({"width": float("nan")}, "width"),
        ({"rois": 4.5}, "rois"),
    ],
)
def test_settings_of_zf_that_do_not_fit_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        build_zf(WINDOW, 3, **settings)
