"""Transfer: whether what moves one image to another class moves other images there too.

References:
    Xiang, Miller, Kesidis, "Post-training detection of backdoor attacks for two-class and
    multi-attack scenarios", ICLR 2022: expected transferability. Here it is measured for each pair
    of classes, by margins, against clean models.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from badnets.audit.base import AuditMethod
from badnets.audit.cells import by_class, forward, gradients, margins, pair_table, pairs, parts
from badnets.core.nulls import Table

IMAGES, LENGTH, STEPS, OTHERS = 8, 0.3, 12, 2


class PerturbationTransfer(AuditMethod):
    """For each pair of classes the mean margin of the target on images with another's perturbation.

    Each image of a class takes up to twelve steps of length 0.3 towards the target, until it gets
    there; what was added to it is added to two others of its class.
    """

    kind = "perturbation-transfer"
    version = 1
    needs = frozenset({"logits", "gradients"})
    images_per_class = IMAGES
    covers = "backdoors whose trigger is close to every image of its sources"

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return a row for each source; see `badnets.audit.base.AuditMethod.table`."""
        images = by_class(clean, IMAGES).to(subject.device)
        sources, targets = (each.to(subject.device) for each in pairs(subject.num_classes))
        found = torch.empty(len(sources))
        for rows in parts(len(sources), IMAGES):
            own = images[sources[rows]]
            wanted = targets[rows].repeat_interleave(IMAGES)
            added = _perturbations(subject, own.flatten(0, 1), wanted).reshape(own.shape)
            moved = [
                _margin(subject, own.roll(-step, 1) + added, wanted)
                for step in range(1, OTHERS + 1)
            ]
            found[rows] = torch.stack(moved).mean(0).reshape(-1, IMAGES).mean(1).cpu()
        return pair_table(subject.num_classes, found)


def _margin(subject: Any, images: Tensor, targets: Tensor) -> Tensor:
    with torch.no_grad():
        flat = images.flatten(0, 1).clamp(0, 1)
        return margins(forward(subject, flat), targets).float()


def _perturbations(subject: Any, images: Tensor, targets: Tensor) -> Tensor:
    """Return what takes each image to its target, ``(N, C, H, W)``, as far as the steps go."""
    added = torch.zeros_like(images)
    going = torch.arange(len(images), device=images.device)
    for _ in range(STEPS):
        changed = (images[going] + added[going]).clamp_(0, 1).requires_grad_()
        margin = margins(forward(subject, changed), targets[going])
        (uphill,) = gradients(margin.sum(), [changed])
        left = margin.detach() <= 0
        going, uphill, changed = going[left], uphill[left], changed.detach()[left]
        if not len(going):
            break
        length = (
            torch.linalg.vector_norm(uphill.flatten(1), dim=1).clamp_min(1e-12).reshape(-1, 1, 1, 1)
        )
        added[going] = (changed + LENGTH * uphill / length).clamp_(0, 1) - images[going]
    return added
