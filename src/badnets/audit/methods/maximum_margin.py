"""Maximum margins: how far the network can be driven to each class, without any image.

References:
    Wang, Xiang, Miller, Kesidis, "MM-BD: post-training detection of backdoor attacks with arbitrary
    backdoor pattern types using a maximum margin statistic", IEEE S&P 2024. Theirs compares the
    classes of one model; here each class has its own null.
"""

from __future__ import annotations

from typing import Any

import torch

from badnets.audit.base import ALL_PAIRS, FEW, AuditMethod
from badnets.audit.cells import forward, gradients, margins, parts
from badnets.core.nulls import Table
from badnets.core.seeds import generator

STARTS, STEPS, RATE = 6, 80, 0.05
STARTS_OF_MANY = 3  # above `FEW` classes
STARTS_OF_ALL, STEPS_OF_ALL = 2, 40  # above `ALL_PAIRS` classes


class MaximumMargin(AuditMethod):
    """For each class the largest margin that any image has, over six random starts or fewer."""

    kind = "maximum-margin"
    needs = frozenset({"logits", "gradients"})
    covers = "backdoors with one target for all sources, whatever the trigger looks like"

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return one row; see `badnets.audit.base.AuditMethod.table`. No image is looked at."""
        count = subject.num_classes
        tried, length = (STARTS_OF_MANY if count > FEW else STARTS), STEPS
        if many := count > ALL_PAIRS:
            tried, length = STARTS_OF_ALL, STEPS_OF_ALL
        targets = torch.arange(count).repeat_interleave(tried)
        drawn, shape = generator(seed, self.kind), subject.input.shape
        starts = None if many else torch.rand((len(targets), *shape), generator=drawn)
        found = torch.empty(len(targets))
        for rows in parts(len(targets), 1, shape):
            wanted = targets[rows].to(subject.device)
            begun = (
                torch.rand((len(wanted), *shape), generator=drawn)
                if starts is None
                else starts[rows]
            )
            images = begun.to(subject.device).requires_grad_()
            steps = torch.optim.Adam([images], lr=RATE)
            for _ in range(length):
                inside = images.clamp(0, 1)
                loss = -margins(forward(subject, inside), wanted).sum()
                (images.grad,) = gradients(loss, [images])
                steps.step()
                with torch.no_grad():
                    images.clamp_(0, 1)
            with torch.no_grad():
                found[rows] = margins(forward(subject, images), wanted).float().cpu()
        best = found.reshape(count, tried).amax(1)
        return (tuple(round(float(value), 4) for value in best),)
