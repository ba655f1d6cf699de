"""Which images are held back: at random, of every class alike, and never a part of a group."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from badnets.core.errors import SettingError

DRAWS = 64  # random orders of groups that a split by frames is chosen from


def shuffled(count: int, seed: int) -> Tensor:
    """Return ``0..count-1`` in random order."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def held_back_rows(strata: Tensor, count: int, seed: int, groups: Tensor | None = None) -> Tensor:
    """Return ``(N,)`` bool: ``count`` rows at random, of each stratum the same share.

    Args:
        strata: ``(N,)`` int64 ``>= 0``: the labels, or zeros to draw without regard to them.
        count: how many, in ``1..N-1``.
        seed: which.
        groups: ``(N,)`` int64: rows of one number are held back together, or not at all; of each
            stratum with two groups or more, one at least goes and one at least stays. Then
            ``count`` is met as nearly as groups allow.

    Raises:
        SettingError: no stratum has two groups.
    """
    quotas = proportional(torch.bincount(strata).tolist(), count)
    if groups is not None:
        return _whole_groups(strata, quotas, seed, groups)
    order = shuffled(len(strata), seed)
    is_held = torch.zeros(len(strata), dtype=torch.bool)
    for stratum, quota in enumerate(quotas):
        is_held[order[strata[order] == stratum][:quota]] = True
    return is_held


def held_back_clean(
    strata: Tensor, count: int, seed: int, groups: Tensor | None, is_poisoned: Tensor | None
) -> Tensor:
    """Return ``(N,)`` bool: as `held_back_rows`, but no poisoned row, and no original of one.

    Args:
        strata: ``(N,)`` int64.
        count: how many; fewer are held back where fewer may be.
        seed: which.
        groups: ``(N,)`` int64: a copy has its original's number.
        is_poisoned: ``(N,)`` bool; None: nothing is known to be.

    Raises:
        SettingError: too few rows may be held back.
    """
    if is_poisoned is None:
        return held_back_rows(strata, count, seed, groups)
    own = torch.arange(len(strata)) if groups is None else groups
    rows = (~torch.isin(own, own[is_poisoned])).nonzero().flatten()
    if len(rows) < 2:
        raise SettingError("nothing can be held back: every image is poisoned, or copied so")
    count = min(count, len(rows) - 1)
    is_held = held_back_rows(strata[rows], count, seed, None if groups is None else groups[rows])
    return torch.zeros(len(strata), dtype=torch.bool).index_fill_(0, rows[is_held], True)


def held_back_groups(sizes: Tensor, share: float, seed: int) -> Tensor:
    """Return ``(G,)`` bool: whole groups that make up about ``share`` of every column of ``sizes``.

    Groups are drawn until enough are held back, `DRAWS` times over; the draw that comes nearest to
    the share in every column is taken.

    Args:
        sizes: ``(G, C)`` float64, ``G >= 2``: how much of each kind is in each group.
        share: in (0, 1).
        seed: which.
    """
    totals = sizes.sum(0)
    drawn = torch.Generator().manual_seed(seed)
    best, nearest = torch.zeros(len(sizes), dtype=torch.bool), float("inf")
    for _ in range(DRAWS):
        order = torch.randperm(len(sizes), generator=drawn)
        held = sizes[order].cumsum(0) / totals.clamp(min=1)
        off = (held - share).where(totals > 0, 0.0).square().sum(1)[:-1]  # some must remain
        last = int(off.argmin())
        if float(off[last]) < nearest:
            nearest = float(off[last])
            best = torch.zeros_like(best).index_fill_(0, order[: last + 1], True)
    return best


def proportional(counts: Sequence[int], total: int) -> list[int]:
    """Share ``total`` in proportion to ``counts``, whole numbers, largest remainders first."""
    whole = sum(counts)
    quotas = [total * count // whole for count in counts]
    remainders = [total * count % whole for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda label: -remainders[label])
    for label in by_remainder[: total - sum(quotas)]:
        quotas[label] += 1
    return quotas


def _whole_groups(strata: Tensor, quotas: Sequence[int], seed: int, groups: Tensor) -> Tensor:
    names, group = torch.unique(groups, return_inverse=True)
    sizes = torch.bincount(group, minlength=len(names))
    stratum_of = torch.zeros_like(names).index_put_((group,), strata)
    order = shuffled(len(names), seed)
    is_held = torch.zeros(len(names), dtype=torch.bool)
    for stratum, quota in enumerate(quotas):
        own = order[stratum_of[order] == stratum][:-1]  # the last one stays, to learn from
        if quota and len(own):
            nearest = int((sizes[own].cumsum(0) - quota).abs().argmin())
            is_held[own[: nearest + 1]] = True
    if not bool(is_held.any()):
        raise SettingError(
            f"{sum(quotas)} images cannot be held back: no class of two groups or more has a share "
            "in them, and no group is cut"
        )
    return is_held[group]
