"""What a repair left of each kind of backdoor, and what it cost."""

from __future__ import annotations

from statistics import fmean

from badnets.studies.aggregate import Runs
from badnets.studies.audit.trials import CLEAN
from badnets.studies.curves import left_figure
from badnets.studies.outcomes import WORKS as WORKS
from badnets.studies.outcomes import Depths, Outcome, Summary, Treated
from badnets.studies.outcomes import share_cell as share_cell
from badnets.studies.rendering import Spec
from badnets.studies.repair.trials import RepairStudy


def spec(study: RepairStudy, runs: Runs) -> Spec:
    """Return what the page is made of."""
    downloads = [name for name in study.groups({}) if ": " not in name and name != CLEAN]

    def outcome(method: str, kind: str) -> Outcome:
        own = map(Treated.repaired, runs.all(f"{method}: {kind}"))
        return Outcome.of(own, clean=kind == CLEAN)

    found = {
        method: {kind: outcome(method, kind) for kind in (*downloads, CLEAN)}
        for method in study.methods
    }
    done = {
        method: kinds
        for method, kinds in found.items()
        if any(one.records for kind, one in kinds.items() if kind != CLEAN)
    }
    kinds = [kind for kind in downloads if any(own[kind].records for own in done.values())]
    before = next(iter(done.values()), {})
    return Spec(
        {
            "study": study,
            "missing": sum(runs.expected.values()) - sum(map(len, runs.groups.values())),
            "kinds": kinds,
            "methods": list(done),
            "found": found,
            "before": fmean(one.before.mean for one in _first(done)) if done else 0.0,
            "summaries": {method: Summary(kinds, CLEAN) for method, kinds in done.items()},
            "clean": CLEAN,
            "fallen": [one for own in found.values() for k in own.values() for one in k.fallen],
            "depths": {
                method: {kind: depth for kind, one in own.items() if (depth := Depths.of(one))}
                for method, own in done.items()
            },
        },
        {"left": left_figure(kinds, before, done, {}, salt="left")},
    )


def _first(done: dict[str, dict[str, Outcome]]) -> list[Outcome]:
    """Return what the first method did, kind by kind."""
    return [one for kind, one in next(iter(done.values())).items() if one.records and kind != CLEAN]
