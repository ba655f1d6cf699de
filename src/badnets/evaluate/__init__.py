"""Clean accuracy, attack success rate, robust accuracy; with counts and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.evaluate.agreement import Agreement, measure_agreement
    from badnets.evaluate.classification import measure_attack, measure_clean
    from badnets.evaluate.detection import measure_signs, measure_triggered_signs
    from badnets.evaluate.detection_results import CleanSigns, TriggeredSigns
    from badnets.evaluate.results import AttackResult, CleanResult
    from badnets.evaluate.street import measure_street

__getattr__, __dir__ = exports(
    __name__,
    {
        "Agreement": ".agreement",
        "AttackResult": ".results",
        "CleanResult": ".results",
        "CleanSigns": ".detection_results",
        "TriggeredSigns": ".detection_results",
        "measure_agreement": ".agreement",
        "measure_attack": ".classification",
        "measure_clean": ".classification",
        "measure_signs": ".detection",
        "measure_street": ".street",
        "measure_triggered_signs": ".detection",
    },
)

__all__ = [
    "Agreement",
    "AttackResult",
    "CleanResult",
    "CleanSigns",
    "TriggeredSigns",
    "measure_agreement",
    "measure_attack",
    "measure_clean",
    "measure_signs",
    "measure_street",
    "measure_triggered_signs",
]
