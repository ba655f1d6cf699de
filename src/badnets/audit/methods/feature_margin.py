"""Maximum margins in the middle of the network, beginning at what clean images put there.

References:
    Rayan, "Post-training backdoor detection in the feature space", 2024, winner of a contest on
    unseen networks with 79 % right: MM-BD from real features. Here each class has its own null.
"""

from __future__ import annotations

from typing import Any

import torch

from badnets.audit.base import AuditMethod
from badnets.audit.cells import gradients, margins, parts, some_of_each
from badnets.core.nulls import Table

IMAGES, STEPS, RATE = 2, 30, 0.1
OF_ALL = 16  # images of all classes together, where there are many
LENGTH = 0.5  # what a unit of the change's length costs, in margins


class FeatureMargin(AuditMethod):
    """For each class the mean margin of real features that are driven to it, in the middle layer.

    A unit's output stays within the range that clean images give it.
    """

    kind = "feature-margin"
    needs = frozenset({"logits", "gradients", "units"})
    images_per_class = IMAGES
    covers = "triggers that look unlike one another in the image and alike inside: warps, styles"
    tier = "thorough"

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return one row; see `badnets.audit.base.AuditMethod.table`."""
        layer = subject.layers[(len(subject.layers) - 1) // 2]
        images, begun = some_of_each(clean, IMAGES, OF_ALL)[0].to(subject.device), []

        def keep(output: torch.Tensor) -> torch.Tensor:
            begun.append(output.detach())
            return output

        with torch.no_grad(), subject.changed({layer: keep}):
            subject.forward(images)
        (real,) = begun
        low, high = real.amin(0), real.amax(0)
        count = subject.num_classes
        found = []
        for rows in parts(count, len(images), clean.shape):
            targets = torch.arange(count, device=real.device)[rows].repeat_interleave(len(images))
            inside = real.repeat(len(targets) // len(images), *[1] * (real.ndim - 1))
            reached = self._driven(subject, layer, images[:1], inside, targets, (low, high))
            found += reached.reshape(-1, len(images)).mean(1).tolist()
        return (tuple(round(value, 4) for value in found),)

    @staticmethod
    def _driven(
        subject: Any,
        layer: str,
        blank: torch.Tensor,
        inside: torch.Tensor,
        targets: torch.Tensor,
        reach: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        """Return the targets' margins once a layer's outputs are driven to them, ``(n,)``."""
        low, high = reach
        driven, spread = torch.zeros_like(inside).requires_grad_(), (high - low).clamp_min(1e-6)
        blank = blank.expand(len(targets), -1, -1, -1)
        steps = torch.optim.Adam([driven], lr=RATE)

        def put(_output: torch.Tensor) -> torch.Tensor:
            return torch.minimum(torch.maximum(inside + spread * driven, low), high)

        with subject.changed({layer: put}):
            for _ in range(STEPS):
                loss = -margins(subject.forward(blank), targets).sum()
                loss = loss + LENGTH * driven.flatten(1).norm(dim=1).sum()
                (driven.grad,) = gradients(loss, [driven])
                steps.step()
            with torch.no_grad():
                return margins(subject.forward(blank), targets).float().cpu()
