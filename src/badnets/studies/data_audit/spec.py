"""What audits of training sets found, and what they flagged wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from badnets.core.rates import Rate, pooled
from badnets.observations.data_audit import DataAudit, DataAuditResult
from badnets.report.page import Cell
from badnets.studies.aggregate import Over, Runs
from badnets.studies.audit.spec import counted as counted
from badnets.studies.data_audit.trials import CLEAN, DataAuditStudy
from badnets.studies.rendering import Spec
from badnets.studies.tables import NOTHING, keyed
from badnets.studies.wording import percent, seeds_text
from badnets.trials.record import Record


@dataclass(frozen=True, eq=False)
class Audited:
    """Sets of one kind, audited.

    Attributes:
        records: of the networks that were trained on them, none of which collapsed.
    """

    records: Sequence[Record]

    @property
    def found(self) -> list[DataAuditResult]:
        """What each audit said."""
        return [own for one in self.records if (own := one.observed(DataAudit)) is not None]

    def over(self, what: str) -> Over:
        """Return a rate over the sets: ``"poisoned"``, ``"found"`` or ``"false_alarms"``."""
        seen = ((one.observed(DataAudit), one.trial.seed) for one in self.records)
        return Over.pairs((getattr(own, what), seed) for own, seed in seen if own is not None)

    @property
    def called(self) -> Rate:
        """Sets that are called poisoned."""
        said = [one.conclusion == "poisoning likely" for one in self.found]
        return Rate(sum(said), len(said))

    @property
    def right(self) -> Rate:
        """Sets whose true poisoned share lies in the interval of the estimate."""
        said = [
            one.share.low <= one.poisoned.value <= one.share.high
            for one in self.found
            if one.share is not None
        ]
        return Rate(sum(said), len(said))

    @property
    def share(self) -> Cell:
        """The mean estimate of the poisoned share, in per cent; the note has each."""
        known = [one.share for one in self.found if one.share is not None]
        if not known:
            return NOTHING
        mean = fmean(one.value for one in known)
        seeds = seeds_text(one.trial.seed for one in self.records)
        return keyed(percent(mean), mean, f"{seeds}: {'; '.join(map(str, known))}")

    @property
    def auroc(self) -> Cell:
        """How well the scores rank poisoned images: the mean, with the range in the note."""
        known = [one.auroc for one in self.found if one.auroc is not None]
        if not known:
            return NOTHING
        note = f"{len(known)} sets; {min(known):.4f} to {max(known):.4f}"
        return keyed(f"{fmean(known):.4f}", fmean(known), note)

    @property
    def repetitions(self) -> Rate:
        """Sets in which a patch repeats."""
        return Rate(sum(one.repetitions > 0 for one in self.found), len(self.found))

    @property
    def seconds(self) -> float:
        """Mean seconds of measuring the network and auditing the set."""
        return fmean(one.timings.evaluate_s for one in self.records)


def spec(study: DataAuditStudy, runs: Runs) -> Spec:
    """Return what the page is made of."""
    audited = {name: Audited(own) for name in study.groups({}) if (own := runs.of(name))}
    clean = {
        name.removeprefix(CLEAN): own for name, own in audited.items() if name.startswith(CLEAN)
    }
    return Spec(
        {
            "study": study,
            "groups": list(study.groups({})),
            "poisoned": {k: own for k, own in audited.items() if not k.startswith(CLEAN)},
            "clean": clean,
            "fair": pooled(own.right for own in clean.values()),
            "accused": pooled(own.called for own in clean.values()),
        }
    )
