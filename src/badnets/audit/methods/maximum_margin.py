"""Maximum margins: how far the network can be driven to each class, without any image.

References:
    Wang, Xiang, Miller, Kesidis, "MM-BD: post-training detection of backdoor attacks with arbitrary
    backdoor pattern types using a maximum margin statistic", IEEE S&P 2024. Theirs compares the
    classes of one model; here each class has its own null.
"""

from __future__ import annotations

from typing import Any

import torch

from badnets.audit.base import AuditMethod
from badnets.audit.cells import forward, gradients, margins, parts
from badnets.core.nulls import Table
from badnets.core.seeds import generator

STARTS, STEPS, RATE = 6, 80, 0.05


class MaximumMargin(AuditMethod):
    """For each class the largest margin that any image has, over six random starts."""

    kind = "maximum-margin"
    version = 1
    needs = frozenset({"logits", "gradients"})
    covers = "backdoors with one target for all sources, whatever the trigger looks like"

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return one row; see `badnets.audit.base.AuditMethod.table`. No image is looked at."""
        count = subject.num_classes
        targets = torch.arange(count).repeat_interleave(STARTS).to(subject.device)
        starts = torch.rand(
            (len(targets), *subject.input.shape), generator=generator(seed, self.kind)
        )
        found = torch.empty(len(targets))
        for rows in parts(len(targets), 1):
            images = starts[rows].to(subject.device).requires_grad_()
            steps = torch.optim.Adam([images], lr=RATE)
            for _ in range(STEPS):
                inside = images.clamp(0, 1)
                loss = -margins(forward(subject, inside), targets[rows]).sum()
                (images.grad,) = gradients(loss, [images])
                steps.step()
                with torch.no_grad():
                    images.clamp_(0, 1)
            with torch.no_grad():
                found[rows] = margins(forward(subject, images), targets[rows]).float().cpu()
        best = found.reshape(count, STARTS).amax(1)
        return (tuple(round(float(value), 4) for value in best),)
