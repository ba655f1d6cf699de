"""A record as one row of a table that people and spreadsheets read: numbers, no nesting."""

from __future__ import annotations

from typing import TypeAlias

from badnets.ledger.schema import row
from badnets.scenarios.retraining import Freeze
from badnets.trials.record import Record

Value: TypeAlias = str | int | float | None

COLUMNS: dict[str, type[str] | type[int] | type[float]] = {
    "name": str,
    "title": str,
    "created": str,
    "data": str,
    "network": str,
    "seed": int,
    "trigger": str,
    "targets": str,
    "source_class": int,
    "target_label": int,
    "how": str,
    "poisoning_rate": float,
    "evaluate_on": str,
    "freeze": str,
    "share": float,
    "epochs": int,
    "batch_size": int,
    "lr": float,
    "outcome": str,
    "clean_accuracy": float,
    "clean_hits": int,
    "clean_total": int,
    "attack_success_rate": float,
    "success_hits": int,
    "success_total": int,
    "robust_accuracy": float,
    "control_rate": float,
    "control_hits": int,
    "control_total": int,
    "triggered_accuracy": float,
    "control_triggered_accuracy": float,
    "poisoned_hits": int,
    "poisoned_total": int,
    "train_s": float,
    "total_s": float,
}
"""Column -> type of its values; any may be empty. Rates and shares are in [0, 1]."""


def flat(record: Record) -> dict[str, Value]:
    """Return one value for each of `COLUMNS`, None where the record has none."""
    trial, attack = record.trial, record.attack
    backdoor, retrain, left = trial.backdoor, trial.retrain, record.survival
    rates = {
        "clean_accuracy": record.clean.accuracy,
        "attack_success_rate": attack.success if attack else None,
        "robust_accuracy": attack.robust if attack else None,
        "control_rate": attack.control if attack else None,
        "triggered_accuracy": left.triggered if left else None,
        "control_triggered_accuracy": left.control_triggered if left else None,
    }
    values: dict[str, Value] = {
        **row(record),
        "title": trial.title,
        "source_class": getattr(backdoor.targets, "source_class", None) if backdoor else None,
        "target_label": getattr(backdoor.targets, "target_label", None) if backdoor else None,
        "how": backdoor.how if backdoor else None,
        "epochs": trial.training.epochs,
        "batch_size": trial.training.batch_size,
        "lr": trial.training.lr,
        "freeze": _frozen(retrain.freeze) if retrain else None,
        "share": retrain.share if retrain else None,
        **{name: rate.value if rate and rate.total else None for name, rate in rates.items()},
    }
    return {name: values[name] for name in COLUMNS}


def _frozen(freeze: Freeze) -> str:
    return freeze if isinstance(freeze, str) else "+".join(freeze)
