"""What audit methods say of the network: raw tables, from which a verdict is derived later."""

from __future__ import annotations

from pydantic import Field

from badnets.audit.base import tables_of
from badnets.core.nulls import Table
from badnets.core.verdicts import NotCovered
from badnets.observations.base import Case, Observation, ObservationResult


class AuditResult(ObservationResult):
    """The raw table of each method, and what was not looked at; see `badnets.audit`."""

    tables: dict[str, Table]
    versions: dict[str, int] = Field(default_factory=dict)
    quantities: dict[str, float] = Field(default_factory=dict)
    coverage: tuple[NotCovered, ...] = ()


class Audit(Observation[AuditResult]):
    """The raw tables of all audit methods, on the images that the user takes for clean.

    It never sees the backdoor.
    """

    kind = "audit"
    version = 2
    needs = frozenset({"logits"})
    tasks = frozenset({"classification"})
    Result = AuditResult

    def observe(self, case: Case) -> AuditResult:
        """Return the tables."""
        found = tables_of(case.subject, case.clean, seed=case.seed)
        return AuditResult.model_validate(found.model_dump(exclude={"seconds"}))
