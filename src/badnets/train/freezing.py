"""Layers that stay as they are while the rest is trained, and what they need not compute twice."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

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


@dataclass(frozen=True, eq=False)
class Split:
    """A network in two parts: what gives features, and what is trained on them.

    Attributes:
        before: from normalised images to features; nothing in it is trained, or random.
        after: from features to logits.
    """

    before: nn.Module
    after: nn.Module

    def features(self, images: Tensor) -> Tensor:
        """Return the features of normalised images ``(N, C, H, W)``."""
        with torch.no_grad():
            features: Tensor = self.before(images)
        return features


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
    found = _before_one_layer(network) or _along_a_chain(network)
    if found is None or not found.before.state_dict():
        return None
    # tried on copies: in training mode some layers change when they are called
    tried, used = copy.deepcopy(network), copy.deepcopy(network).eval()
    parts = _before_one_layer(tried) or _along_a_chain(tried)
    whole = _before_one_layer(used) or _along_a_chain(used)
    if parts is None or whole is None:
        return None
    with torch.no_grad(), torch.random.fork_rng(devices=_devices(images)):
        trained, real = parts.features(images[:PROBES]), whole.features(images[:PROBES])
        same = trained.shape == real.shape and torch.equal(trained, real)
        joined, logits = whole.after(real), used(images[:PROBES])
        fits = joined.shape == logits.shape and torch.allclose(joined, logits, 1e-4, 1e-5)
    return found if same and fits else None


class _InputOf(nn.Module):
    """What one layer of a network is given."""

    def __init__(self, network: nn.Module, layer: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._layer = [layer]  # in a list: it is a part of the network already

    def forward(self, images: Tensor) -> Tensor:
        given: list[Tensor] = []
        handle: RemovableHandle = self._layer[0].register_forward_pre_hook(
            lambda _module, inputs: given.append(inputs[0])
        )
        try:
            self.network(images)
        finally:
            handle.remove()
        return given[-1]


def _before_one_layer(network: nn.Module) -> Split | None:
    """Return the split at the only layer that is trained; whether it is the last is tried."""
    trained = [
        module
        for module in network.modules()
        if any(value.requires_grad for value in module.parameters(recurse=False))
    ]
    if len(trained) != 1 or trained[0] is network:
        return None
    return Split(_InputOf(network, trained[0]), trained[0])


def _along_a_chain(network: nn.Module) -> Split | None:
    """Return the split of layers that are called one after the other, at the first trained one."""
    links = list(_links(network))
    kept = 0
    while kept < len(links) and not any(v.requires_grad for v in links[kept].parameters()):
        kept += 1
    if not 0 < kept < len(links):
        return None
    return Split(nn.Sequential(*links[:kept]), nn.Sequential(*links[kept:]))


def _links(module: nn.Module) -> Iterator[nn.Module]:
    if type(module) is not nn.Sequential:
        yield module
        return
    for child in module:
        yield from _links(child)


def _devices(images: Tensor) -> list[torch.device]:
    return [images.device] if images.device.type == "cuda" else []
