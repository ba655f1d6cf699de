"""Images, regions, triggers, target maps, poisoning, counts and rates, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.core.backdoor import Backdoor
    from badnets.core.placements import Fixed, RandomCentre, Relative
    from badnets.core.poisoning import PoisonedSet, PoisoningPlan, plan_poisoning, poison
    from badnets.core.rates import Rate, pooled
    from badnets.core.regions import Regions

__getattr__, __dir__ = exports(
    __name__,
    {
        "Backdoor": ".backdoor",
        "Fixed": ".placements",
        "PoisonedSet": ".poisoning",
        "PoisoningPlan": ".poisoning",
        "RandomCentre": ".placements",
        "Rate": ".rates",
        "Regions": ".regions",
        "Relative": ".placements",
        "plan_poisoning": ".poisoning",
        "poison": ".poisoning",
        "pooled": ".rates",
    },
)

__all__ = [
    "Backdoor",
    "Fixed",
    "PoisonedSet",
    "PoisoningPlan",
    "RandomCentre",
    "Rate",
    "Regions",
    "Relative",
    "plan_poisoning",
    "poison",
    "pooled",
]
