"""Runs a list of slow fakes through the real pool: ``python -m … WORKSPACE TRIALS``."""

from __future__ import annotations

import sys
from pathlib import Path

from badnets.ledger import Ledger
from badnets.runners import run_all
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace
from tests.ledger.samples import attacked_trial, clean_trial
from tests.runners.fakes import run_and_log


def trials(count: int) -> list[Trial]:
    """Return that many attacks on two clean networks; those come on top."""
    bases = [clean_trial(seed) for seed in range(2)]
    return [attacked_trial(seed, control=bases[seed % 2]) for seed in range(count)]


if __name__ == "__main__":
    workspace = Workspace(Path(sys.argv[1]))
    try:
        with Ledger.open(workspace.ledger_file) as ledger:
            run_all(trials(int(sys.argv[2])), workspace, ledger, workers=2, run=run_and_log)
    except KeyboardInterrupt:
        sys.exit(130)
