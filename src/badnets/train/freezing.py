"""Layers that stay as they are while the rest is trained, and what they need not compute twice."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from badnets.core.errors import SettingError
from badnets.core.lookup import unknown_name

PROBES = 8  # images that a split is tried on


def tensors_of(network: nn.Module, layers: Sequence[str]) -> frozenset[str]:
    """Return the names of the weights and statistics in some layers, and in the layers inside them.

    Args:
        network: the network.
        layers: names of its modules, such as ``layer1`` for ``layer1.0.conv1`` and all else in it.

    Raises:
        UnknownNameError: there is no such layer, or it has nothing to train; names the nearest.
    """
    names = network.state_dict().keys()
    chosen: set[str] = set()
    for layer in layers:
        inside = {name for name in names if name.startswith(f"{layer}.")}
        if not inside:
            known = [
                name for name, module in network.named_modules() if name and module.state_dict()
            ]
            raise unknown_name(layer, known, "layer")
        chosen |= inside
    return frozenset(chosen)


def freeze(network: nn.Module, tensors: Collection[str]) -> None:
    """Keep some weights as they are: they get no gradient, and their layers stop to adapt.

    A layer all of whose weights are kept answers as in use: its normalisation takes the statistics
    that it has, and leaves them as they are; its dropout is off. Call it after ``train()``.

    Args:
        network: changed in place.
        tensors: names out of its state dict.

    Raises:
        SettingError: no weight is left to train.
    """
    for name, value in network.named_parameters():
        if name in tensors:
            value.requires_grad_(False)
    if not any(value.requires_grad for value in network.parameters()):
        raise SettingError("all layers are frozen: leave at least one to train")
    for name, module in network.named_modules():
        inside = [f"{name}.{key}" if name else key for key in module.state_dict()]
        if inside and all(key in tensors for key in inside):
            module.eval()


def trained_layers(network: nn.Module) -> list[nn.Module]:
    """Return the modules that have parameters of their own to train, in order."""
    return [
        module
        for module in network.modules()
        if any(value.requires_grad for value in module.parameters(recurse=False))
    ]


@dataclass(frozen=True, eq=False)
class Split:
    """A network cut in two: what gives features, and what is trained on them.

    Attributes:
        network: the whole; nothing in it before ``after`` is trained, or random.
        after: from features to logits.
    """

    network: nn.Module
    after: nn.Sequential

    def features(self, images: Tensor) -> Tensor:
        """Return what the first layer of ``after`` is given for images ``(N, C, H, W)``."""
        given: list[Tensor] = []

        def stop(_module: nn.Module, inputs: tuple[Tensor]) -> None:
            given.append(inputs[0])
            raise _ReachedError  # what follows is trained: it must neither run nor adapt

        hook = self.after[0].register_forward_pre_hook(stop)
        with hook, torch.no_grad(), contextlib.suppress(_ReachedError):
            self.network(images)
        return given[0]


class _ReachedError(Exception):
    """A forward pass has come to where it is to end."""


def split(network: nn.Module, images: Tensor) -> Split | None:
    """Return a network's two parts, where what comes before the trained layers is the same always.

    Args:
        network: frozen in part, in training mode otherwise; left as it is.
        images: some normalised images, which a split is tried on.

    Returns:
        None where it cannot be split so, or features would be random, or none would be saved.
    """
    if all(value.requires_grad for value in network.parameters()):
        return None
    found = _split(network)
    # tried on copies: in training mode some layers change when they are called
    tried, used = _split(copy.deepcopy(network)), _split(copy.deepcopy(network).eval())
    if found is None or tried is None or used is None:
        return None
    devices = [images.device] if images.device.type == "cuda" else []
    with torch.no_grad(), torch.random.fork_rng(devices=devices):
        trained, real = tried.features(images[:PROBES]), used.features(images[:PROBES])
        same = trained.shape == real.shape and torch.equal(trained, real)
        joined, logits = used.after(real), used.network(images[:PROBES])
        fits = joined.shape == logits.shape and torch.allclose(joined, logits, 1e-4, 1e-5)
    return found if same and fits else None


def _split(network: nn.Module) -> Split | None:
    """Return the split at the only layer that is trained, or at the first one in a chain of layers.

    Whether that layer is the last, and whether what comes before it always says the same, is tried.
    """
    trained = trained_layers(network)
    if len(trained) == 1 and trained[0] is not network:
        return Split(network, nn.Sequential(*trained))
    links = list(_links(network))
    kept = list(itertools.takewhile(lambda link: not trained_layers(link), links))
    if not any(link.state_dict() for link in kept):
        return None  # nothing would be saved
    return Split(network, nn.Sequential(*links[len(kept) :]))


def _links(module: nn.Module) -> Iterator[nn.Module]:
    """Give the layers of a network that are called one after the other."""
    if type(module) is not nn.Sequential:
        yield module
        return
    for child in module:
        yield from _links(child)
