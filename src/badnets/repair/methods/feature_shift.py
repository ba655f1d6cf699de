"""Fine-tuning that begins with a new last layer, and keeps it away from the old one.

References:
    Min, Qin, Shen, Cheng, "Towards stable backdoor purification through feature shift tuning",
    NeurIPS 2023 (FST).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from badnets.core.settings import settings
from badnets.repair.base import Parts, Repair, Repaired

if TYPE_CHECKING:
    from badnets.core.progress import Listener


@settings
class FeatureShift(Repair):
    """FST: the last layer begins at random, keeps the old one's norm, and is pushed away from it.

    What lies before it has to shift, and the features of the trigger no longer serve.

    Args:
        epochs: passes over the clean images, ``>= 1``.
        lr: peak learning rate of AdamW, ``> 0``.
        push: weight of the product of new and old last layer in the loss, ``>= 0``; the paper
            takes 0.1 for CIFAR-10 (ResNet-18) and 0.001 for GTSRB and Tiny-ImageNet.
    """

    kind: Literal["feature-shift"] = "feature-shift"
    needs = frozenset({"logits", "gradients", "features"})
    epochs: int = Field(default=10, ge=1)
    lr: float = Field(default=1e-3, gt=0)
    push: float = Field(default=0.1, ge=0)

    def repaired(
        self, subject: Any, clean: Parts, *, seed: int, progress: Listener | None = None
    ) -> Repaired:
        """Return a fine-tuned copy; see `Repair.repaired`."""
        import torch
        from torch import Tensor, nn

        from badnets.core.seeds import generator
        from badnets.repair.tuning import tuned
        from badnets.train.loss_terms import LossTerm

        begun, push = subject.copy(), self.push
        name = next(k for k, module in begun.network.named_modules() if module is begun.head)
        old = begun.head.weight.detach().clone()
        most = old.norm()
        with torch.no_grad():
            drawn = torch.randn(old.shape, generator=generator(seed, "new last layer"))
            begun.head.weight.copy_(drawn * most.cpu() / drawn.norm())
            if begun.head.bias is not None:
                begun.head.bias.zero_()

        class Away(LossTerm):
            """The product of the new last layer and the old one."""

            weight: nn.Parameter | None = None

            def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
                self.weight = logits.get_submodule(name).weight  # type: ignore[assignment]
                product: Tensor = (self.weight * old).sum()
                return push * product

            def after(self) -> None:
                if self.weight is not None:
                    with torch.no_grad():
                        self.weight.mul_(most / self.weight.norm())

        fixed = tuned(
            begun, clean.used, self.epochs, self.lr, seed=seed, terms=[Away()], progress=progress
        )
        return Repaired(fixed)
