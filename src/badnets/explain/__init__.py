"""Show it: where a network looks, which units answer to the trigger, what it is without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.explain.ablation import Ablation as Ablation
    from badnets.explain.ablation import silence as silence
    from badnets.explain.attacked import AttackExplained as AttackExplained
    from badnets.explain.attacked import attacked as attacked
    from badnets.explain.attribution import attribution_maps as attribution_maps
    from badnets.explain.attribution import changed_places as changed_places
    from badnets.explain.attribution import most_changed as most_changed
    from badnets.explain.attribution import share_inside as share_inside
    from badnets.explain.features import FeatureMap as FeatureMap
    from badnets.explain.features import feature_map as feature_map
    from badnets.explain.units import LayerUnits as LayerUnits
    from badnets.explain.units import backdoor_units as backdoor_units
    from badnets.explain.units import mean_maps as mean_maps
    from badnets.explain.units import unit_responses as unit_responses
    from badnets.explain.windows import sign_windows as sign_windows

__getattr__, __dir__, __all__ = exports(__name__)
