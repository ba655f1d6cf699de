"""What an audit of the training set would have flagged of it, with the truth beside it."""

from __future__ import annotations

from badnets.audit.sets.results import Conclusion, Share
from badnets.core.rates import Rate
from badnets.observations.base import Case, Observation, ObservationResult

CLEAN = 1000  # validation images that the set is compared with, at most


class DataAuditResult(ObservationResult):
    """What was flagged: by the method that decides, or because a patch repeats.

    Attributes:
        conclusion: of the audit.
        method: the method that ranked the images; empty: none could.
        share: the estimated share of poisoned images; None: there is no estimate.
        poisoned: poisoned images of all.
        found: poisoned images that were flagged; of none where there is no backdoor.
        false_alarms: other images that were flagged; covers and wrong labels are among them.
        auroc: how well the scores rank poisoned images above others; None where there is none.
        repetitions: classes in many of whose images the same patch was found.
    """

    conclusion: Conclusion
    method: str
    share: Share | None
    poisoned: Rate
    found: Rate
    false_alarms: Rate
    auroc: float | None = None
    repetitions: int = 0


class DataAudit(Observation[DataAuditResult]):
    """An audit of the set that the network was trained on, with the network's own features.

    It is compared with the user's validation images, and told neither trigger nor target.
    """

    kind = "data-audit"
    needs = frozenset({"logits", "features", "backdoor"})
    tasks = frozenset({"classification"})
    Result = DataAuditResult

    def observe(self, case: Case) -> DataAuditResult:
        """Return what was flagged."""
        import torch

        from badnets.audit.sets.auditing import audit_data
        from badnets.core.poisoning import poison
        from badnets.data import ImageSet

        train, own = case.train, case.validation
        truth = torch.zeros(len(train), dtype=torch.bool)
        if case.backdoor is not None:
            made = poison(
                train.images, train.labels, case.backdoor,
                num_classes=train.num_classes, seed=case.seed,
            )  # fmt: skip
            truth = made.is_poisoned.cpu()
            train = ImageSet(made.images, made.labels, train.classes)
        clean = own.sample(CLEAN, seed=case.seed) if len(own) > CLEAN else own
        audited = audit_data(train, case.subject, clean, seed=case.seed, progress=case.progress)
        flagged, verdict = audited.flagged.cpu(), audited.verdict
        auroc = None
        known = ~audited.scores.isnan()
        if bool((truth & known).any()):
            bad, good = audited.scores[truth & known], audited.scores[~truth & known].sort().values
            below = torch.searchsorted(good, bad) + torch.searchsorted(good, bad, right=True)
            auroc = round(float(below.double().mean()) / (2 * len(good)), 6)
        return DataAuditResult(
            conclusion=verdict.conclusion,
            method=verdict.method or "",
            share=verdict.poisoned_share,
            poisoned=Rate(int(truth.sum()), len(truth)),
            found=Rate(int((flagged & truth).sum()), int(truth.sum())),
            false_alarms=Rate(int((flagged & ~truth).sum()), int((~truth).sum())),
            auroc=auroc,
            repetitions=len(verdict.repetitions),
        )
