"""Fit a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.train.loop import Fitted, TrainingRows, fit
    from badnets.train.progress import Listener, Progress
    from badnets.train.settings import Training

__getattr__, __dir__ = exports(
    __name__,
    {
        "Fitted": ".loop",
        "Listener": ".progress",
        "Progress": ".progress",
        "Training": ".settings",
        "TrainingRows": ".loop",
        "fit": ".loop",
    },
)

__all__ = ["Fitted", "Listener", "Progress", "Training", "TrainingRows", "fit"]
