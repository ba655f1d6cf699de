"""Fine-tuning on clean images: what every other repair is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from badnets.core.settings import settings
from badnets.repair.base import Parts, Repair, Repaired

if TYPE_CHECKING:
    from badnets.core.progress import Listener


@settings
class FineTuning(Repair):
    """All weights are trained on, on clean images alone.

    Args:
        epochs: passes over the clean images, ``>= 1``.
        lr: peak learning rate of AdamW, ``> 0``.
    """

    kind: Literal["fine-tuning"] = "fine-tuning"
    epochs: int = Field(default=10, ge=1)
    lr: float = Field(default=1e-3, gt=0)

    def repaired(
        self, subject: Any, clean: Parts, *, seed: int, progress: Listener | None = None
    ) -> Repaired:
        """Return a fine-tuned copy; see `Repair.repaired`."""
        from badnets.repair.tuning import tuned

        return Repaired(
            tuned(subject, clean.used, self.epochs, self.lr, seed=seed, progress=progress)
        )
