"""Transfer: whether what moves one image to another class moves other images there too.

References:
    Xiang, Miller, Kesidis, "Post-training detection of backdoor attacks for two-class and
    multi-attack scenarios", ICLR 2022: expected transferability. Here it is measured for each pair
    of classes, by margins, against clean models; `transferability` is theirs, for two classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from badnets.audit.base import ALL_PAIRS, FEW, AuditMethod
from badnets.audit.cells import (
    Mixture,
    as_float,
    by_class,
    enough,
    forward,
    gradients,
    margins,
    pair_table,
    pairs,
    parts,
)
from badnets.core.nulls import Table

IMAGES, LENGTH, STEPS, OTHERS = 8, 0.3, 12, 2
MADE_ON = 2  # images of each class, where there are many; what is added is put on as many others
FROM_ALL = 16  # images of all classes for each target, where there are very many
WITNESSES, FARTHER = 16, 50  # images and steps of the expected transferability


class PerturbationTransfer(AuditMethod):
    """For each pair of classes the mean margin of the target on images with another's perturbation.

    Each image of a class takes up to twelve steps of length 0.3 towards the target, until it gets
    there; what was added to it is added to two others of its class.
    """

    kind = "perturbation-transfer"
    needs = frozenset({"logits", "gradients"})
    by_source, images_of_many = True, 2 * MADE_ON
    images_per_class = IMAGES
    covers = "backdoors whose trigger is close to every image of its sources"

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return a row for each source; see `badnets.audit.base.AuditMethod.table`.

        Above `FEW` classes with fewer images; above `ALL_PAIRS` one row for all sources together.
        """
        count = subject.num_classes
        if count > ALL_PAIRS:
            return self._of_many(subject, clean)
        made_on, put_on = (IMAGES, IMAGES) if count <= FEW else (MADE_ON, 2 * MADE_ON)
        known = enough(clean, put_on)
        images = by_class(clean, put_on).to(subject.device)
        sources, targets = (each.to(subject.device) for each in pairs(count, known))
        found = torch.empty(len(sources))
        for rows in parts(len(sources), put_on, clean.shape):
            own = images[sources[rows]]
            begun, rest = own[:, :made_on], own if count <= FEW else own[:, made_on:]
            others = [rest.roll(-step, 1) for step in range(1, OTHERS + 1)]
            found[rows] = _moved(subject, begun, others, targets[rows])
        return pair_table(count, found, known)

    def leaves_out(self, num_classes: int) -> str | None:
        """Return what is not looked at among so many classes."""
        return "backdoors of one source class" if num_classes > ALL_PAIRS else None

    def _of_many(self, subject: Any, clean: Any) -> Table:
        """Return one row: images of all other classes for each target."""
        targets = torch.arange(subject.num_classes)
        views = Mixture.halves(clean)[0].but(targets)
        chosen, row = views.evenly(FROM_ALL), list[float]()
        for rows in parts(len(targets), FROM_ALL, clean.shape):
            own = views.at(chosen[rows], subject.device)
            others = [own.roll(-step, 1) for step in range(1, OTHERS + 1)]
            row += _moved(subject, own, others, targets[rows].to(subject.device)).tolist()
        return (tuple(round(value, 4) for value in row),)


def transferability(subject: Any, clean: Any) -> tuple[float, int] | None:
    """Return the expected transferability of a model of two classes, and the target it is of.

    It is the share of the other images of a class that an image's perturbation takes to the target
    too; of the two classes the larger share. Above 1/2 the paper suspects a backdoor. None: too few
    images, or no perturbation got there.

    Args:
        subject: the model.
        clean: an `ImageSet` of images that it names right.
    """
    best = None
    for source in enough(clean, 2):
        rows = (clean.labels == source).nonzero()[:WITNESSES, 0]
        images = as_float(clean.images_at(rows)).to(subject.device)
        target = 1 - source
        wanted = torch.full((len(images),), target, device=subject.device)
        added = _perturbations(subject, images, wanted, FARTHER)
        there = (_margin(subject, (images + added)[:, None], wanted) > 0).nonzero()[:, 0]
        hits = 0
        for row in there.tolist():
            others = torch.cat([images[:row], images[row + 1 :]])
            moved = _margin(subject, (others + added[row])[:, None], wanted[1:])
            hits += int((moved > 0).sum())
        if len(there):
            best = max(best or (0.0, target), (hits / (len(there) * (len(images) - 1)), target))
    return best


def _moved(subject: Any, own: Tensor, others: list[Tensor], targets: Tensor) -> Tensor:
    """Return ``(P,)``: the mean margin on other images with what takes their own to the targets."""
    count = own.shape[1]
    wanted = targets.repeat_interleave(count)
    added = _perturbations(subject, own.flatten(0, 1), wanted).reshape(own.shape)
    moved = [_margin(subject, other + added, wanted) for other in others]
    return torch.stack(moved).mean(0).reshape(-1, count).mean(1).cpu()


def _margin(subject: Any, images: Tensor, targets: Tensor) -> Tensor:
    with torch.no_grad():
        flat = images.flatten(0, 1).clamp(0, 1)
        return margins(forward(subject, flat), targets).float()


def _perturbations(subject: Any, images: Tensor, targets: Tensor, steps: int = STEPS) -> Tensor:
    """Return what takes each image to its target, ``(N, C, H, W)``, as far as the steps go."""
    added = torch.zeros_like(images)
    going = torch.arange(len(images), device=images.device)
    for _ in range(steps):
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
