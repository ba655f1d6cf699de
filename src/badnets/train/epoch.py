"""One pass of training, as it is recorded."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Epoch(BaseModel):
    """One pass of training.

    Attributes:
        loss: mean training loss over the epoch's steps (poisoned images included).
        seconds: wall time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: float
    seconds: float
