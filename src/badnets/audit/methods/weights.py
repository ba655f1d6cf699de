"""Weights alone: what the last layer says of each class, in milliseconds.

References:
    Fields et al., "Trojan signatures in DNN weights", ICCV workshops 2021: the target's row of the
    last layer stands out. A pre-screen: weak alone.
"""

from __future__ import annotations

from typing import Any

import torch

from badnets.audit.base import AuditMethod
from badnets.core.nulls import Table

TOP = 0.02  # share of a row's weights that are its largest


class HeadWeights(AuditMethod):
    """For each class what stands out in its weights of the last layer: a row for each indicator.

    The rows: the bias; the mean weight; the row's length; the mean of its largest weights; the same
    of the smallest, negated; how alike it is to the other rows, negated.
    """

    kind = "head-weights"
    needs = frozenset({"features"})
    covers = "a target class whose weights of the last layer stand out"
    tier = "instant"

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return a row for each indicator; see `badnets.audit.base.AuditMethod.table`."""
        head = subject.head
        weight = head.weight.detach().float().cpu()
        weight = weight / weight.flatten().std().clamp_min(1e-12)
        bias = torch.zeros(len(weight)) if head.bias is None else head.bias.detach().float().cpu()
        ordered, some = weight.sort(1).values, max(1, round(TOP * weight.shape[1]))
        alike = torch.nn.functional.normalize(weight - weight.mean(0), dim=1)
        alike = (alike @ alike.T).fill_diagonal_(-1).amax(1)
        rows = torch.stack(
            [
                bias,
                weight.mean(1),
                weight.norm(dim=1),
                ordered[:, -some:].mean(1),
                -ordered[:, :some].mean(1),
                -alike,
            ]
        )
        return tuple(tuple(round(value, 4) for value in row) for row in rows.tolist())
