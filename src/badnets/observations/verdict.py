"""The verdict of an audit of the network, with the trigger that was recovered."""

from __future__ import annotations

from badnets.core.verdicts import Verdict
from badnets.observations.base import Case, Observation, ObservationResult


class VerdictResult(ObservationResult):
    """What an audit says; its times are left out, so that a trial gives the same record again."""

    verdict: Verdict


class AuditVerdict(Observation[VerdictResult]):
    """What an audit on images that the user takes for clean says, beside packaged clean models.

    It never sees the backdoor. Arrays, where a trigger was recovered: ``recovered``
    ``(n, 2, C, H, W)`` uint8, clean images and the same with it; ``recovered_answers``
    ``(n, 2, K)`` probabilities, ``recovered_control`` those of the clean network beside it;
    ``recovered_keep`` and ``recovered_add`` float32, as `badnets.core.triggers.saved.Affine` takes
    them.
    """

    kind = "verdict"
    needs = frozenset({"logits"})
    tasks = frozenset({"classification"})
    Result = VerdictResult

    def observe(self, case: Case) -> VerdictResult:
        """Return the verdict."""
        import torch

        from badnets.audit.auditing import audit
        from badnets.core.pictures import as_dtype

        audited = audit(case.subject, case.clean, data=case.data_name or None, seed=case.seed)
        plain = audited.verdict.model_dump()
        plain |= {"seconds": 0.0, "scores": [one | {"seconds": 0.0} for one in plain["scores"]]}
        verdict = Verdict.model_validate(plain)
        if (found := audited.recovered) is None:
            return VerdictResult(verdict=verdict)
        pairs = torch.stack([found.images, found.triggered], 1)
        arrays = {"recovered": as_dtype(pairs.clamp(0, 1), torch.uint8)}
        arrays |= case.answers_to_pairs(pairs, prefix="recovered")
        arrays |= {"recovered_keep": found.keep, "recovered_add": found.add}
        return VerdictResult(verdict=verdict, arrays=case.kept(arrays))
