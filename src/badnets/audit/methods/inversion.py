"""Trigger inversion for every pair of classes, all in one optimisation, at a fixed size.

The question is how large a margin the best trigger of a given size reaches, not how small a trigger
can be: it needs no threshold and no schedule of costs, and every cell gets the same effort.

References:
    Wang et al., "Neural Cleanse", IEEE S&P 2019, inverts one mask for each class until it works.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from badnets.audit.base import AuditMethod
from badnets.audit.cells import (
    by_class,
    falling,
    forward,
    gradients,
    margins,
    pair_table,
    pairs,
    parts,
)
from badnets.core.nulls import Table
from badnets.core.seeds import generator

BATCH, STEPS, FIRST, LAST, BETAS = 4, 40, 0.15, 0.03, (0.6, 0.95)
SOUGHT, HELD = 16, 16  # images of each class to find a trigger on, and others to measure it on


class PairInversion(AuditMethod):
    """For each pair of classes the mean margin of the target under the best trigger of a size.

    The margin is measured on other images than those that the trigger was sought on.
    """

    version = 2
    needs = frozenset({"logits", "gradients"})
    images_per_class = SOUGHT + HELD

    @abstractmethod
    def starts(self, count: int, shape: tuple[int, ...], drawn: torch.Generator) -> list[Tensor]:
        """Return the parameters of ``count`` triggers at their beginning, ``(count, ...)`` each."""

    @abstractmethod
    def painted(self, images: Tensor, parameters: list[Tensor]) -> Tensor:
        """Return images ``(count, B, C, H, W)`` with their triggers, in [0, 1]."""

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return a row for each source; see `badnets.audit.base.AuditMethod.table`."""
        sources, targets = pairs(subject.num_classes)
        sought = by_class(clean, SOUGHT).to(subject.device)
        held = by_class(clean, HELD, SOUGHT).to(subject.device)
        parameters = self.found(subject, sought, sources, targets, seed)
        reached = self.reached(subject, held, sources, targets, parameters)
        return pair_table(subject.num_classes, reached.mean(1))

    def found(
        self,
        subject: Any,
        images: Tensor,
        sources: Tensor,
        targets: Tensor,
        seed: int,
        count: int = STEPS,
    ) -> list[Tensor]:
        """Return the triggers' parameters after the optimisation.

        Args:
            subject: the model.
            images: ``(K, n, C, H, W)`` float in [0, 1], by class.
            sources: ``(P,)``, the class of each trigger's images.
            targets: ``(P,)``, the class that each is to give.
            seed: everything random follows from it.
            count: steps of the optimisation.
        """
        drawn, rate = generator(seed, self.kind), falling(FIRST, LAST, count)
        sources, targets = sources.to(subject.device), targets.to(subject.device)
        begun = self.starts(len(sources), tuple(images.shape[2:]), drawn)
        parameters = [each.to(subject.device).requires_grad_() for each in begun]
        steps = torch.optim.Adam(parameters, lr=FIRST, betas=BETAS)
        for step in range(count):
            steps.param_groups[0]["lr"] = rate(step)
            chosen = torch.randint(images.shape[1], (len(sources), BATCH), generator=drawn)
            slopes = [torch.zeros_like(each) for each in parameters]
            for rows in parts(len(sources), BATCH):
                batch = images[sources[rows][:, None], chosen[rows].to(subject.device)]
                own = [each[rows] for each in parameters]
                margin = self._margins(subject, batch, targets[rows], own)
                loss = functional.softplus(1 - margin / 2).mean(1).sum()
                for slope, more in zip(slopes, gradients(loss, parameters), strict=True):
                    slope += more
            for each, slope in zip(parameters, slopes, strict=True):
                each.grad = slope
            steps.step()
        return [each.detach() for each in parameters]

    def reached(
        self,
        subject: Any,
        images: Tensor,
        sources: Tensor,
        targets: Tensor,
        parameters: list[Tensor],
    ) -> Tensor:
        """Return the target's margin on each source's images with its trigger, ``(P, n)``."""
        sources, targets = sources.to(subject.device), targets.to(subject.device)
        with torch.no_grad():
            told = [
                self._margins(
                    subject, images[sources[rows]], targets[rows], [p[rows] for p in parameters]
                )
                for rows in parts(len(sources), images.shape[1])
            ]
        return torch.cat(told).float().cpu()

    def _margins(
        self, subject: Any, images: Tensor, targets: Tensor, parameters: list[Tensor]
    ) -> Tensor:
        painted = self.painted(images, parameters).flatten(0, 1)
        logits = forward(subject, painted)
        return margins(logits, targets.repeat_interleave(images.shape[1])).reshape(images.shape[:2])


class AdditiveInversion(PairInversion):
    """The trigger is added to the image, its L2 norm fixed."""

    kind = "additive-inversion"
    covers = "triggers that change the whole image a little: blends, ripples, warps, small patches"

    def starts(self, count: int, shape: tuple[int, ...], drawn: torch.Generator) -> list[Tensor]:
        """Return noise; see `PairInversion.starts`."""
        return [0.1 * torch.randn((count, *shape), generator=drawn)]

    def painted(self, images: Tensor, parameters: list[Tensor]) -> Tensor:
        """Return images with what is added; see `PairInversion.painted`."""
        (added,) = parameters
        length = (
            torch.linalg.vector_norm(added.flatten(1), dim=1).clamp_min(1e-12).reshape(-1, 1, 1, 1)
        )
        most = NORM * math.sqrt(added[0].numel() / PIXELS)
        scaled: Tensor = most * added / length
        return (images + scaled[:, None]).clamp(0, 1)


class MaskInversion(PairInversion):
    """The trigger is a pattern behind a mask that covers a fixed part of the image."""

    kind = "mask-inversion"
    covers = "triggers that cover a small part of the image: pixels, patterns, patches, stickers"

    def starts(self, count: int, shape: tuple[int, ...], drawn: torch.Generator) -> list[Tensor]:
        """Return a faint mask and a grey pattern; see `PairInversion.starts`."""
        mask = -3 + 0.1 * torch.randn((count, 1, *shape[1:]), generator=drawn)
        return [mask, 0.1 * torch.randn((count, *shape), generator=drawn)]

    def painted(self, images: Tensor, parameters: list[Tensor]) -> Tensor:
        """Return images with their patterns; see `PairInversion.painted`."""
        mask, pattern = parameters[0].sigmoid(), (2 * parameters[1]).sigmoid()
        most = COVERED * mask[0].numel()
        size = mask.flatten(1).sum(1).reshape(-1, 1, 1, 1)
        mask = (mask * (most / size).clamp(max=1))[:, None]
        return (1 - mask) * images + mask * pattern[:, None]


NORM, PIXELS = 2.0, 784  # the L2 norm that is added to an image of 28 x 28 in one channel
COVERED = 6 / 784  # the share of the image that a mask covers
