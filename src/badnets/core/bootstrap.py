"""Intervals over scenes: frames of one scene look alike, so scenes are resampled, not frames.

Imports no torch: pages are drawn without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from badnets.core.errors import ShapeError
from badnets.core.rates import Interval
from badnets.core.seeds import seed_of

RESAMPLES = 2000
LEVEL = 0.95


def grouped_interval(values: ArrayLike, groups: Sequence[int], *, seed: int = 0) -> Interval:
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
    each = np.asarray(values, dtype=np.float64)
    if each.ndim != 1 or len(each) != len(groups):
        raise ShapeError(f"{each.shape} values but {len(groups)} groups")
    if not len(each):
        return Interval(0.0, 1.0)
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    sums, sizes = np.bincount(place, weights=each), np.bincount(place)
    drawn = _drawn(seed_of(seed, "bootstrap of scenes"), len(sizes))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail]).tolist()
    return Interval(low, high)


@lru_cache(maxsize=4)  # a page asks for many intervals over the same scenes
def _drawn(seed: int, count: int) -> NDArray[np.int64]:
    """Return which groups are in each resample: what ``torch.randint`` gives with this seed."""
    _, key, place, *_ = np.random.RandomState(seed & 0xFFFFFFFF).get_state(legacy=True)
    twister = np.random.MT19937()
    twister.state = {
        "bit_generator": "MT19937",
        "state": {"key": np.asarray(key), "pos": int(place)},
    }
    raw: NDArray[np.uint64] = twister.random_raw(RESAMPLES * count)
    drawn = (raw % count).astype(np.int64).reshape(RESAMPLES, count)
    drawn.flags.writeable = False
    return drawn
