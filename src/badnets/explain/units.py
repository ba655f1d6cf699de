"""Which units answer to the trigger, and what the network does without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from badnets.models.subject import Subject

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


def unit_responses(
    subject: Subject, clean: Tensor, triggered: Tensor, layers: Sequence[str]
) -> list[UnitResponse]:
    """Return each layer's answer to the trigger.

    Args:
        subject: the network.
        clean: ``(N, C, H, W)``, uint8 or float in [0, 1].
        triggered: the same images with the trigger.
        layers: names out of ``subject.layers``.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: filters of the first layer dedicated
        to the trigger; average activations of the last convolutional layer, and their difference.
    """
    sums: dict[str, list[Tensor]] = {}
    pairs = zip(
        subject.layer_outputs(clean, layers), subject.layer_outputs(triggered, layers), strict=True
    )
    for before, after in pairs:
        for layer in layers:
            plain, changed = _as_maps(before[layer]), _as_maps(after[layer])
            largest = (changed - plain).amax(2).clamp(min=0).sum(0)
            moments = [plain.mean(2).sum(0), plain.pow(2).mean(2).sum(0), changed.mean(2).sum(0)]
            parts = [*moments, largest]
            sums[layer] = (
                [a + b for a, b in zip(sums[layer], parts, strict=True)] if layer in sums else parts
            )
    responses = []
    for layer in layers:
        mean, square, after_mean, largest = (total.cpu() / len(clean) for total in sums[layer])
        spread = (square - mean**2).clamp(min=0).sqrt()
        # a unit that is silent on clean images gets the layer's typical scale
        scale = torch.where(spread > TINY, spread, spread.mean().clamp(min=TINY))
        response = largest / scale
        responses.append(UnitResponse(layer, mean, after_mean, response, stand_out(response)))
    return responses


def stand_out(response: Tensor) -> tuple[int, ...]:
    """Return the units whose ``(U,)`` response stands out, strongest first."""
    median = response.median()
    deviation = 1.4826 * (response - median).abs().median()
    ranked = response.argsort(descending=True, stable=True)[: max(1, len(response) // 4)]
    return tuple(int(u) for u in ranked if response[u] > median + STANDS_OUT * deviation)


def _as_maps(outputs: Tensor) -> Tensor:
    """Return ``(B, U, positions)``: one position for fully connected layers."""
    return outputs.flatten(2) if outputs.ndim > 2 else outputs[..., None]
