"""What is looked at once a network is there; each kind is a module and a line in `OBSERVATIONS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.observations.base import ArrayRef as ArrayRef
    from badnets.observations.base import Case as Case
    from badnets.observations.base import Observation as Observation
    from badnets.observations.base import ObservationResult as ObservationResult
    from badnets.observations.registry import OBSERVATIONS as OBSERVATIONS
    from badnets.observations.registry import observe as observe

__getattr__, __dir__, __all__ = exports(__name__)
