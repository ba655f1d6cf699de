"""A term of the loss: images keep their label whatever recovered trigger is on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from badnets.audit.shared_triggers import SharedTriggers
from badnets.core.seeds import generator
from badnets.models.inputs import normalise
from badnets.train.loss_terms import LossTerm

WEAKEST, STRONGEST = 0.4, 1.6  # of the size that a trigger was sought at
SURE = 2.0  # how many times likelier a trigger is drawn for each unit of margin that it reaches


class Ignoring(LossTerm):
    """The cross-entropy of images with triggers at random strengths.

    Each image gets one of those that were recovered for images of its class, the likelier the
    further it reaches; none where there is none.

    Args:
        triggers: what is to be ignored.
        subject: whose images they are put on.
        share: of a batch's images that get one, in (0, 1].
        seed: everything random follows from it.
    """

    def __init__(
        self, triggers: Sequence[SharedTriggers], subject: Any, share: float, *, seed: int
    ) -> None:
        self.triggers, self.spec, self.share = list(triggers), subject.input, share
        self.drawn = generator(seed, "ignoring")
        self.device = subject.device
        sources = torch.cat([one.sources for one in triggers])
        targets = torch.cat([one.targets for one in triggers])
        reached = torch.cat([one.reached for one in triggers])
        labels = torch.arange(subject.num_classes)[:, None]
        fits = ((sources == labels) | (sources < 0)) & (targets != labels)
        chances = (reached / reached.std().clamp_min(1.0)).clamp(max=4).exp() * fits
        self.chances = chances  # (K, all triggers)
        self.firsts = torch.tensor([0, *(len(one.targets) for one in triggers)]).cumsum(0)

    def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of those images that get a trigger."""
        chances = self.chances[labels.cpu()]
        wanted = torch.rand(len(labels), generator=self.drawn) < self.share
        rows = (wanted & (chances.sum(1) > 0)).nonzero()[:, 0]
        if not len(rows):
            return torch.zeros((), device=images.device)
        picks = torch.multinomial(chances[rows], 1, generator=self.drawn)[:, 0]
        strength = torch.empty(len(rows)).uniform_(WEAKEST, STRONGEST, generator=self.drawn)
        painted, own = [], []
        for number, one in enumerate(self.triggers):
            mine = (picks >= self.firsts[number]) & (picks < self.firsts[number + 1])
            if not mine.any():
                continue
            which = (picks[mine] - self.firsts[number]).to(images.device)
            size = strength[mine].to(images.device).view(-1, 1, 1, 1)
            given = images[rows[mine].to(images.device)][:, None]
            parameters = [each.to(images.device)[which] for each in one.parameters]
            painted.append(one.family.painted(given, parameters, size)[:, 0])
            own.append(labels[rows[mine].to(labels.device)])
        found = logits(normalise(torch.cat(painted), self.spec)).float()
        return functional.cross_entropy(found, torch.cat(own))
