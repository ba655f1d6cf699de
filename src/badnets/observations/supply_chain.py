"""What becomes of the network on its way to a user: by a zoo with checksums, and by the hub."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from badnets.core.verdicts import Conclusion
from badnets.hub.attacks.routes import Played
from badnets.observations.base import Case, Observation, ObservationResult
from badnets.observations.verdict import AuditVerdict, VerdictResult


class SupplyChainResult(ObservationResult):
    """What came of each route.

    Attributes:
        conclusion: an audit's of the network, as its auditor attested it.
        routes: what was played.
    """

    conclusion: Conclusion
    routes: tuple[Played, ...]


class SupplyChain(Observation[SupplyChainResult]):
    """The supply chain attacks of the BadNets paper, with the very files of the network.

    An attacker wants users to have it in the place of the clean network beside it, which an author
    has published; then it is published by its own author. Its audit is the one that was observed
    before, or else is made now. Without a clean network only what its author does is played.
    """

    kind = "supply-chain"
    Result = SupplyChainResult

    def observe(self, case: Case) -> SupplyChainResult:
        """Return what came of each route."""
        from badnets.audit.auditing import audit
        from badnets.hub.attacks.supply_chain import play

        known = case.found.get(AuditVerdict.kind)
        if isinstance(known, VerdictResult):
            verdict = known.verdict
        else:
            data = case.data_name or None
            verdict = audit(case.subject, case.clean, data=data, seed=case.seed).verdict
        with TemporaryDirectory(prefix="badnets-bundles-") as made:
            folder, control = Path(made), case.control
            good = None if control is None else control.save(folder / "author").path
            bad = case.subject.save(folder / "attacker").path
            routes = play(good, bad, verdict)
        return SupplyChainResult(conclusion=verdict.conclusion, routes=routes)
