"""Networks of torchvision and timm by name, untrained."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from badnets.core.errors import UnknownNameError

_DETECTORS = ("fasterrcnn", "retinanet", "fcos", "ssd")  # what their names begin with


class GreyToColour(nn.Module):
    """Repeats a grey channel three times, for networks that only take colour."""

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, 3, H, W)`` from ``(N, 1, H, W)``."""
        return images.expand(-1, 3, -1, -1)


def torchvision_classifier(name: str, shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Return torchvision's classifier ``name``; grey images are repeated to three channels.

    Raises:
        UnknownNameError: torchvision has no such classifier.
    """
    from torchvision import models

    _check("torchvision network", name, models.list_models(module=models))
    inception = name in ("googlenet", "inception_v3")
    options = {"aux_logits": False, "init_weights": True} if inception else {}
    network: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **options)
    if shape[0] == 1:
        network = nn.Sequential(OrderedDict(colour=GreyToColour(), network=network))
    return network


def timm_classifier(name: str, shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Return timm's classifier ``name``.

    Raises:
        UnknownNameError: timm has no such classifier.
    """
    import timm

    if not timm.is_model(name):
        _check("timm network", name, timm.list_models())
    network: nn.Module = timm.create_model(
        name, pretrained=False, num_classes=num_classes, in_chans=shape[0]
    )
    return network


def torchvision_detector(name: str, shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Return torchvision's detector ``name``.

    Raises:
        UnknownNameError: torchvision has no such detector that is trained by boxes alone.
    """
    from torchvision import models

    known = models.list_models(module=models.detection)
    _check("torchvision detector", name, [one for one in known if one.startswith(_DETECTORS)])
    network: nn.Module = models.get_model(
        name, weights=None, weights_backbone=None, num_classes=num_classes + 1
    )
    return network


def _check(what: str, name: str, known: Sequence[str]) -> None:
    """Refuse an unknown name with the nearest ones: the libraries know hundreds."""
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"did you mean {', '.join(map(repr, near))}? " if near else ""
    listed = ", ".join(known) if len(known) < 12 else f"{len(known)}, listed by list_models()"
    raise UnknownNameError(f"unknown {what} {name!r}: {hint}known are {listed}")
