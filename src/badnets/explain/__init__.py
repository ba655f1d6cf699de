"""Show it: where a network looks, which units answer to the trigger, what it is without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.explain.ablation import Silenced, silence
    from badnets.explain.attribution import attribution_maps, changed_places, share_inside
    from badnets.explain.backdoor_units import backdoor_units, mean_maps, sign_windows
    from badnets.explain.units import unit_responses
    from badnets.models.responses import UnitResponse

__getattr__, __dir__ = exports(
    __name__,
    {
        "Silenced": ".ablation",
        "UnitResponse": "badnets.models.responses",
        "attribution_maps": ".attribution",
        "backdoor_units": ".backdoor_units",
        "changed_places": ".attribution",
        "mean_maps": ".backdoor_units",
        "share_inside": ".attribution",
        "sign_windows": ".backdoor_units",
        "silence": ".ablation",
        "unit_responses": ".units",
    },
)

__all__ = [
    "Silenced",
    "UnitResponse",
    "attribution_maps",
    "backdoor_units",
    "changed_places",
    "mean_maps",
    "share_inside",
    "sign_windows",
    "silence",
    "unit_responses",
]
