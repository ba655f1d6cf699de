"""User and trainer: the paper's threat model as code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.scenarios.detection import (
        DetectorDeal,
        DetectorUser,
        HonestDetectorTrainer,
        MaliciousDetectorTrainer,
        OutsourcedDetection,
    )
    from badnets.scenarios.detection_settings import Detection
    from badnets.scenarios.outsourced import Deal, OutsourcedTraining
    from badnets.scenarios.search import Search
    from badnets.scenarios.trainers import Delivery, HonestTrainer, MaliciousTrainer
    from badnets.scenarios.transfer import (
        Retraining,
        Strengthening,
        Transfer,
        TransferDeal,
        TransferLearning,
    )
    from badnets.scenarios.user import User

__getattr__, __dir__ = exports(
    __name__,
    {
        "Deal": ".outsourced",
        "Delivery": ".trainers",
        "Detection": ".detection_settings",
        "DetectorDeal": ".detection",
        "DetectorUser": ".detection",
        "HonestDetectorTrainer": ".detection",
        "HonestTrainer": ".trainers",
        "MaliciousDetectorTrainer": ".detection",
        "MaliciousTrainer": ".trainers",
        "OutsourcedDetection": ".detection",
        "OutsourcedTraining": ".outsourced",
        "Retraining": ".transfer",
        "Search": ".search",
        "Strengthening": ".transfer",
        "Transfer": ".transfer",
        "TransferDeal": ".transfer",
        "TransferLearning": ".transfer",
        "User": ".user",
    },
)

__all__ = [
    "Deal",
    "Delivery",
    "Detection",
    "DetectorDeal",
    "DetectorUser",
    "HonestDetectorTrainer",
    "HonestTrainer",
    "MaliciousDetectorTrainer",
    "MaliciousTrainer",
    "OutsourcedDetection",
    "OutsourcedTraining",
    "Retraining",
    "Search",
    "Strengthening",
    "Transfer",
    "TransferDeal",
    "TransferLearning",
    "User",
]
