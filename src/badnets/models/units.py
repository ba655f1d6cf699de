"""Units of a network's layers: which there are, what they put out, and silencing them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from badnets.core.errors import SettingError


@dataclass(frozen=True, eq=False)
class UnitLayer:
    """A layer with units.

    Args:
        outlet: the module whose output is theirs.
        count: how many there are.
        axis: of the output, that they lie along.
        rectify: whether negative outputs count as zero, as after the ReLU that follows.
    """

    outlet: nn.Module
    count: int
    axis: int = 1
    rectify: bool = False

    def read(self, output: Tensor) -> Tensor:
        """Return an output as ``(B, U, ...)`` float32; a ReLU in place may change it still."""
        own = output.detach().float().movedim(self.axis, 1)
        return own.clamp(min=0) if self.rectify else own


def layers_of(network: nn.Module) -> dict[str, UnitLayer]:
    """Return a classifier's convolutions and fully connected layers, in order."""
    inside = {  # attention uses the weights of its layers without calling them
        layer
        for module in network.modules()
        if isinstance(module, nn.MultiheadAttention)
        for layer in module.modules()
    }
    layers = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and module not in inside
    }
    last = next(reversed(layers), None)
    return {
        name: UnitLayer(
            module, len(module.weight), 1 if isinstance(module, nn.Conv2d) else -1, name != last
        )
        for name, module in layers.items()
    }


def backbone_layers_of(network: nn.Module) -> dict[str, UnitLayer]:
    """Return the convolutions of a detector's backbone; their output is the ReLU's that follows."""
    layers: dict[str, UnitLayer] = {}
    last: tuple[str, nn.Conv2d] | None = None
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            last = (name, module) if name.startswith("backbone.") else None
            if last is not None:
                layers[name] = UnitLayer(module, module.out_channels)
        elif isinstance(module, nn.ReLU) and last is not None:
            layers[last[0]] = UnitLayer(module, last[1].out_channels)
            last = None
    return layers


@contextmanager
def recorded(layers: Mapping[str, UnitLayer]) -> Iterator[dict[str, Tensor]]:
    """Give a dict that holds the layers' last outputs by name, for as long as the block lasts."""
    outputs: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        outputs[name] = layers[name].read(output)

    with ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.enter_context(
                layer.outlet.register_forward_hook(lambda _m, _i, out, name=name: keep(name, out))
            )
        yield outputs


@contextmanager
def silenced(layer: UnitLayer, name: str, units: Sequence[int]) -> Iterator[None]:
    """Set the output of some units to zero for as long as the block lasts.

    Raises:
        SettingError: the layer ``name`` has no such unit.
    """
    for unit in units:
        if not 0 <= unit < layer.count:
            raise SettingError(f"layer {name!r} has units 0..{layer.count - 1}, not {unit}")

    def mute(output: Tensor) -> Tensor:
        chosen = torch.tensor(list(units), dtype=torch.long, device=output.device)
        return output.index_fill(layer.axis, chosen, 0.0)

    with changed(layer, mute):
        yield


@contextmanager
def changed(layer: UnitLayer, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Give the network another output of a layer, for as long as the block lasts."""
    with layer.outlet.register_forward_hook(lambda _module, _inputs, output: change(output)):
        yield
