"""Pruning of units that clean images hardly use, then fine-tuning.

References:
    Liu, Dolan-Gavitt, Garg, "Fine-Pruning: defending against backdooring attacks on deep neural
    networks", RAID 2018.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from badnets.core.settings import settings
from badnets.repair.base import Parts, Repair, Repaired

if TYPE_CHECKING:
    from badnets.core.progress import Listener


@settings
class FinePruning(Repair):
    """Units of the last convolution are pruned from the least active on, while accuracy holds.

    Args:
        allowed: by how much accuracy on the held clean images may fall while pruning, in [0, 1].
        epochs: of the fine-tuning after it, ``>= 1``.
        lr: its peak learning rate, ``> 0``.
    """

    kind: Literal["fine-pruning"] = "fine-pruning"
    needs = frozenset({"logits", "gradients", "units"})
    allowed: float = Field(default=0.02, ge=0, le=1)
    epochs: int = Field(default=10, ge=1)
    lr: float = Field(default=1e-3, gt=0)

    def repaired(
        self, subject: Any, clean: Parts, *, seed: int, progress: Listener | None = None
    ) -> Repaired:
        """Return a pruned and fine-tuned copy; see `Repair.repaired`."""
        import torch

        from badnets.evaluate.classification import measure_clean
        from badnets.repair.pruning import last_convolution, most_that_hold, prune
        from badnets.repair.tuning import tuned

        layer, activity = last_convolution(subject), 0
        for outputs in subject.layer_outputs(clean.used.images, (layer,)):
            activity = activity + outputs[layer].flatten(2).mean(2).sum(0).cpu()
        order = torch.as_tensor(activity).argsort().tolist()
        least = measure_clean(subject, clean.held).accuracy.value - self.allowed

        def holds(count: int) -> bool:
            with subject.silenced(layer, order[:count]):
                return measure_clean(subject, clean.held).accuracy.value >= least

        few = most_that_hold(len(order) - 1, holds)
        pruned = prune(subject, layer, order[:few])
        return Repaired(
            tuned(pruned, clean.used, self.epochs, self.lr, seed=seed, progress=progress)
        )
