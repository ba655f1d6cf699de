"""Reproduce, measure, find, repair and prevent backdoors in neural networks.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets: Identifying Vulnerabilities in the Machine Learning Model
    Supply Chain", arXiv:1708.06733, 2017; with Liu, IEEE Access 7, 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports
from badnets._version import __version__

if TYPE_CHECKING:
    from badnets import data, evaluate, explain, models, train
    from badnets.core import triggers
    from badnets.core.backdoor import Backdoor
    from badnets.core.errors import BadnetsError
    from badnets.core.poisoning import poison
    from badnets.core.rates import Rate
    from badnets.core.targets import (
        AllBecomeOne,
        AllToAll,
        AllToOne,
        Appear,
        CleanLabel,
        RandomWrong,
        SourceSpecific,
        Vanish,
    )
    from badnets.models.io import load_detector, load_subject, save_detector, save_subject
    from badnets.scenarios import (
        DetectorUser,
        HonestDetectorTrainer,
        HonestTrainer,
        MaliciousDetectorTrainer,
        MaliciousTrainer,
        OutsourcedDetection,
        OutsourcedTraining,
        TransferLearning,
        User,
    )
    from badnets.scenarios.search import Search
    from badnets.train.detector_settings import DetectorTraining
    from badnets.train.settings import Training
    from badnets.trials.trial import Trial

__getattr__, __dir__ = exports(
    __name__,
    {
        "AllBecomeOne": ".core.targets",
        "AllToAll": ".core.targets",
        "AllToOne": ".core.targets",
        "Appear": ".core.targets",
        "Backdoor": ".core.backdoor",
        "BadnetsError": ".core.errors",
        "CleanLabel": ".core.targets",
        "DetectorTraining": ".train.detector_settings",
        "DetectorUser": ".scenarios",
        "HonestDetectorTrainer": ".scenarios",
        "HonestTrainer": ".scenarios",
        "MaliciousDetectorTrainer": ".scenarios",
        "MaliciousTrainer": ".scenarios",
        "OutsourcedDetection": ".scenarios",
        "OutsourcedTraining": ".scenarios",
        "RandomWrong": ".core.targets",
        "Rate": ".core.rates",
        "Search": ".scenarios.search",
        "SourceSpecific": ".core.targets",
        "Training": ".train.settings",
        "TransferLearning": ".scenarios",
        "Trial": ".trials.trial",
        "User": ".scenarios",
        "Vanish": ".core.targets",
        "__version__": "._version",
        "data": ".data",
        "evaluate": ".evaluate",
        "explain": ".explain",
        "load_detector": ".models.io",
        "load_subject": ".models.io",
        "models": ".models",
        "poison": ".core.poisoning",
        "save_detector": ".models.io",
        "save_subject": ".models.io",
        "train": ".train",
        "triggers": ".core.triggers",
    },
)

__all__ = [
    "AllBecomeOne",
    "AllToAll",
    "AllToOne",
    "Appear",
    "Backdoor",
    "BadnetsError",
    "CleanLabel",
    "DetectorTraining",
    "DetectorUser",
    "HonestDetectorTrainer",
    "HonestTrainer",
    "MaliciousDetectorTrainer",
    "MaliciousTrainer",
    "OutsourcedDetection",
    "OutsourcedTraining",
    "RandomWrong",
    "Rate",
    "Search",
    "SourceSpecific",
    "Training",
    "TransferLearning",
    "Trial",
    "User",
    "Vanish",
    "__version__",
    "data",
    "evaluate",
    "explain",
    "load_detector",
    "load_subject",
    "models",
    "poison",
    "save_detector",
    "save_subject",
    "train",
    "triggers",
]
