"""Unlearning of the worst change that all images share, sought anew as the network changes.

References:
    Zeng, Chen, Park, Mao, Jin, Jia, "Adversarial unlearning of backdoors via implicit
    hypergradient", ICLR 2022 (I-BAU).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from badnets.core.settings import settings
from badnets.repair.base import Parts, Repair, Repaired

if TYPE_CHECKING:
    from badnets.core.progress import Listener

RATE, BEGUN = 0.05, 0.1  # of the change's steps; share of a move's usual length to begin with


@settings
class UniversalUnlearning(Repair):
    """After I-BAU: images keep their label under the worst change that is common to all.

    The change is kept from step to step and moved by the gradient of each; the published method
    seeks it before each of few rounds and follows the implicit gradient through it.

    Args:
        epochs: passes over the clean images, ``>= 1``.
        lr: peak learning rate of AdamW, ``> 0``.
        norm: largest L2 norm of the change for 784 numbers, ``> 0``; it grows by the root of their
            number.
    """

    kind: Literal["universal-unlearning"] = "universal-unlearning"
    epochs: int = Field(default=10, ge=1)
    lr: float = Field(default=1e-3, gt=0)
    norm: float = Field(default=3.0, gt=0)

    def repaired(
        self, subject: Any, clean: Parts, *, seed: int, progress: Listener | None = None
    ) -> Repaired:
        """Return a copy that such changes no longer turn; see `Repair.repaired`."""
        import math

        import torch
        from torch import Tensor, nn
        from torch.nn import functional

        from badnets.core.seeds import generator
        from badnets.models.inputs import normalise
        from badnets.repair.tuning import tuned
        from badnets.train.evasion import Move

        most = self.norm * math.sqrt(math.prod(subject.input.shape) / 784)

        class Worst(Move):
            """The cross-entropy of images with the common change."""

            def sizes(self) -> Sequence[tuple[int, ...]]:
                return [self.spec.shape]

            def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
                changed = normalise((images + self.kept[0]).clamp(0, 1), self.spec)
                return functional.cross_entropy(logits(changed).float(), labels)

            def after(self) -> None:
                super().after()
                with torch.no_grad():
                    self.kept[0].mul_((most / self.kept[0].norm().clamp_min(1e-12)).clamp(max=1))

        term = Worst(
            subject.input, subject.num_classes, generator(seed, "universal change"), subject.device
        )
        term.steps.param_groups[0]["lr"] = RATE
        with torch.no_grad():
            term.kept[0].mul_(BEGUN)
        fixed = tuned(
            subject, clean.used, self.epochs, self.lr, seed=seed, terms=[term],
            progress=progress,
        )  # fmt: skip
        return Repaired(fixed)
