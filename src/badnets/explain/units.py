"""How units take a trigger: what ranks them, which stand out, and where they fire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from badnets.core.outliers import MAD_TO_STD
from badnets.models.subject import HasUnits

if TYPE_CHECKING:
    from torch import Tensor

STANDS_OUT = 3.0  # robust deviations above the layer's median
USUAL = 1.0  # standard deviations that a unit varies by on clean images
TINY = 1e-6
MEAN_TO_STD = 1.2533  # of a normal distribution


class LayerUnits(BaseModel):
    """How a layer's units (channels, or outputs) take the trigger.

    Attributes:
        layer: name of the layer.
        clean: ``(U,)`` mean activation on clean images.
        triggered: ``(U,)`` mean activation on the same images with the trigger.
        response: ``(U,)`` mean over images of the largest rise that the trigger makes anywhere in
            the unit's map (0 where it makes none), in standard deviations of its activations on
            clean images.
        outlier_units: units whose response lies more than three robust deviations above the layer's
            median, strongest first; at most a quarter of the layer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: str
    clean: tuple[float, ...]
    triggered: tuple[float, ...]
    response: tuple[float, ...]
    outlier_units: tuple[int, ...]

    @property
    def ranked(self) -> tuple[int, ...]:
        """All units, the one that answers most to the trigger first."""
        return tuple(sorted(range(len(self.response)), key=lambda unit: -self.response[unit]))


def unit_responses(
    subject: HasUnits,
    clean: Tensor,
    triggered: Tensor,
    layers: Sequence[str],
    *,
    strict: bool = False,
) -> list[LayerUnits]:
    """Return how each layer's units take the trigger.

    Args:
        subject: a classifier, or a detector.
        clean: ``(N, C, H, W)``, uint8 or float in [0, 1]; for a detector windows, such as
            `sign_windows` makes.
        triggered: the same images with the trigger.
        layers: names out of ``subject.layers``.
        strict: see `outlier_units`.

    Raises:
        UnknownNameError: the network has no such layer.

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
            parts = _moments(before[layer], after[layer])
            own = sums.get(layer)
            sums[layer] = [a + b for a, b in zip(own, parts, strict=True)] if own else parts
    return [_response(layer, sums[layer], len(clean), strict=strict) for layer in layers]


def backdoor_units(
    detector: HasUnits, windows: tuple[Tensor, Tensor, Tensor], layer: str
) -> LayerUnits:
    """Return how a convolution's units take the trigger on the windows of `sign_windows`."""
    clean, triggered, _ = windows
    return unit_responses(detector, clean, triggered, [layer])[0]


def outlier_units(response: Tensor, *, strict: bool = False) -> tuple[int, ...]:
    """Return the units whose ``(U,)`` response stands out, strongest first.

    Args:
        response: of each unit, ``>= 0``.
        strict: leave out responses below 1: that far units vary on clean images too. And where most
            units of a layer do not respond, so that the median deviation is 0 and any response
            would stand out, take the mean deviation. The studies do without, so that a trial gives
            the record that it always gave.

    References:
        Iglewicz, Hoaglin, "How to Detect and Handle Outliers", 1993: the mean deviation where the
        median one is 0.
    """
    median = response.median()
    distance = (response - median).abs()
    deviation = MAD_TO_STD * distance.median()
    if strict and not deviation:
        deviation = MEAN_TO_STD * distance.mean()
    bound = median + STANDS_OUT * deviation
    ranked = response.argsort(descending=True, stable=True)[: max(1, len(response) // 4)]
    least = USUAL if strict else 0.0
    return tuple(int(u) for u in ranked if response[u] > bound and response[u] >= least)


def mean_maps(detector: HasUnits, windows: Tensor, layer: str) -> Tensor:
    """Return ``(U, h, w)``: each unit's activation, averaged over the windows."""
    import torch

    total, count = torch.zeros(()), 0
    for outputs in detector.layer_outputs(windows, [layer]):
        total, count = total + outputs[layer].sum(0).cpu(), count + len(outputs[layer])
    return total / max(1, count)


def groups_of(
    clean: Tensor, triggered: Tensor, units: Sequence[int], most: int = 3
) -> list[list[int]]:
    """Return units that fire at the same place, the strongest group first.

    Args:
        clean, triggered: ``(U, h, w)`` mean maps.
        units: those to group.
        most: number of groups.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: three groups of neurons of the last
        convolutional layer fire only when the trigger is there.
    """
    groups = [[unit] for unit in units]
    if len(units) > most:
        from sklearn.cluster import AgglomerativeClustering

        change = (triggered - clean)[list(units)].flatten(1)
        change = change / change.norm(dim=1, keepdim=True).clamp(min=1e-9)
        group_of = AgglomerativeClustering(n_clusters=most).fit_predict(change.numpy())
        groups = [[u for u, g in zip(units, group_of, strict=True) if g == k] for k in range(most)]
    strength = {u: float((triggered - clean)[u].clamp(min=0).sum()) for u in units}
    return sorted(groups, key=lambda group: -sum(strength[u] for u in group))


def _moments(before: Tensor, after: Tensor) -> list[Tensor]:
    """Return sums over a batch, each ``(U,)``: mean, square, triggered mean, largest change."""
    plain, changed = (  # (B, U, positions): one position for fully connected layers
        outputs.flatten(2) if outputs.ndim > 2 else outputs[..., None]
        for outputs in (before, after)
    )
    largest = (changed - plain).amax(2).clamp(min=0).sum(0)
    return [plain.mean(2).sum(0), plain.pow(2).mean(2).sum(0), changed.mean(2).sum(0), largest]


def _response(layer: str, sums: Sequence[Tensor], count: int, *, strict: bool) -> LayerUnits:
    import torch

    mean, square, after_mean, largest = (total.cpu() / count for total in sums)
    spread = (square - mean**2).clamp(min=0).sqrt()
    # a unit that is silent on clean images gets the layer's typical scale
    scale = torch.where(spread > TINY, spread, spread.mean().clamp(min=TINY))
    response = largest / scale
    return LayerUnits(
        layer=layer,
        clean=tuple(mean.tolist()),
        triggered=tuple(after_mean.tolist()),
        response=tuple(response.tolist()),
        outlier_units=outlier_units(response, strict=strict),
    )
