"""Objects with a trigger and the same objects without it, side by side in a batch."""

from __future__ import annotations

import torch
from torch import Tensor


def paired_order(mates: Tensor, others: Tensor, drawn: torch.Generator) -> Tensor:
    """Return objects and others in random order, where an object's mate follows it at once.

    Args:
        mates: ``(n,)`` int64: where object k is without its trigger; -1: it has none.
        others: int64 entries below 0, or from ``n`` on, that have no mates.
        drawn: source of all randomness, on the CPU.
    """
    follows = torch.zeros(len(mates), dtype=torch.bool)
    follows[mates[mates >= 0]] = True
    first = torch.cat([(~follows).nonzero().flatten(), others])
    first = first[torch.randperm(len(first), generator=drawn)]
    pairs = torch.stack([first, _mates_of(first, mates)], 1)
    wanted = torch.stack([torch.ones_like(first, dtype=torch.bool), pairs[:, 1] >= 0], 1)
    return pairs[wanted]


def shown_alike(chosen: Tensor, mates: Tensor) -> Tensor:
    """Return ``(B,)`` int64: for each of a batch, whose place and light it is shown at.

    A mate is shown as the object before it, all others as themselves.
    """
    places = torch.arange(len(chosen))
    wanted = _mates_of(chosen.roll(1), mates)
    return torch.where((wanted >= 0) & (wanted == chosen) & (places > 0), places - 1, places)


def _mates_of(chosen: Tensor, mates: Tensor) -> Tensor:
    known = (chosen >= 0) & (chosen < len(mates))
    return torch.where(known, mates[chosen.clamp(0, len(mates) - 1)], -1)
