"""How units take a trigger: what ranks them, and which of them stand out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

STANDS_OUT = 3.0  # robust deviations above the layer's median
TINY = 1e-6


@dataclass(frozen=True, eq=False)
class UnitResponse:
    """How a layer's units take the trigger; tensors are ``(U,)`` float.

    Attributes:
        layer: name of the layer.
        clean: mean activation on clean images.
        triggered: mean activation on the same images with the trigger.
        response: mean over images of the largest change that the trigger makes anywhere in the
            unit's map, in units of the standard deviation of its activations on clean images.
        marked: units whose response lies more than three robust deviations above the layer's
            median, strongest first; at most a quarter of the layer.
    """

    layer: str
    clean: Tensor
    triggered: Tensor
    response: Tensor
    marked: tuple[int, ...]

    @property
    def ranked(self) -> tuple[int, ...]:
        """All units, the one that answers most to the trigger first."""
        return tuple(self.response.argsort(descending=True, stable=True).tolist())


def responses_of(layer: str, pairs: Iterable[tuple[Tensor, Tensor]], count: int) -> UnitResponse:
    """Return one layer's answer to the trigger from its activations, batch by batch.

    Args:
        layer: its name.
        pairs: activations ``(B, U, ...)`` on clean and on the same triggered images.
        count: how many images there are in all.
    """
    totals = Totals()
    for before, after in pairs:
        totals.add(before, after)
    return totals.response(layer, count)


class Totals:
    """Sums over images of what a response is made of: each ``(U,)``."""

    def __init__(self) -> None:
        self.sums: list[Tensor] = []

    def add(self, before: Tensor, after: Tensor) -> None:
        plain, changed = _as_maps(before), _as_maps(after)
        largest = (changed - plain).amax(2).clamp(min=0).sum(0)
        moments = [plain.mean(2).sum(0), plain.pow(2).mean(2).sum(0), changed.mean(2).sum(0)]
        parts = [*moments, largest]
        self.sums = [a + b for a, b in zip(self.sums, parts, strict=True)] if self.sums else parts

    def response(self, layer: str, count: int) -> UnitResponse:
        mean, square, after_mean, largest = (total.cpu() / count for total in self.sums)
        spread = (square - mean**2).clamp(min=0).sqrt()
        # a unit that is silent on clean images gets the layer's typical scale
        scale = torch.where(spread > TINY, spread, spread.mean().clamp(min=TINY))
        response = largest / scale
        return UnitResponse(layer, mean, after_mean, response, stand_out(response))


def stand_out(response: Tensor) -> tuple[int, ...]:
    """Return the units whose ``(U,)`` response stands out, strongest first."""
    median = response.median()
    deviation = 1.4826 * (response - median).abs().median()
    ranked = response.argsort(descending=True, stable=True)[: max(1, len(response) // 4)]
    return tuple(int(u) for u in ranked if response[u] > median + STANDS_OUT * deviation)


def _as_maps(outputs: Tensor) -> Tensor:
    """Return ``(B, U, positions)``: one position for fully connected layers."""
    return outputs.flatten(2) if outputs.ndim > 2 else outputs[..., None]
