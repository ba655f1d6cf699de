"""What each step of a careful user stops, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from badnets.core.rates import Rate, pooled
from badnets.core.results import Measured
from badnets.observations.data_audit import DataAudit, DataAuditResult
from badnets.observations.guard import GuardedInputs, GuardResult
from badnets.repair.standing import AS_IT_CAME
from badnets.report.page import Cell, Evidence
from badnets.report.rates import basis
from badnets.studies.aggregate import Over, Runs
from badnets.studies.audit.spec import counted as counted
from badnets.studies.audit.trials import CLEAN
from badnets.studies.curves import left_figure
from badnets.studies.defended.published import BADNETS, OURS_ALONE, PublishedRow
from badnets.studies.defended.trials import AUTO, EPOCHS, PUBLISHED, STEPS, DefendedStudy
from badnets.studies.outcomes import WORKS as WORKS
from badnets.studies.outcomes import Outcome, Summary, Treated
from badnets.studies.outcomes import share_cell as share_cell
from badnets.studies.rendering import Spec
from badnets.studies.tables import NOTHING
from badnets.studies.wording import DASH, counts, interval, percent, seeds_text
from badnets.trials.record import Record
from badnets.trials.trial import Trial

DOWNLOADED = "downloaded"
WORDS = {
    DOWNLOADED: "as downloaded",
    AUTO: "repaired (auto)",
    "retrained": "retrained on own images",
    "anti-backdoor": "trained to resist (ABL)",
    "audit-and-retrain": "data audited, trained anew",
}


def triple(found: Outcome) -> Cell:
    """Return clean accuracy, attack success and robust accuracy, with all that they rest on."""
    if not found.treated:
        return NOTHING
    rates = {
        "clean accuracy": found.accuracy,
        "attack success": found.success,
        "robust accuracy": found.robust,
        "a clean network's rate on the same images": found.control,
    }
    shown = [_mean(rates[name]) for name in list(rates)[: 3 if found.success else 1]]
    note = "; ".join(f"{name} {_said(over)}" for name, over in rates.items() if over)
    main = found.success or found.accuracy
    hits, n = zip(*main.rates, strict=True)
    low, high = (100 * end for end in main.interval)
    seeds = [one.trial.seed for one in found.records]
    return Cell(
        " / ".join(shown),
        main.mean,
        f"{note}; {seeds_text(seeds)}",
        evidence=Evidence(hits, n, low, high, main.seeds),
    )


def images(rate: Rate) -> Cell:
    """Return a rate of images, of all networks of a kind together, in per cent."""
    if not rate.total:
        return NOTHING
    low, high = (100 * end for end in rate.interval)
    evidence = Evidence((rate.hits,), (rate.total,), low, high)
    return Cell(percent(rate, 1), rate.value, basis(Measured.of(rate)), evidence=evidence)


def _mean(over: Over) -> str:
    return percent(over.mean, 1) if over else DASH


def _said(over: Over) -> str:
    return f"{percent(over.mean)} % ({counts(over.rates)}; {interval(over.typical, n=False)})"


class Looks:
    """What was seen of some networks, and of the data that they were trained on.

    Args:
        downloads: their records.
        repaired: of the same, repaired.
    """

    def __init__(self, downloads: Sequence[Record], repaired: Sequence[Record]) -> None:
        self.steps = [one.repair.steps for one in repaired if one.repair is not None]
        self.guards = list(_guards(downloads))
        self.guards_after = list(_guards(repaired))
        self.data: list[DataAuditResult] = [
            found for one in downloads if (found := one.observed(DataAudit)) is not None
        ]

    @property
    def called(self) -> Rate:
        """Downloads that the audit calls backdoored."""
        said = [
            step.conclusion == "backdoor likely"
            for steps in self.steps
            for step in steps
            if step.what == AS_IT_CAME
        ]
        return Rate(sum(said), len(said))

    @property
    def called_again(self) -> Rate:
        """Repaired networks that it still calls so."""
        said = [
            step.conclusion == "backdoor likely"
            for steps in self.steps
            for step in steps
            if step.kept
        ]
        return Rate(sum(said), len(said))

    @property
    def sets_called(self) -> Rate:
        """Training sets that are called poisoned."""
        said = [one.conclusion == "poisoning likely" for one in self.data]
        return Rate(sum(said), len(said))

    @property
    def files_found(self) -> Rate:
        """Poisoned training images that are flagged."""
        return pooled(one.found for one in self.data)

    @property
    def files_wronged(self) -> Rate:
        """Other training images that are."""
        return pooled(one.false_alarms for one in self.data)

    @property
    def stopped(self) -> Rate:
        """Triggered inputs that the guard of the download flags."""
        return pooled(one.stopped for one in self.guards)

    @property
    def passed(self) -> Rate:
        """Triggered inputs that get the attacker's answer past it."""
        return pooled(one.passed for one in self.guards)

    @property
    def passed_after(self) -> Rate:
        """The same with the repaired network and a guard of its own."""
        return pooled(one.passed for one in self.guards_after)

    @property
    def rejected(self) -> Rate:
        """Clean inputs that the guard of the download flags."""
        return pooled(one.false_rejections for one in self.guards)


def _guards(records: Iterable[Record]) -> Iterator[GuardResult]:
    for one in records:
        if (found := one.observed(GuardedInputs)) is not None and not found.why_not:
            yield found


class Found:
    """What came of each step with the networks of each kind.

    Args:
        study: the study.
        runs: its records.
    """

    def __init__(self, study: DefendedStudy, runs: Runs) -> None:
        self.groups, self.records = study.groups({}), runs.by_name
        repairs = (self.records.get(one.name) for one in self._all(AUTO))
        self.controls: dict[str, Rate | None] = {
            one.trial.start.name: one.attack.control
            for one in repairs
            if one is not None and one.attack is not None and one.trial.start is not None
        }

    def __call__(self, step: str, kind: str) -> Outcome:
        """Return it; of the step `DOWNLOADED` nothing was done."""
        group = kind if step == DOWNLOADED else f"{step}: {kind}"
        pairs = zip(self.groups.get(kind, ()), self.groups.get(group, ()), strict=False)
        return Outcome.of(self._treated(pairs), clean=kind == CLEAN)

    def _treated(self, pairs: Iterable[tuple[Trial, Trial]]) -> Iterator[Treated]:
        for start, trial in pairs:
            before, after = self.records.get(start.name), self.records.get(trial.name)
            if before is not None and after is not None:
                held = self.controls.get(start.name)
                yield Treated(after, before.clean, before.attack, held)

    def _all(self, step: str) -> Iterator[Trial]:
        for name, own in self.groups.items():
            if name.startswith(f"{step}: "):
                yield from own

    def looks(self, kind: str) -> Looks:
        """Return what was seen of those whose backdoor works."""
        downloads, repaired = self(DOWNLOADED, kind), self(AUTO, kind)
        return Looks(downloads.records, [*repaired.records, *repaired.fallen])


class Beside(NamedTuple):
    """A published row, and ours."""

    row: PublishedRow
    found: Outcome


def spec(study: DefendedStudy, runs: Runs) -> Spec:
    """Return what the page is made of."""
    find = Found(study, runs)
    kinds = [kind for kind in study.kinds if kind != CLEAN]
    found = {step: {k: find(step, k) for k in study.kinds} for step in (DOWNLOADED, *STEPS)}
    steps = [step for step in STEPS if any(found[step][kind].treated for kind in kinds)]
    downloads = found[DOWNLOADED]
    drawn = [kind for kind in kinds if downloads[kind].treated]
    done = {step: found[step] for step in steps}
    return Spec(
        {
            "study": study,
            "missing": sum(runs.expected.values()) - sum(map(len, runs.groups.values())),
            "kinds": drawn,
            "weak": {kind: one.weak for kind, one in downloads.items() if one.weak},
            "steps": steps,
            "found": found,
            "start": Summary(downloads, CLEAN),
            "summaries": {step: Summary(found[step], CLEAN) for step in steps},
            "looks": {kind: find.looks(kind) for kind in study.kinds},
            "clean": CLEAN if CLEAN in study.kinds and downloads[CLEAN].treated else None,
            "fallen": [one for own in found.values() for k in own.values() for one in k.fallen],
            "benched": [
                Beside(row, own)
                for row in BADNETS.get(study.repair.data, ())
                if (own := find(row.ours or DOWNLOADED, PUBLISHED)).treated
            ],
            "alone": {step: own for step in OURS_ALONE if (own := find(step, PUBLISHED)).treated},
            "epochs": EPOCHS,
        },
        {"left": left_figure(drawn, downloads, done, WORDS, salt="left")},
    )
