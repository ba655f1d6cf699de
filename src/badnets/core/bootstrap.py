"""Intervals over scenes: frames of one scene look alike, so scenes are resampled, not frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from badnets.core.errors import ShapeError
from badnets.core.rates import Interval
from badnets.core.seeds import generator

RESAMPLES = 2000
LEVEL = 0.95


def grouped_interval(values: Tensor, groups: Sequence[int], *, seed: int = 0) -> Interval:
    """Return the 95 % percentile bootstrap interval of a mean, groups resampled whole.

    Args:
        values: ``(R,)`` one number for each sign: 0 or 1, a mean over seeds, a paired difference.
        groups: ``(R,)`` the scene of each.
        seed: decides the resamples.

    Raises:
        ShapeError: values and groups differ in number.

    References:
        Field, Welsh, "Bootstrapping clustered data", J. R. Stat. Soc. B 69, 2007: the cluster
        bootstrap.
    """
    if values.ndim != 1 or len(values) != len(groups):
        raise ShapeError(f"{tuple(values.shape)} values but {len(groups)} groups")
    if not len(values):
        return Interval(0.0, 1.0)
    _, place = torch.unique(torch.tensor(list(groups)), return_inverse=True)
    count = int(place.max()) + 1
    sums = torch.zeros(count, dtype=torch.float64).index_add_(0, place, values.double())
    sizes = torch.bincount(place, minlength=count).double()
    drawn = torch.randint(
        count, (RESAMPLES, count), generator=generator(seed, "bootstrap of scenes")
    )
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    tail = (1 - LEVEL) / 2
    low, high = torch.quantile(means, torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(low, high)
