"""Detectors by name. A new one: a file here, and one line in `DETECTORS`.

``torchvision.NAME`` reaches that library's detectors, untrained.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from badnets.bundles import InputSpec
from badnets.bundles.schema import Scalar
from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.lookup import unknown_name

BY_TORCHVISION = "torchvision."
_PARTS = ("fasterrcnn", "retinanet", "fcos", "ssd")


@dataclass(frozen=True)
class DetectorNetwork:
    """How a detector is found and built.

    Args:
        builder: ``"module:function"``; the function takes the number of classes (background not
            counted) and the settings, and returns an untrained network with torchvision's
            interface for detectors.
        description: one line.
        version: raised when the same settings would build another network.
    """

    builder: str
    description: str
    version: int = 1

    def build(self, num_classes: int, settings: Mapping[str, Scalar]) -> nn.Module:
        """Return an untrained network; its weights follow torch's global generator."""
        module, function = self.builder.split(":")
        made = getattr(importlib.import_module(module), function)
        return cast("Callable[[int, Mapping[str, Scalar]], nn.Module]", made)(num_classes, settings)


DETECTORS: dict[str, DetectorNetwork] = {
    "zf": DetectorNetwork(
        "badnets.models.zf:build",
        "the paper's Faster R-CNN on the ZF network; settings width, head, norm, dropout, rois",
    ),
}


class AsGiven(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Normalises and stacks; images keep the size that they come in."""

    def __init__(self, spec: InputSpec) -> None:
        super().__init__(1, 1, list(spec.mean), list(spec.std))

    def resize(
        self, image: Tensor, target: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Return both as they are."""
        return image, target


def build_detector(
    name: str, num_classes: int, settings: Mapping[str, Scalar], spec: InputSpec, *, seed: int = 0
) -> nn.Module:
    """Return an untrained detector with torchvision's interface.

    In training it takes a list of float images in [0, 1], ``(3, H, W)``, and of targets (boxes,
    labels from 1) and returns losses by name; in evaluation boxes, labels and scores.

    Args:
        name: a key of `DETECTORS`, or ``torchvision.NAME``.
        num_classes: K, background not counted.
        settings: as its builder takes them.
        spec: the normalisation.
        seed: decides the initial weights; torch's global generator is left as it was.

    Raises:
        UnknownNameError: there is no such detector; names the nearest.
        SettingError: a setting is unknown or outside its range.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name in DETECTORS:
            network = DETECTORS[name].build(num_classes, settings)
        elif name.startswith(BY_TORCHVISION):
            if settings:
                odd = ", ".join(sorted(settings))
                raise SettingError(f"{name} takes no settings, got {odd}")
            network = _torchvision(name.removeprefix(BY_TORCHVISION), num_classes)
        else:
            examples = [*DETECTORS, "torchvision.fasterrcnn_mobilenet_v3_large_fpn"]
            raise unknown_name(name, examples, "detector")
    fixed = getattr(network.transform, "fixed_size", None)
    transform = AsGiven(spec)
    if fixed is not None:  # SSD's heads know one size alone
        transform = GeneralizedRCNNTransform(
            min(fixed), max(fixed), list(spec.mean), list(spec.std), fixed_size=fixed
        )
    network.transform = transform
    return network


def _torchvision(name: str, num_classes: int) -> nn.Module:
    from torchvision import models

    known = [
        model for model in models.list_models(module=models.detection) if model.startswith(_PARTS)
    ]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise UnknownNameError(
            f"unknown torchvision detector {name!r}: {hint}known are {', '.join(known)}"
        )
    network: nn.Module = models.get_model(
        name, weights=None, weights_backbone=None, num_classes=num_classes + 1
    )
    return network
