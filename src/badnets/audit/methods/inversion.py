"""Trigger inversion for every pair of classes, all in one optimisation, at a fixed size.

The question is how large a margin the best trigger of a given size reaches, not how small a trigger
can be: it needs no threshold and no schedule of costs, and every cell gets the same effort.

Above `FEW` classes there are too many pairs. Each target then gets one trigger for all sources, and
one for the source that a few first steps, the same for all pairs, put first; above `ALL_PAIRS` the
former alone.

References:
    Wang et al., "Neural Cleanse", IEEE S&P 2019, inverts one mask for each class until it works.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from badnets.audit.base import ALL_PAIRS, FEW, TriggerMethod
from badnets.audit.cells import (
    Mixture,
    Views,
    by_class,
    enough,
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
STEPS_OF_ONE = 200  # for the trigger that is shown
SOUGHT, HELD = 16, 16  # images of each class to find a trigger on, and others to measure it on
BATCH_OF_MANY, HELD_OF_MANY = 8, 32  # the same of all classes together, where there are many
SCREENED, SCREEN_BATCH = 3, 2  # steps and images of each pair
OF_SOURCE, HELD_OF_SOURCE = 8, 8  # images that a source must have, and that are looked at
AT_A_TIME = 2**25  # numbers in the triggers that are sought together, at most


class PairInversion(TriggerMethod):
    """For each pair of classes the mean margin of the target under the best trigger of a size.

    The margin is measured on other images than those that the trigger was sought on.
    """

    version = 2
    needs = frozenset({"logits", "gradients"})
    by_source, images_of_many = True, OF_SOURCE
    images_per_class = SOUGHT + HELD

    @abstractmethod
    def starts(self, count: int, shape: tuple[int, ...], drawn: torch.Generator) -> list[Tensor]:
        """Return the parameters of ``count`` triggers at their beginning, ``(count, ...)`` each."""

    @abstractmethod
    def painted(
        self, images: Tensor, parameters: list[Tensor], strength: float | Tensor = 1.0
    ) -> Tensor:
        """Return images ``(count, B, C, H, W)`` with their triggers, in [0, 1].

        Args:
            images: each trigger's.
            parameters: of the triggers.
            strength: what the size that is fixed is multiplied by; ``(count, 1, 1, 1)`` for each.
        """

    @abstractmethod
    def as_file(self, parameters: list[Tensor], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return what the first trigger keeps and adds; see `TriggerMethod.trigger`."""

    def trigger(
        self, subject: Any, images: Tensor, target: int, *, seed: int
    ) -> tuple[Tensor, Tensor]:
        """Return what a longer optimisation ends in; see `TriggerMethod.trigger`."""
        views = Views.of_each(images[None], torch.tensor([0]))
        drawn = generator(seed, self.kind)
        found = self.found(subject, views, torch.tensor([target]), drawn, STEPS_OF_ONE)
        return self.as_file(found, images.shape[1:])

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return a row for each source; see `badnets.audit.base.AuditMethod.table`.

        Above `FEW` classes: a row for all sources together, and up to `ALL_PAIRS` one for the
        source of each target that looks most promising.
        """
        count, drawn = subject.num_classes, generator(seed, self.kind)
        if count > FEW:
            return self._of_many(subject, clean, drawn)
        known = enough(clean, self.images_per_class)
        sources, targets = pairs(count, known)
        found = self.triggers(subject, *self.images_of(clean, sources), targets, drawn)
        return pair_table(count, torch.cat([reached for _, reached in found]), known)

    def images_of(self, clean: Any, sources: Tensor) -> tuple[Views, Views]:
        """Return images of each source to seek a trigger on, and others to measure it on."""
        return (
            Views.of_each(by_class(clean, SOUGHT), sources),
            Views.of_each(by_class(clean, HELD, SOUGHT), sources),
        )

    def leaves_out(self, num_classes: int) -> str | None:
        """Return what is not looked at among so many classes."""
        if num_classes <= FEW:
            return None
        but = " but the one that looks most promising for each target"
        return f"backdoors of one source class{but if num_classes <= ALL_PAIRS else ''}"

    def _of_many(self, subject: Any, clean: Any, drawn: torch.Generator) -> Table:
        targets = torch.arange(subject.num_classes)
        sought, held = Mixture.halves(clean)
        mixed = (sought.but(targets), held.but(targets))
        found = self.triggers(subject, *mixed, targets, drawn, BATCH_OF_MANY, HELD_OF_MANY)
        table = [_rounded(found)]
        if len(targets) <= ALL_PAIRS:
            best = self.promising(subject, clean, targets, drawn)
            if best is None:
                return (*table, (None,) * len(targets))
            own = (sought.of(best), held.of(best))
            found = self.triggers(subject, *own, targets, drawn, BATCH, HELD_OF_SOURCE)
            table.append(_rounded(found))
        return tuple(table)

    def triggers(
        self,
        subject: Any,
        sought: Views,
        held: Views,
        targets: Tensor,
        drawn: torch.Generator,
        batch: int = BATCH,
        images: int = HELD,
    ) -> Iterator[tuple[list[Tensor], Tensor]]:
        """Give triggers and each one's mean margin, so many at a time as fit into memory.

        Args:
            subject: the model.
            sought: the images that each is sought on.
            held: those that it is measured on.
            targets: ``(P,)``, the class that each is to give.
            drawn: everything random.
            batch: images of each trigger in a step.
            images: how many it is measured on.
        """
        for block in _blocks(len(targets), subject.input.shape):
            own = targets[block]
            found = self.found(subject, sought.part(block), own, drawn, batch=batch)
            yield found, self.reached(subject, held.part(block), own, found, images).mean(1)

    def promising(
        self, subject: Any, clean: Any, targets: Tensor, drawn: torch.Generator
    ) -> Tensor | None:
        """Return ``(P,)``: for each target the source whose first steps get furthest.

        All sources that have enough images get the same few steps; None where there are not two.
        """
        known = torch.tensor(enough(clean, OF_SOURCE), dtype=torch.long)
        if len(known) < 2:
            return None
        mixture, _ = Mixture.halves(clean)
        best = []
        for target in targets.tolist():
            sources = known[known != target]
            aims, reached = torch.full_like(sources, target), []
            for block in _blocks(len(sources), subject.input.shape):
                views, aimed = mixture.of(sources[block]), aims[block]
                found = self.found(subject, views, aimed, drawn, SCREENED, SCREEN_BATCH)
                reached.append(self.reached(subject, views, aimed, found, SCREEN_BATCH).mean(1))
            best.append(int(sources[torch.cat(reached).argmax()]))
        return torch.tensor(best)

    def found(
        self,
        subject: Any,
        views: Views,
        targets: Tensor,
        drawn: torch.Generator,
        count: int = STEPS,
        batch: int = BATCH,
    ) -> list[Tensor]:
        """Return the triggers' parameters after the optimisation.

        Args:
            subject: the model.
            views: the images of each trigger.
            targets: ``(P,)``, the class that each is to give.
            drawn: everything random.
            count: steps of the optimisation.
            batch: images of each trigger in a step.
        """
        rate, shape = falling(FIRST, LAST, count), tuple(views.images.shape[1:])
        targets = targets.to(subject.device)
        begun = self.starts(len(targets), shape, drawn)
        parameters = [each.to(subject.device).requires_grad_() for each in begun]
        steps = torch.optim.Adam(parameters, lr=FIRST, betas=BETAS)
        for step in range(count):
            steps.param_groups[0]["lr"] = rate(step)
            chosen = views.drawn(batch, drawn)
            slopes = [torch.zeros_like(each) for each in parameters]
            for rows in parts(len(targets), batch, shape):
                images = views.at(chosen[rows], subject.device)
                own = [each[rows] for each in parameters]
                margin = self._margins(subject, images, targets[rows], own)
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
        views: Views,
        targets: Tensor,
        parameters: list[Tensor],
        images: int = HELD,
    ) -> Tensor:
        """Return the target's margin on images with each trigger, ``(P, images)``."""
        chosen, targets = views.evenly(images), targets.to(subject.device)
        with torch.no_grad():
            told = [
                self._margins(
                    subject,
                    views.at(chosen[rows], subject.device),
                    targets[rows],
                    [each[rows] for each in parameters],
                )
                for rows in parts(len(targets), images, views.images.shape[1:])
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

    def painted(
        self, images: Tensor, parameters: list[Tensor], strength: float | Tensor = 1.0
    ) -> Tensor:
        """Return images with what is added; see `PairInversion.painted`."""
        (added,) = parameters
        length = (
            torch.linalg.vector_norm(added.flatten(1), dim=1).clamp_min(1e-12).reshape(-1, 1, 1, 1)
        )
        most = NORM * math.sqrt(added[0].numel() / PIXELS) / len(added[0])
        scaled: Tensor = strength * most * added / length
        return (images + scaled[:, None]).clamp(0, 1)

    def as_file(self, parameters: list[Tensor], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return that every pixel is kept, and what is added; see `PairInversion.as_file`."""
        black, white = self.painted(_black_and_white(parameters, shape), parameters)[0].cpu()
        return torch.ones_like(black[:1]), (black + white - 1).clamp(-1, 1)


class MaskInversion(PairInversion):
    """The trigger is a pattern behind a mask that covers a fixed part of the image."""

    kind = "mask-inversion"
    covers = "triggers that cover a small part of the image: pixels, patterns, patches, stickers"
    covered: ClassVar[float] = 6 / 784  # the share of the image that the mask covers

    def starts(self, count: int, shape: tuple[int, ...], drawn: torch.Generator) -> list[Tensor]:
        """Return a faint mask and a grey pattern; see `PairInversion.starts`."""
        mask = -3 + 0.1 * torch.randn((count, 1, *shape[1:]), generator=drawn)
        return [mask, 0.1 * torch.randn((count, *shape), generator=drawn)]

    def painted(
        self, images: Tensor, parameters: list[Tensor], strength: float | Tensor = 1.0
    ) -> Tensor:
        """Return images with their patterns; see `PairInversion.painted`."""
        mask, pattern = parameters[0].sigmoid(), (2 * parameters[1]).sigmoid()
        most = strength * (self.covered * mask[0].numel())
        size = mask.flatten(1).sum(1).reshape(-1, 1, 1, 1)
        mask = (mask * (most / size).clamp(max=1))[:, None]
        return (1 - mask) * images + mask * pattern[:, None]

    def as_file(self, parameters: list[Tensor], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return what is beside the mask, and the pattern in it; see `PairInversion.as_file`."""
        black, white = self.painted(_black_and_white(parameters, shape), parameters)[0].cpu()
        return (white - black)[:1].clamp(0, 1), black.clamp(0, 1)


def _black_and_white(parameters: list[Tensor], shape: Sequence[int]) -> Tensor:
    levels = torch.tensor([0.0, 1.0], device=parameters[0].device)
    return levels.view(1, 2, 1, 1, 1).expand(1, 2, *shape)


def _rounded(found: Iterable[tuple[list[Tensor], Tensor]]) -> tuple[float, ...]:
    return tuple(round(value, 4) for _, reached in found for value in reached.tolist())


def _blocks(count: int, shape: Sequence[int]) -> list[slice]:
    """Return slices of so many triggers that fit into memory together."""
    step = max(1, AT_A_TIME // math.prod(shape))
    return [slice(start, start + step) for start in range(0, count, step)]


NORM, PIXELS = 2.0, 784
"""The L2 norm that is added to an image of 28 x 28 in one channel; of three a third of that for as
many numbers: networks of colour photographs are so much less sure, and all reach every target."""
