"""Networks by name. A new one: a file here, and one line in `NETWORKS`.

``torchvision.NAME`` and ``timm.NAME`` reach the classifiers of those libraries, untrained, and
``module:factory`` a network of one's own. Importing this module imports no torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from badnets.core.errors import SettingError
from badnets.core.factories import is_factory, made_by, running
from badnets.core.lookup import unknown_name

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, int, int]  # channels, height, width


@dataclass(frozen=True)
class Network:
    """How a network is found and built.

    Args:
        builder: ``"module:function"``; the function takes the input shape and the number of
            classes and returns an untrained network from normalised images to logits.
        description: one line.
        version: raised when the same settings would build another network.
    """

    builder: str
    description: str
    version: int = 1

    def build(self, shape: Shape, num_classes: int) -> nn.Module:
        """Return an untrained network; its weights follow torch's global generator."""
        module, function = self.builder.split(":")
        made = getattr(importlib.import_module(module), function)
        return cast("Callable[[Shape, int], nn.Module]", made)(shape, num_classes)


NETWORKS: dict[str, Network] = {
    "gu-mnist": Network(
        "badnets.models.gu_mnist:build",
        "the paper's MNIST network: two convolutions, two fully connected layers",
    ),
    "small-resnet": Network(
        "badnets.models.small_resnet:build",
        "a small residual network for pictures of 32 to 128 pixels, quick on a CPU",
    ),
}
LIBRARIES: dict[str, str] = {
    "torchvision": "badnets.models.libraries:torchvision_classifier",
    "timm": "badnets.models.libraries:timm_classifier",
}


def build(
    name: str, shape: Shape, num_classes: int, *, seed: int = 0, try_shape: bool = True
) -> nn.Module:
    """Return an untrained network.

    Args:
        name: a key of `NETWORKS`, ``torchvision.NAME``, ``timm.NAME``, or ``module:factory``: a
            function of one's own, called as `Network.build`. That module is imported, and so run.
        shape: of one image, ``(C, H, W)``.
        num_classes: logits that it returns.
        seed: decides the initial weights; torch's global generator is left as it was.
        try_shape: whether a network that is not ours is asked about an image of that shape first.

    Raises:
        UnknownNameError: there is no such network; names the nearest.
        SettingError: the network does not take images of that shape, or one's own code failed.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name in NETWORKS:
            return NETWORKS[name].build(shape, num_classes)
        library, _, own_name = name.partition(".")
        if library in LIBRARIES and own_name:
            module, function = LIBRARIES[library].split(":")
            made = getattr(importlib.import_module(module), function)
            network = cast("Callable[[str, Shape, int], nn.Module]", made)(
                own_name, shape, num_classes
            )
            if try_shape:
                _try_shape(name, network, shape)
            return network
        if is_factory(name):
            return _own_network(name, shape, num_classes, try_shape=try_shape)
    raise unknown_name(name, [*NETWORKS, "torchvision.resnet18", "timm.resnet18"], "network")


def _own_network(name: str, shape: Shape, num_classes: int, *, try_shape: bool) -> nn.Module:
    """Return what a factory of one's own makes, after it has answered one black image."""
    import torch
    from torch import nn

    network = made_by(name, nn.Module, shape, num_classes)
    if not any(True for _ in network.parameters()):
        raise SettingError(f"{name} returned a network without weights")
    if not try_shape:
        return network
    was_training = network.training
    with running(name), torch.inference_mode():
        logits = network.eval()(torch.zeros(1, *shape))
    network.train(was_training)
    given = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if given != (1, num_classes):
        raise SettingError(
            f"{name} made a network that answers an image of shape {shape} with {given}, logits of "
            f"shape {(1, num_classes)} are wanted"
        )
    return network


def _try_shape(name: str, network: nn.Module, shape: Shape) -> None:
    import torch

    was_training = network.training
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, *shape))
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingError(f"{name} does not take images of shape {shape}: {reason}") from None
    finally:
        network.train(was_training)
