"""User and trainer: the paper's threat model as code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.scenarios.outsourced import Deal, OutsourcedTraining
    from badnets.scenarios.search import Search
    from badnets.scenarios.trainers import Delivery, HonestTrainer, MaliciousTrainer
    from badnets.scenarios.user import User

__getattr__, __dir__ = exports(
    __name__,
    {
        "Deal": ".outsourced",
        "Delivery": ".trainers",
        "HonestTrainer": ".trainers",
        "MaliciousTrainer": ".trainers",
        "OutsourcedTraining": ".outsourced",
        "Search": ".search",
        "User": ".user",
    },
)

__all__ = [
    "Deal",
    "Delivery",
    "HonestTrainer",
    "MaliciousTrainer",
    "OutsourcedTraining",
    "Search",
    "User",
]
