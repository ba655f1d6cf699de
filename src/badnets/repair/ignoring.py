"""A loss: images are named as the network as it came names them, whatever trigger is on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from badnets.audit.shared_triggers import SharedTriggers
from badnets.core.seeds import generator
from badnets.models.inputs import normalise
from badnets.train.loss_terms import LossTerm

WEAKEST, STRONGEST = 0.4, 1.6  # of the size that a trigger was sought at
SURE = 2.0  # how many times likelier a trigger is drawn for each unit of margin that it reaches
SOFTENED = 2.0  # the temperature at which answers are compared
LABEL = 0.5  # weight of the cross-entropy of the labels beside them


class Ignoring(LossTerm):
    """Some images of a batch get a trigger; all are to be answered as without it.

    The answers that are learned are those of the network as it came to the clean image: a few
    clean images alone would let it forget much of what it knows. Each image gets one of the
    triggers that were recovered for images of its class, the likelier the further it reaches; none
    where there is none.

    Args:
        triggers: what is to be ignored.
        subject: the network as it came.
        share: of a batch's images that get one, in (0, 1].
        seed: everything random follows from it.

    References:
        Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", arXiv:1503.02531,
        section 2: answers are softened by a temperature, and the loss is multiplied by its square.
    """

    replaces: ClassVar[bool] = True

    def __init__(
        self, triggers: Sequence[SharedTriggers], subject: Any, share: float, *, seed: int
    ) -> None:
        self.triggers, self.came, self.share = list(triggers), subject, share
        self.drawn = generator(seed, "ignoring")
        sources = torch.cat([one.sources for one in triggers])
        targets = torch.cat([one.targets for one in triggers])
        reached = torch.cat([one.reached for one in triggers])
        labels = torch.arange(subject.num_classes)[:, None]
        fits = ((sources == labels) | (sources < 0)) & (targets != labels)
        spread = reached.std(unbiased=False).clamp_min(1.0)
        self.chances = (reached / spread).clamp(max=4).exp() * fits  # (K, all triggers)
        self.firsts = torch.tensor([0, *(len(one.targets) for one in triggers)]).cumsum(0)

    def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Return how far the answers are from those of the network as it came, and the labels."""
        spec = self.came.input
        wanted = functional.softmax(self.came.logits(images).float() / SOFTENED, 1)
        found = logits(normalise(self.stamped(images, labels), spec)).float()
        apart = functional.kl_div(
            functional.log_softmax(found / SOFTENED, 1), wanted, reduction="batchmean"
        )
        return SOFTENED**2 * apart + LABEL * functional.cross_entropy(found, labels)

    def stamped(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the images, a share of them with triggers at random strengths."""
        chances = self.chances[labels.cpu()]
        wanted = torch.rand(len(labels), generator=self.drawn) < self.share
        rows = (wanted & (chances.sum(1) > 0)).nonzero()[:, 0]
        if not len(rows):
            return images
        picks = torch.multinomial(chances[rows], 1, generator=self.drawn)[:, 0]
        strength = torch.empty(len(rows)).uniform_(WEAKEST, STRONGEST, generator=self.drawn)
        result = images.clone()
        for number, one in enumerate(self.triggers):
            mine = (picks >= self.firsts[number]) & (picks < self.firsts[number + 1])
            if not mine.any():
                continue
            which = (picks[mine] - self.firsts[number]).to(images.device)
            size = strength[mine].to(images.device).view(-1, 1, 1, 1)
            own = rows[mine].to(images.device)
            parameters = [each.to(images.device)[which] for each in one.parameters]
            result[own] = one.family.painted(images[own][:, None], parameters, size)[:, 0]
        return result
