"""A trial that takes no time: its record alone."""

from __future__ import annotations

from pathlib import Path

from badnets.core.progress import Listener
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace
from tests.ledger.samples import record_of


def run_noop(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Return a record without doing anything."""
    return record_of(trial)
