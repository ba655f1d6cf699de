"""Clean accuracy, attack success rate, robust accuracy; with counts and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.evaluate.classification import measure_attack, measure_clean
    from badnets.evaluate.results import AttackResult, CleanResult

__getattr__, __dir__ = exports(
    __name__,
    {
        "AttackResult": ".results",
        "CleanResult": ".results",
        "measure_attack": ".classification",
        "measure_clean": ".classification",
    },
)

__all__ = ["AttackResult", "CleanResult", "measure_attack", "measure_clean"]
