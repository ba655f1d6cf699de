"""Units taken out for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from badnets.core.errors import SettingError


def last_convolution(subject: Any) -> str:
    """Return the name of the last convolution; of a network without one, of the last but one layer.

    Raises:
        SettingError: there is one layer alone.
    """
    modules = dict(subject.network.named_modules())
    convolutions = [name for name in subject.layers if isinstance(modules[name], nn.Conv2d)]
    if convolutions:
        return str(convolutions[-1])
    if len(subject.layers) < 2:
        raise SettingError("a network of one layer has no units to prune")
    return str(subject.layers[-2])


def prune(subject: Any, layer: str, units: Sequence[int]) -> Any:
    """Return a copy in which some units of a layer always put out zero.

    Their weights and biases are zero, and those of a batch normalisation that follows. Behind a
    ReLU no gradient reaches them, so further training leaves them as they are.
    """
    changed = subject.copy()
    modules = dict(changed.network.named_modules())
    names = list(modules)
    after = names[names.index(layer) + 1 :]
    following = modules[after[0]] if after else None
    touched = [modules[layer]]
    if isinstance(following, nn.BatchNorm1d | nn.BatchNorm2d):
        touched.append(following)
    rows = torch.tensor(list(units), dtype=torch.long, device=subject.device)
    with torch.no_grad():
        for module in touched:
            for value in (module.weight, module.bias):
                if isinstance(value, nn.Parameter):
                    value[rows] = 0
    return changed


def most_that_hold(count: int, holds: Callable[[int], bool]) -> int:
    """Return how many of ``count`` can be taken while ``holds``, which fails with more of them.

    Args:
        count: all there are, ``>= 0``.
        holds: whether so many may be taken; none may.
    """
    few, many = 0, count + 1
    while few < many - 1:
        middle = (few + many) // 2
        few, many = (middle, many) if holds(middle) else (few, middle)
    return few
