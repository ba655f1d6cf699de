"""Many trials: one after another in this process, or one per core in a pool of processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.runners.display import Display, Silent, display_for
    from badnets.runners.planning import Step, plan
    from badnets.runners.running import run_all

__all__ = ["Display", "Silent", "Step", "display_for", "plan", "run_all"]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Display": ".display",
        "Silent": ".display",
        "Step": ".planning",
        "display_for": ".display",
        "plan": ".planning",
        "run_all": ".running",
    },
)
