"""Fit a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.core.progress import Listener, Progress
    from badnets.train.detection import FittedDetector, fit_detector
    from badnets.train.detector_settings import DetectorTraining
    from badnets.train.loop import Fitted, TrainingRows, fit
    from badnets.train.settings import Training

__getattr__, __dir__ = exports(
    __name__,
    {
        "DetectorTraining": ".detector_settings",
        "Fitted": ".loop",
        "FittedDetector": ".detection",
        "Listener": "badnets.core.progress",
        "Progress": "badnets.core.progress",
        "Training": ".settings",
        "TrainingRows": ".loop",
        "fit": ".loop",
        "fit_detector": ".detection",
    },
)

__all__ = [
    "DetectorTraining",
    "Fitted",
    "FittedDetector",
    "Listener",
    "Progress",
    "Training",
    "TrainingRows",
    "fit",
    "fit_detector",
]
