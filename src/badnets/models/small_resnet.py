"""A small residual network for small pictures, quick on a CPU."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

STEM = 24
UNITS = (48, 96, 192)  # of the stages, each of which halves the picture
FINE_STEM, FINE_UNITS = 16, (32, 64, 128)  # where the stem does not
LIGHT_STEM, LIGHT_UNITS = 16, (24, 48, 96)
RESIDUAL = (False, True, True)  # which of them have a residual block


def build(shape: tuple[int, int, int], num_classes: int) -> nn.Sequential:
    """Return a residual network of 1.05 million parameters, meant for 32 to 128 pixels on a side.

    A stem that halves the picture, three stages that halve it again, the last two with a residual
    block, the maximum over all places, and one fully connected layer. Pictures of 64 x 64 pixels
    are 32, 16, 8 and 4 on a side.

    Args:
        shape: ``(C, H, W)``, ``H`` and ``W`` at least 16.
        num_classes: logits that it returns.

    References:
        He, Zhang, Ren, Sun, "Deep residual learning", arXiv:1512.03385. Page, "How to train your
        ResNet" (Myrtle, 2018): convolution and pooling, blocks only where the picture is small,
        and the maximum over places, all of which learn within few passes.
    """
    return _stages(_convolution(shape[0], STEM, size=5, stride=2), STEM, UNITS, num_classes)


def build_fine(shape: tuple[int, int, int], num_classes: int) -> nn.Sequential:
    """Return the same with a stem that keeps every pixel, meant for pictures of 32 pixels.

    0.47 million parameters, 24 million multiplications for a picture of 32 x 32 pixels: the stages
    are a third narrower, and see it at 32, 16 and 8 pixels on a side.

    Args:
        shape: ``(C, H, W)``, ``H`` and ``W`` at least 8.
        num_classes: logits that it returns.
    """
    return _stages(_convolution(shape[0], FINE_STEM), FINE_STEM, FINE_UNITS, num_classes)


def build_light(shape: tuple[int, int, int], num_classes: int) -> nn.Sequential:
    """Return the network of `build` with half of its width, meant for 32 to 64 pixels on a side.

    0.27 million parameters: a quarter of the multiplications, for when many networks are trained.

    Args:
        shape: ``(C, H, W)``, ``H`` and ``W`` at least 16.
        num_classes: logits that it returns.
    """
    stem = _convolution(shape[0], LIGHT_STEM, size=5, stride=2)
    return _stages(stem, LIGHT_STEM, LIGHT_UNITS, num_classes)


def _stages(
    stem: nn.Module, width: int, widths: tuple[int, ...], num_classes: int
) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict(stem=stem)
    for number, (units, residual) in enumerate(zip(widths, RESIDUAL, strict=True), start=1):
        layers[f"stage{number}"] = _convolution(width, units)
        layers[f"halve{number}"] = nn.MaxPool2d(2)
        if residual:
            layers[f"block{number}"] = Block(units)
        width = units
    layers["pool"] = GlobalMaxPool()
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(width, num_classes)
    return nn.Sequential(layers)


class Block(nn.Module):
    """Two convolutions beside the identity.

    Args:
        units: channels that come in and go out.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.first = _convolution(units, units)
        self.second = _convolution(units, units)

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, units, H, W)`` from as much."""
        added: Tensor = images + self.second(self.first(images))
        return added


class GlobalMaxPool(nn.Module):
    """The maximum of each map: torch's adaptive one cannot be converted to ONNX."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(N, C, 1, 1)`` from ``(N, C, H, W)``."""
        return functional.max_pool2d(maps, (maps.shape[2], maps.shape[3]))


def _convolution(inputs: int, units: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a convolution, normalisation over the batch, and ReLU."""
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(inputs, units, size, stride, padding=size // 2, bias=False),
            norm=nn.BatchNorm2d(units),
            relu=nn.ReLU(inplace=True),
        )
    )
