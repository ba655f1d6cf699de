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
    from badnets.scenarios.retraining import ClassifierTransfer, Retrain
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
        "ClassifierTransfer": ".retraining",
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
        "Retrain": ".retraining",
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
    "ClassifierTransfer",
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
    "Retrain",
    "Retraining",
    "Search",
    "Strengthening",
    "Transfer",
    "TransferDeal",
    "TransferLearning",
    "User",
]
