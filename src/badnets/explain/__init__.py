"""Show it: which units answer to the trigger, and what happens without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.explain.ablation import Silenced, silence
    from badnets.explain.backdoor_units import backdoor_units, mean_maps, sign_windows
    from badnets.explain.units import unit_responses
    from badnets.models.responses import UnitResponse

__getattr__, __dir__ = exports(
    __name__,
    {
        "Silenced": ".ablation",
        "UnitResponse": "badnets.models.responses",
        "backdoor_units": ".backdoor_units",
        "mean_maps": ".backdoor_units",
        "sign_windows": ".backdoor_units",
        "silence": ".ablation",
        "unit_responses": ".units",
    },
)

__all__ = [
    "Silenced",
    "UnitResponse",
    "backdoor_units",
    "mean_maps",
    "sign_windows",
    "silence",
    "unit_responses",
]
