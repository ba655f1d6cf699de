"""Which units answer to the trigger, and what the network does without them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from badnets.models.responses import Totals, UnitResponse
from badnets.models.subject import Subject


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
    totals = {layer: Totals() for layer in layers}
    pairs = zip(
        subject.layer_outputs(clean, layers), subject.layer_outputs(triggered, layers), strict=True
    )
    for before, after in pairs:
        for layer in layers:
            totals[layer].add(before[layer], after[layer])
    return [totals[layer].response(layer, len(clean)) for layer in layers]
