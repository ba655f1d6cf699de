"""What audit methods say of the network: raw tables, from which a verdict is derived later."""

from __future__ import annotations

from badnets.audit.base import AUDITS, tables_of
from badnets.core.nulls import Table
from badnets.core.verdicts import NotCovered
from badnets.observations.base import Case, Observation, ObservationResult


class AuditResult(ObservationResult):
    """The raw table of each method, and what was not looked at; see `badnets.audit`."""

    tables: dict[str, Table]
    coverage: tuple[NotCovered, ...] = ()


class Audit(Observation[AuditResult]):
    """The raw tables of all audit methods, on the user's validation images.

    It never sees the backdoor.
    """

    kind = "audit"
    needs = frozenset({"logits"})
    tasks = frozenset({"classification"})
    Result = AuditResult

    @classmethod
    def unavailable(cls) -> str:
        """Return why it cannot be made now: as long as there is no method."""
        return "" if AUDITS else "there is no audit method yet"

    def observe(self, case: Case) -> AuditResult:
        """Return the tables."""
        found = tables_of(case.subject, case.validation, seed=case.seed)
        return AuditResult(tables=found.tables, coverage=found.coverage)
