"""Classifiers as methods see them: images in, logits, features and units out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from badnets.bundles import InputSpec
from badnets.bundles.schema import Scalar
from badnets.core.errors import SettingError
from badnets.core.settings import quoted
from badnets.models.catalogue import Shape, Task, try_answer
from badnets.models.inputs import check_images, input_spec, normalise
from badnets.models.network_subject import FromLogits, WholeNetwork, evaluating
from badnets.models.units import UnitLayer, layers_of

EVALUATION_BATCH = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Classifier(WholeNetwork, FromLogits):
    """A classifier: takes images as they are stored or float in [0, 1], normalises inside.

    Args:
        network: from normalised images to logits ``(N, K)``.
        architecture: its name in the catalogue.
        input: shape and normalisation.
        classes: names of the K classes.
        settings: of the architecture.

    Raises:
        ShapeError: by all that take images: they are not ``(N, *input.shape)``, or not uint8 or
            float.
    """

    task: ClassVar[Task] = "classification"
    batch_size: ClassVar[int] = EVALUATION_BATCH

    @classmethod
    def of(
        cls,
        network: nn.Module,
        shape: Shape,
        classes: Sequence[str] | int,
        *,
        architecture: str = "",
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
    ) -> Classifier:
        """Return a network of one's own as a subject; ``subject.network`` is the way out again.

        Args:
            network: from normalised images to logits ``(N, K)``; it is not copied.
            shape: of one image, ``(C, H, W)``.
            classes: their names, or how many there are.
            architecture: ``module:factory``, a function that builds it from shape and K, for
                bundles to be loaded; without it the subject cannot be saved.
            mean, std: of each channel, of images in [0, 1]; without: as is usual for grey (MNIST's)
                and colour (ImageNet's).

        Raises:
            SettingError: it is no module, or does not answer such an image with K logits.
        """
        if not isinstance(network, nn.Module):
            raise SettingError(f"network must be a torch.nn.Module, got {quoted(network)}")
        names = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)
        name = architecture or type(network).__name__
        with evaluating(network):
            try_answer(name, network, shape, len(names))
        spec = input_spec(shape)
        if mean or std:
            spec = InputSpec.of_shape(shape, tuple(mean) or spec.mean, tuple(std) or spec.std)
        return cls(network, name, spec, names)

    def normalise(self, images: Tensor) -> Tensor:
        """Return what the network takes: float32, ``(image - mean) / std``, on its device."""
        images = check_images(images, self.input.shape)
        return normalise(images.to(self.device), self.input)

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` logits of float images in [0, 1]; differentiable, in one batch."""
        with evaluating(self.network):
            logits: Tensor = self.network(self.normalise(images))
        return logits

    def logits(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` float32 logits of uint8 or float images in [0, 1], batch by batch."""
        images = check_images(images, self.input.shape)
        if not len(images):
            return torch.empty(0, self.num_classes)
        with torch.inference_mode():
            parts = [self.forward(part).float() for part in torch.split(images, EVALUATION_BATCH)]
        return torch.cat(parts)

    @property
    def head(self) -> nn.Linear:
        """The fully connected layer that makes the logits.

        Raises:
            SettingError: there is none, as where a convolution makes them.
        """
        if self._head is None:
            raise SettingError(f"no fully connected layer makes the logits of {self.architecture}")
        return self._head

    def features(self, images: Tensor) -> Tensor:
        """Return ``(N, F)`` float32: what the head makes logits of, without gradient.

        Raises:
            SettingError: no fully connected layer makes the logits.
        """
        parts: list[Tensor] = []
        with self.head.register_forward_pre_hook(lambda _m, given: parts.append(given[0].float())):
            self.logits(images)
        return torch.cat(parts) if parts else torch.empty(0, self.head.in_features)

    @property
    def lacks(self) -> frozenset[str]:
        """Capabilities that this network has not."""
        return super().lacks | (frozenset({"features"}) if self._head is None else frozenset())

    @cached_property
    def _layers(self) -> dict[str, UnitLayer]:
        return layers_of(self.network)

    def _through_layers(self, images: Tensor) -> None:
        self.logits(images)

    @cached_property
    def _head(self) -> nn.Linear | None:
        """The fully connected layer that is called last, if its output for noise is the logits."""
        outputs: list[tuple[nn.Linear, Tensor]] = []
        drawn = torch.Generator().manual_seed(0)
        with ExitStack() as hooks:
            for module in self.network.modules():
                if isinstance(module, nn.Linear):
                    hooks.enter_context(
                        module.register_forward_hook(
                            lambda layer, _i, out: outputs.append((layer, out.clone()))
                        )
                    )
            logits = self.logits(torch.rand(4, *self.input.shape, generator=drawn))
        if outputs and torch.equal(outputs[-1][1].float(), logits):
            return outputs[-1][0]
        return None


def untrained(
    name: str,
    shape: Shape,
    classes: Sequence[str],
    *,
    settings: Mapping[str, Scalar] | None = None,
    seed: int,
) -> Classifier:
    """Return a freshly initialised classifier.

    Args:
        name, shape, settings, seed: see `badnets.models.catalogue.build`.
        classes: names of the classes.

    Raises:
        UnknownNameError, SettingError: as for `badnets.models.catalogue.build`.
    """
    spec, own = input_spec(shape), dict(settings or {})
    network = Classifier.build(name, spec, len(classes), own, seed=seed)
    return Classifier(network, name, spec, tuple(classes), settings=own)
