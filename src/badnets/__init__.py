"""Reproduce, measure, find, repair and prevent backdoors in neural networks.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets: Identifying Vulnerabilities in the Machine Learning Model
    Supply Chain", arXiv:1708.06733, 2017; with Liu, IEEE Access 7, 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets import audit as audit
    from badnets import bundles as bundles
    from badnets import data as data
    from badnets import evaluate as evaluate
    from badnets import explain as explain
    from badnets import hub as hub
    from badnets import models as models
    from badnets import repair as repair
    from badnets import train as train
    from badnets._version import __version__ as __version__
    from badnets.core import triggers as triggers
    from badnets.core.backdoor import Backdoor as Backdoor
    from badnets.core.errors import BadnetsError as BadnetsError
    from badnets.core.poisoning import poison as poison
    from badnets.core.rates import Rate as Rate
    from badnets.core.targets import AllBecomeOne as AllBecomeOne
    from badnets.core.targets import AllToAll as AllToAll
    from badnets.core.targets import AllToOne as AllToOne
    from badnets.core.targets import Appear as Appear
    from badnets.core.targets import CleanLabel as CleanLabel
    from badnets.core.targets import RandomWrong as RandomWrong
    from badnets.core.targets import SourceSpecific as SourceSpecific
    from badnets.core.targets import Vanish as Vanish
    from badnets.models.io import load_detector as load_detector
    from badnets.models.io import load_subject as load_subject
    from badnets.models.io import save_detector as save_detector
    from badnets.models.io import save_subject as save_subject
    from badnets.scenarios import HonestTrainer as HonestTrainer
    from badnets.scenarios import MaliciousTrainer as MaliciousTrainer
    from badnets.scenarios import OutsourcedTraining as OutsourcedTraining
    from badnets.scenarios import RepairedDownload as RepairedDownload
    from badnets.scenarios import TransferLearning as TransferLearning
    from badnets.scenarios import User as User
    from badnets.scenarios.search import Search as Search
    from badnets.train.detector_settings import DetectorTraining as DetectorTraining
    from badnets.train.settings import Training as Training
    from badnets.trials.trial import OutsourcedTrial as OutsourcedTrial
    from badnets.trials.trial import RepairedTrial as RepairedTrial
    from badnets.trials.trial import TransferTrial as TransferTrial
    from badnets.trials.trial import Trial as Trial

__getattr__, __dir__, __all__ = exports(__name__)
