"""User and trainer: the paper's threat model as code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.scenarios.outsourced import Deal as Deal
    from badnets.scenarios.outsourced import OutsourcedTraining as OutsourcedTraining
    from badnets.scenarios.repaired import RepairedDownload as RepairedDownload
    from badnets.scenarios.search import Search as Search
    from badnets.scenarios.search import SearchStep as SearchStep
    from badnets.scenarios.trainers import Delivery as Delivery
    from badnets.scenarios.trainers import HonestTrainer as HonestTrainer
    from badnets.scenarios.trainers import MaliciousTrainer as MaliciousTrainer
    from badnets.scenarios.trainers import Trainer as Trainer
    from badnets.scenarios.transfer import Strengthening as Strengthening
    from badnets.scenarios.transfer import TransferLearning as TransferLearning
    from badnets.scenarios.user import User as User

__getattr__, __dir__, __all__ = exports(__name__)
