"""Dormant units: what clean images leave alone, and what it does to the answer once driven.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: backdoored networks have units that answer
    to the trigger alone. Liu, Dolan-Gavitt, Garg, "Fine-Pruning", RAID 2018, prunes dormant units.
"""

from __future__ import annotations

from typing import Any

import torch

from badnets.audit.base import ALL_PAIRS, FEW, AuditMethod
from badnets.audit.cells import margins, some_of_each
from badnets.core.nulls import Table

IMAGES = 8  # of each class
MOST = 512  # of all classes, where there are many: what there is of each
DRIVEN_ON = 64  # of them are driven, where there are very many classes
DORMANT = 0.5  # share of the units with the smallest largest mean activation of a class
DRIVEN = 8  # of them are driven at once for each class: those that favour it most


class DormantUnits(AuditMethod):
    """For each class its mean margin once the dormant units that favour it most are driven.

    A unit is what the last layer makes logits of. It is driven to what the active ones reach.
    """

    kind = "dormant-units"
    needs = frozenset({"logits", "features"})
    images_per_class = IMAGES
    covers = "triggers that wake units which clean images leave alone"

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return one row; see `badnets.audit.base.AuditMethod.table`."""
        images, labels = (own.to(subject.device) for own in some_of_each(clean, IMAGES, MOST))
        found = subject.features(images)
        if subject.num_classes > FEW:
            means = torch.stack([found[labels == label].mean(0) for label in torch.unique(labels)])
        else:
            means = found.reshape(subject.num_classes, IMAGES, -1).mean(1)
        by_unit = means.amax(0)
        head = subject.head
        weight, bias = head.weight.detach().float(), head.bias
        dormant = by_unit.argsort()[: max(1, round(DORMANT * len(by_unit)))]
        level = by_unit.quantile(0.9)
        favoured = (weight - weight.mean(0))[:, dormant]
        chosen = dormant[favoured.topk(min(DRIVEN, len(dormant)), dim=1).indices]
        row = []
        found = found[:DRIVEN_ON] if subject.num_classes > ALL_PAIRS else found
        for target in range(subject.num_classes):
            driven = found.clone()
            driven[:, chosen[target]] = driven[:, chosen[target]].clamp_min(level)
            logits = torch.nn.functional.linear(driven, weight, bias).detach()
            targets = torch.full((len(logits),), target, device=logits.device)
            row.append(round(float(margins(logits, targets).mean()), 4))
        return (tuple(row),)
