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
    from badnets import data, evaluate, models, train
    from badnets.core import triggers
    from badnets.core.backdoor import Backdoor
    from badnets.core.errors import BadnetsError
    from badnets.core.poisoning import poison
    from badnets.core.rates import Rate
    from badnets.core.targets import AllToAll, AllToOne, CleanLabel, RandomWrong, SourceSpecific
    from badnets.models.io import load_subject, save_subject
    from badnets.scenarios import HonestTrainer, MaliciousTrainer, OutsourcedTraining, User
    from badnets.scenarios.search import Search
    from badnets.train.settings import Training
    from badnets.trials.trial import Trial

__getattr__, __dir__ = exports(
    __name__,
    {
        "AllToAll": ".core.targets",
        "AllToOne": ".core.targets",
        "Backdoor": ".core.backdoor",
        "BadnetsError": ".core.errors",
        "CleanLabel": ".core.targets",
        "HonestTrainer": ".scenarios",
        "MaliciousTrainer": ".scenarios",
        "OutsourcedTraining": ".scenarios",
        "RandomWrong": ".core.targets",
        "Rate": ".core.rates",
        "Search": ".scenarios.search",
        "SourceSpecific": ".core.targets",
        "Training": ".train.settings",
        "Trial": ".trials.trial",
        "User": ".scenarios",
        "__version__": "._version",
        "data": ".data",
        "evaluate": ".evaluate",
        "load_subject": ".models.io",
        "models": ".models",
        "poison": ".core.poisoning",
        "save_subject": ".models.io",
        "train": ".train",
        "triggers": ".core.triggers",
    },
)

__all__ = [
    "AllToAll",
    "AllToOne",
    "Backdoor",
    "BadnetsError",
    "CleanLabel",
    "HonestTrainer",
    "MaliciousTrainer",
    "OutsourcedTraining",
    "RandomWrong",
    "Rate",
    "Search",
    "SourceSpecific",
    "Training",
    "Trial",
    "User",
    "__version__",
    "data",
    "evaluate",
    "load_subject",
    "models",
    "poison",
    "save_subject",
    "train",
    "triggers",
]
