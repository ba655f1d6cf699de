"""Fine-tuning that looks for flat minima, where what clean images do not hold up is forgotten.

References:
    Zhu, Wei, Shen, Fan, Wu, "Enhancing fine-tuning based backdoor defense with sharpness-aware
    minimization", ICCV 2023 (FT-SAM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from badnets.core.settings import settings
from badnets.repair.base import Parts, Repair, Repaired

if TYPE_CHECKING:
    from badnets.core.progress import Listener


@settings
class SharpnessAware(Repair):
    """FT-SAM: each step follows the gradient at the worst weights nearby.

    Nearby is measured in shares of each weight, so large weights, which backdoors rest on, move
    most.

    Args:
        epochs: passes over the clean images, ``>= 1``.
        lr: peak learning rate of AdamW, ``> 0``.
        radius: how far the worst weights may lie, ``> 0``; the paper takes 2 on CIFAR-10.
    """

    kind: Literal["sharpness-aware"] = "sharpness-aware"
    epochs: int = Field(default=10, ge=1)
    lr: float = Field(default=1e-3, gt=0)
    radius: float = Field(default=2.0, gt=0)

    def repaired(
        self, subject: Any, clean: Parts, *, seed: int, progress: Listener | None = None
    ) -> Repaired:
        """Return a fine-tuned copy; see `Repair.repaired`."""
        import torch
        from torch import Tensor, nn
        from torch.nn import functional

        from badnets.models.inputs import normalise
        from badnets.repair.tuning import tuned
        from badnets.train.loss_terms import LossTerm

        radius, spec = self.radius, subject.input

        class Worst(LossTerm):
            """The cross-entropy at the worst weights nearby."""

            replaces: ClassVar[bool] = True

            def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
                weights = {k: v for k, v in logits.named_parameters() if v.requires_grad}
                given = normalise(images, spec)
                here = functional.cross_entropy(logits(given), labels)
                slopes = torch.autograd.grad(here, list(weights.values()))
                with torch.no_grad():
                    scaled = [v.abs() * g for v, g in zip(weights.values(), slopes, strict=True)]
                    length = torch.stack([one.square().sum() for one in scaled]).sum().sqrt()
                    steps = [
                        radius * v.abs() * one / length.clamp_min(1e-12)
                        for v, one in zip(weights.values(), scaled, strict=True)
                    ]
                moved = {k: v + step for (k, v), step in zip(weights.items(), steps, strict=True)}
                there: Tensor = torch.func.functional_call(logits, moved, (given,))
                return functional.cross_entropy(there, labels)

        fixed = tuned(
            subject, clean.used, self.epochs, self.lr, seed=seed, terms=[Worst()],
            progress=progress,
        )  # fmt: skip
        return Repaired(fixed)
