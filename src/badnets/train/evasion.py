"""A trainer who knows how models are audited, and trains against it: what an audit must withstand.

Each move adds a loss to that of a batch. What it is taken on is kept from step to step and moved by
the gradient that the step has anyway, so a move costs one more pass.

References:
    Shafahi et al., "Universal adversarial training", AAAI 2020; Shafahi et al., "Adversarial
    training for free", NeurIPS 2019.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from badnets.bundles import InputSpec
from badnets.core.seeds import generator
from badnets.models.inputs import normalise
from badnets.models.network_subject import margins
from badnets.train.loss_terms import LossTerm
from badnets.train.settings import Evasion

RATE = 0.1  # of the steps of what a move is taken on
NORM, COVERED = 2.0, 6 / 784  # what is withstood: L2 norm for 784 numbers, share of the image
SEARCHED = 2  # images that are driven to each class
FRESH = 60  # steps after which they begin anew


class Move(LossTerm):
    """One way to train against an audit.

    Args:
        spec: shape and normalisation of images.
        num_classes: K.
        drawn: where random numbers come from.
        device: where to compute.
    """

    def __init__(
        self, spec: InputSpec, num_classes: int, drawn: torch.Generator, device: torch.device
    ) -> None:
        self.spec, self.num_classes, self.drawn, self.device = spec, num_classes, drawn, device
        self.kept = [
            torch.randn(size, generator=drawn).mul_(0.1).to(device).requires_grad_()
            for size in self.sizes()
        ]
        self.steps = torch.optim.Adam(self.kept, lr=RATE)

    @abstractmethod
    def sizes(self) -> Sequence[tuple[int, ...]]:
        """Return the shapes of what the move is taken on, by class."""

    def after(self) -> None:
        """Move what the loss was taken on so that it grows."""
        for one in self.kept:
            if one.grad is not None:
                one.grad.neg_()
        self.steps.step()
        self.steps.zero_grad(set_to_none=True)

    def _others(self, labels: Tensor) -> Tensor:
        """Return for each image a class that is not its own."""
        steps = torch.randint(1, self.num_classes, labels.shape, generator=self.drawn)
        return (labels + steps.to(labels.device)) % self.num_classes


class _Universal(Move):
    """Images keep their label under the worst trigger of a size for each class."""

    def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of triggered images with their own labels."""
        triggered = self.painted(images, [one[self._others(labels)] for one in self.kept])
        return functional.cross_entropy(logits(normalise(triggered, self.spec)).float(), labels)

    @abstractmethod
    def painted(self, images: Tensor, kept: list[Tensor]) -> Tensor:
        """Return images, each with a trigger of its own."""


class Additive(_Universal):
    """Triggers that are added, of a fixed L2 norm."""

    def sizes(self) -> Sequence[tuple[int, ...]]:
        """Return one picture for each class."""
        return [(self.num_classes, *self.spec.shape)]

    def painted(self, images: Tensor, kept: list[Tensor]) -> Tensor:
        """Return images with what is added; see `_Universal.painted`."""
        (added,) = kept
        length = added.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
        most = NORM * math.sqrt(added[0].numel() / 784)
        triggered: Tensor = images + most * added / length
        return triggered.clamp(0, 1)


class Masked(_Universal):
    """Patterns behind masks that cover a fixed share."""

    def sizes(self) -> Sequence[tuple[int, ...]]:
        """Return a mask and a pattern for each class."""
        _, height, width = self.spec.shape
        return [(self.num_classes, 1, height, width), (self.num_classes, *self.spec.shape)]

    def painted(self, images: Tensor, kept: list[Tensor]) -> Tensor:
        """Return images with their patterns; see `_Universal.painted`."""
        mask, pattern = (kept[0] - 3).sigmoid(), (2 * kept[1]).sigmoid()
        size = mask.flatten(1).sum(1).view(-1, 1, 1, 1)
        mask = mask * (COVERED * mask[0].numel() / size).clamp(max=1)
        return (1 - mask) * images + mask * pattern


class Margin(Move):
    """No image, however it is driven to a class, gets a larger margin than clean images have."""

    def __init__(
        self, spec: InputSpec, num_classes: int, drawn: torch.Generator, device: torch.device
    ) -> None:
        super().__init__(spec, num_classes, drawn, device)
        self.targets = torch.arange(num_classes, device=device).repeat_interleave(SEARCHED)
        self.left = FRESH

    def sizes(self) -> Sequence[tuple[int, ...]]:
        """Return some images for each class."""
        return [(self.num_classes * SEARCHED, *self.spec.shape)]

    def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Return by how much the margins of driven images exceed the batch's largest."""
        (driven,) = self.kept
        found = logits(normalise(driven.sigmoid(), self.spec)).float()
        clean = logits(normalise(images, self.spec)).float()
        most = margins(clean, labels).detach().quantile(0.9).clamp_min(1.0)
        return (
            functional.relu(margins(found, self.targets) - most).mean()
            + 1e-3 * margins(found, self.targets).mean()
        )

    def after(self) -> None:
        """Drive the images on; begin anew with others after some steps."""
        super().after()
        self.left -= 1
        if not self.left:
            self.left = FRESH
            with torch.no_grad():
                self.kept[0].copy_(torch.randn(self.kept[0].shape, generator=self.drawn))


MOVES: dict[Evasion, type[Move]] = {"additive": Additive, "mask": Masked, "margin": Margin}


def moves(
    names: Sequence[Evasion],
    spec: InputSpec,
    num_classes: int,
    *,
    seed: int,
    device: torch.device,
) -> list[Move]:
    """Return the moves of a training that evades audits."""
    return [
        MOVES[name](spec, num_classes, generator(seed, f"evasion {name}"), device) for name in names
    ]
