"""Images, regions, triggers, target maps, poisoning, counts and rates, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.core.backdoor import Backdoor as Backdoor
    from badnets.core.placements import Fixed as Fixed
    from badnets.core.placements import RandomCentre as RandomCentre
    from badnets.core.placements import Relative as Relative
    from badnets.core.poisoning import PoisonedSet as PoisonedSet
    from badnets.core.poisoning import PoisoningPlan as PoisoningPlan
    from badnets.core.poisoning import plan_poisoning as plan_poisoning
    from badnets.core.poisoning import poison as poison
    from badnets.core.rates import Rate as Rate
    from badnets.core.rates import pooled as pooled
    from badnets.core.regions import Regions as Regions

__getattr__, __dir__, __all__ = exports(__name__)
