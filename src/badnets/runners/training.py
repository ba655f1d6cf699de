"""One trial for the network that it makes: run, or taken from the workspace, and copied out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from badnets.bundles import read_bundle
from badnets.bundles.copies import check_place, copy_bundle
from badnets.core.triggers.sizes import covering
from badnets.ledger import Ledger
from badnets.runners.display import Display
from badnets.runners.running import run_all
from badnets.trials.record import Record
from badnets.trials.summaries import ObjectSummary, Summary, summary_of
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace


@dataclass(frozen=True)
class TrainedNetwork:
    """A trial's record, and the bundle of the network that came of it."""

    record: Record
    bundle: Path

    def summary(
        self, details: Mapping[str, str] | None = None, **further: object
    ) -> Summary | ObjectSummary:
        """Return what is said of it first, with fields that the record does not hold."""
        trial, details = self.record.trial, dict(details or {})
        attack = getattr(trial, "backdoor", None) or getattr(trial, "attack", None)
        if trial.task == "classification" and attack is not None:
            takes = read_bundle(self.bundle).config.input
            covers = covering(attack.trigger, (takes.height, takes.width))
            details |= {"trigger": covers} if covers else {}
        summary = summary_of(self.record)
        told: Mapping[str, object] = {
            "bundle": str(self.bundle),
            "details": {**summary.details, **details},
            **further,
        }
        return summary_of(self.record, told)


def train_network(
    trial: Trial,
    workspace: Workspace,
    ledger: Ledger,
    *,
    out: Path | None = None,
    data_root: Path | str | None = None,
    display: Display | None = None,
) -> TrainedNetwork:
    """Return the network of a trial, which is run where ledger or workspace lack it.

    Args:
        trial: what to run; what it requires is run before.
        workspace: where bundles and arrays are kept.
        ledger: where records are kept.
        out: a folder to copy the bundle to; must be new.
        data_root: where data sets lie; None: the usual place.
        display: is told what happens; None shows it on stderr.

    Raises:
        BadnetsError: the trial failed.
        OutputError: the bundle cannot be copied.
    """
    data_root = None if data_root is None else Path(data_root)
    check_place(out)
    records = run_all(
        [trial],
        workspace,
        ledger,
        workers=1,
        data_root=data_root,
        display=display,
        bundles=True,
    )
    bundle = workspace.bundle(trial)
    if out is not None:
        copy_bundle(bundle, out)
    return TrainedNetwork(records[trial.name], out or bundle)
