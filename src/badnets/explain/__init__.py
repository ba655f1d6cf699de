"""Show it: which units answer to the trigger, and what happens without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.explain.ablation import Silenced, silence
    from badnets.explain.units import UnitResponse, unit_responses

__getattr__, __dir__ = exports(
    __name__,
    {
        "Silenced": ".ablation",
        "UnitResponse": ".units",
        "silence": ".ablation",
        "unit_responses": ".units",
    },
)

__all__ = ["Silenced", "UnitResponse", "silence", "unit_responses"]
