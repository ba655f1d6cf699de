"""Classifiers of torchvision and timm by name, untrained."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from badnets.core.errors import SettingError
from badnets.core.lookup import unknown_name


class GreyToColour(nn.Module):
    """Repeats a grey channel three times, for networks that only take colour."""

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, 3, H, W)`` from ``(N, 1, H, W)``."""
        return images.expand(-1, 3, -1, -1)


def torchvision_classifier(name: str, shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Return torchvision's classifier ``name``; grey images are repeated to three channels.

    Raises:
        UnknownNameError: torchvision has no such classifier.
        SettingError: it does not take images of this shape.
    """
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise unknown_name(name, known, "torchvision network")
    options = {"aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    if options:
        options["init_weights"] = True
    network: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **options)
    if shape[0] == 1:
        network = nn.Sequential(OrderedDict(colour=GreyToColour(), network=network))
    _try_shape(f"torchvision.{name}", network, shape)
    return network


def timm_classifier(name: str, shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Return timm's classifier ``name``.

    Raises:
        UnknownNameError: timm has no such classifier.
        SettingError: it does not take images of this shape.
    """
    import timm

    if not timm.is_model(name):
        raise unknown_name(name, timm.list_models(), "timm network")
    network: nn.Module = timm.create_model(
        name, pretrained=False, num_classes=num_classes, in_chans=shape[0]
    )
    _try_shape(f"timm.{name}", network, shape)
    return network


def _try_shape(name: str, network: nn.Module, shape: tuple[int, int, int]) -> None:
    was_training = network.training
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, *shape))
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingError(f"{name} does not take images of shape {shape}: {reason}") from None
    finally:
        network.train(was_training)
