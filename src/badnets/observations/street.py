"""A sticker under simulated photographic conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets.evaluate.results import StreetPoint
from badnets.observations.base import Case, Observation, ObservationResult

if TYPE_CHECKING:
    pass


class StreetResult(ObservationResult):
    """Attack success under each condition; see `StreetPoint`."""

    points: tuple[StreetPoint, ...] = ()


class Street(Observation[StreetResult]):
    """Attack success while one photographic condition after another worsens."""

    kind = "street"
    needs = frozenset({"boxes", "backdoor"})
    tasks = frozenset({"detection"})
    Result = StreetResult

    def observe(self, case: Case) -> StreetResult:
        """Return the rates; none without a backdoor."""
        from badnets.evaluate.street import measure_street

        if case.backdoor is None:
            return StreetResult()
        points = measure_street(
            case.subject,
            case.validation,
            case.backdoor,
            threshold=case.threshold,
            seed=case.seed,
            progress=case.progress,
        )
        return StreetResult(points=tuple(points))
