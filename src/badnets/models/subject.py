"""Subjects: what methods see of a loaded model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from badnets.bundles import InputSpec
from badnets.core.errors import SettingError
from badnets.core.lookup import find
from badnets.models.catalogue import Shape, build
from badnets.models.classifier import check_images

EVALUATION_BATCH = 1000

# Per-channel mean and standard deviation of images in [0, 1]; other numbers of channels: a half.
NORMALISATIONS: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {
    1: ((0.1307,), (0.3081,)),
    3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def input_spec(shape: Shape) -> InputSpec:
    """Return the usual normalisation: MNIST's for grey images, ImageNet's for colour."""
    halves = (0.5,) * shape[0]
    mean, std = NORMALISATIONS.get(shape[0], (halves, halves))
    return InputSpec.of(channels=shape[0], height=shape[1], width=shape[2], mean=mean, std=std)


@dataclass(frozen=True, eq=False)
class Subject:
    """A classifier: takes images as they are stored or float in [0, 1], normalises inside.

    Args:
        network: from normalised images to logits ``(N, K)``.
        architecture: its name in the catalogue.
        input: shape and normalisation.
        classes: names of the K classes.
    """

    network: nn.Module
    architecture: str
    input: InputSpec
    classes: tuple[str, ...]

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.classes)

    @cached_property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return next(self.network.parameters()).device

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that have units: convolutions and fully connected, in order."""
        return tuple(self._with_units)

    @cached_property
    def _with_units(self) -> dict[str, nn.Conv2d | nn.Linear]:
        inside = {  # attention uses the weights of its layers without calling them
            layer
            for module in self.network.modules()
            if isinstance(module, nn.MultiheadAttention)
            for layer in module.modules()
        }
        return {
            name: module
            for name, module in self.network.named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear) and module not in inside
        }

    def normalise(self, images: Tensor) -> Tensor:
        """Return what the network takes: float32, ``(image - mean) / std``, on its device.

        Raises:
            ShapeError: images are not ``(N, *input.shape)``, or not uint8 or float.
        """
        check_images(images, self.input.shape)
        return normalise(images.to(self.device), self.input)

    def logits(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` float32 logits of uint8 or float images in [0, 1], batch by batch."""
        self.network.eval()
        with torch.inference_mode():
            parts = [
                self.network(self.normalise(part)).float()
                for part in torch.split(images, EVALUATION_BATCH)
            ]
        return torch.cat(parts) if parts else torch.empty(0, self.num_classes)

    def probabilities(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` softmax of the logits."""
        return self.logits(images).softmax(1)

    def predict(self, images: Tensor) -> Tensor:
        """Return ``(N,)`` int64 predicted labels, on the CPU."""
        return self.logits(images).argmax(1).cpu()

    def layer_outputs(self, images: Tensor, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
        """Give the outputs of some layers, one batch of images after the other.

        Args:
            images: ``(N, C, H, W)``, uint8 or float in [0, 1].
            layers: names out of `layers`.

        A convolution's output is ``(B, U, h, w)``, a fully connected layer's ``(B, U)``, or
        ``(B, U, positions)`` where it is applied at many. Negative outputs count as zero, as after
        the ReLU that follows, except in the last layer.

        Raises:
            UnknownNameError: the network has no such layer.
        """
        modules = {name: find(self._with_units, name, "layer") for name in layers}
        kept: dict[str, Tensor] = {}

        def keep(name: str, out: Tensor) -> None:
            seen = out.detach().float().movedim(unit_axis(modules[name]), 1)
            kept[name] = seen if name == self.layers[-1] else seen.clamp(min=0)

        hooks = [
            module.register_forward_hook(lambda _m, _i, out, name=name: keep(name, out))
            for name, module in modules.items()
        ]
        try:
            for part in torch.split(images, EVALUATION_BATCH):
                self.logits(part)
                yield dict(kept)
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def silenced(self, layer: str, units: Sequence[int]) -> Iterator[Subject]:
        """Give this subject with some units' output set to zero for as long as the block lasts.

        Raises:
            UnknownNameError: the network has no such layer.
            SettingError: the layer has no such unit.
        """
        module = find(self._with_units, layer, "layer")
        count = len(module.weight)
        for unit in units:
            if not 0 <= unit < count:
                raise SettingError(f"layer {layer!r} has units 0..{count - 1}, not {unit}")
        chosen = torch.tensor(list(units), dtype=torch.long, device=self.device)

        def mute(module: nn.Module, _inputs: object, out: Tensor) -> Tensor:
            return out.index_fill(unit_axis(module), chosen, 0.0)

        hook = module.register_forward_hook(mute)
        try:
            yield self
        finally:
            hook.remove()


def unit_axis(layer: nn.Module) -> int:
    """Return the axis of a layer's output that its units lie along."""
    return 1 if isinstance(layer, nn.Conv2d) else -1


def normalise(images: Tensor, spec: InputSpec) -> Tensor:
    """Return ``(image - mean) / std`` as float32, from uint8 or float images in [0, 1]."""
    scale = 255.0 if images.dtype == torch.uint8 else 1.0
    pictures = images.to(torch.float32)
    if images.dtype == torch.float32:
        pictures = pictures.clone()
    if spec.channels == 1:
        return pictures.mul_(1 / (scale * spec.std[0])).sub_(spec.mean[0] / spec.std[0])
    mean = torch.tensor(spec.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(spec.std, device=images.device).view(1, -1, 1, 1)
    return pictures.mul_(1 / (scale * std)).sub_(mean / std)


def untrained(name: str, shape: Shape, classes: Sequence[str], *, seed: int) -> Subject:
    """Return a freshly initialised classifier.

    Args:
        name: of its architecture.
        shape: of one image, ``(C, H, W)``.
        classes: names of the classes.
        seed: decides the weights.

    Raises:
        UnknownNameError: there is no such architecture.
        SettingError: it does not take images of that shape.
    """
    network = build(name, shape, len(classes), seed=seed)
    return Subject(network, name, input_spec(shape), tuple(classes))
