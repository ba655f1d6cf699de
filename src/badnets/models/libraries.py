"""Classifiers of torchvision and timm by name, untrained."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from badnets.core.errors import UnknownNameError


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

    known = models.list_models(module=models)
    if name not in known:
        raise _unknown("torchvision", name, known)
    options = {"aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    if options:
        options["init_weights"] = True
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
        raise _unknown("timm", name, timm.list_models())
    network: nn.Module = timm.create_model(
        name, pretrained=False, num_classes=num_classes, in_chans=shape[0]
    )
    return network


def _unknown(library: str, name: str, known: Sequence[str]) -> UnknownNameError:
    """Return the error with the nearest names: the libraries know hundreds."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(map(repr, near))}? " if near else ""
    where = f"{library} has {len(known)} networks, listed by its list_models()"
    return UnknownNameError(f"unknown {library} network {name!r}: {hint}{where}")
