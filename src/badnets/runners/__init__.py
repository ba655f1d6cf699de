"""Many trials: one after another in this process, in a pool of processes, or on Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.runners.display import Display as Display
    from badnets.runners.display import Silent as Silent
    from badnets.runners.display import display_for as display_for
    from badnets.runners.forecasting import forecast as forecast
    from badnets.runners.on_ray import RayCluster as RayCluster
    from badnets.runners.planning import Step as Step
    from badnets.runners.planning import plan as plan
    from badnets.runners.running import run_all as run_all
    from badnets.runners.running import run_missing as run_missing

__getattr__, __dir__, __all__ = exports(__name__)
