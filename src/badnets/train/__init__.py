"""Fit classifiers and detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.core.progress import Listener as Listener
    from badnets.core.progress import Progress as Progress
    from badnets.train.classification import TrainingRows as TrainingRows
    from badnets.train.classification import fit as fit
    from badnets.train.cohort import Member as Member
    from badnets.train.cohort import fit_cohort as fit_cohort
    from badnets.train.detection import fit_detector as fit_detector
    from badnets.train.detector_settings import DetectorTraining as DetectorTraining
    from badnets.train.epoch import Epoch as Epoch
    from badnets.train.loop import Fitted as Fitted
    from badnets.train.settings import Training as Training

__getattr__, __dir__, __all__ = exports(__name__)
