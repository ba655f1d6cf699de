"""Clean accuracy, attack success rate, robust accuracy; with counts and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.evaluate.agreement import measure_agreement as measure_agreement
    from badnets.evaluate.classification import measure_attack as measure_attack
    from badnets.evaluate.classification import measure_clean as measure_clean
    from badnets.evaluate.classification import measure_survival as measure_survival
    from badnets.evaluate.detection import measure_objects as measure_objects
    from badnets.evaluate.detection import measure_triggered_objects as measure_triggered_objects
    from badnets.evaluate.object_results import ObjectResults as ObjectResults
    from badnets.evaluate.object_results import TriggeredObjectResults as TriggeredObjectResults
    from badnets.evaluate.results import Agreement as Agreement
    from badnets.evaluate.results import AttackResult as AttackResult
    from badnets.evaluate.results import CleanResult as CleanResult
    from badnets.evaluate.results import StreetPoint as StreetPoint
    from badnets.evaluate.results import Survival as Survival
    from badnets.evaluate.street import measure_street as measure_street

__getattr__, __dir__, __all__ = exports(__name__)
