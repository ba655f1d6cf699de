"""Runs many short fakes on a Ray cluster: ``python -m … ADDRESS WORKSPACE TRIALS [LEDGER]``."""

from __future__ import annotations

import sys
from pathlib import Path

from badnets.core.errors import BadnetsError
from badnets.ledger import Ledger
from badnets.runners import run_missing
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace
from tests.ledger.samples import attacked_trial, clean_trial
from tests.runners.ray_fakes import run_shortly


def swept(count: int) -> list[Trial]:
    """Return two clean networks that keep their bundles, and attacks on them that keep none."""
    bases = [clean_trial(seed) for seed in range(2)]
    attacks = [attacked_trial(seed, control=bases[seed % 2]) for seed in range(count - 2)]
    return [*bases, *(attack.model_copy(update={"keep_bundle": False}) for attack in attacks)]


if __name__ == "__main__":
    address, root, count, *place = sys.argv[1:]
    workspace = Workspace(Path(root))
    try:
        with Ledger.open(place[0] if place else workspace.ledger_file) as ledger:
            run_missing(swept(int(count)), workspace, ledger, run=run_shortly, ray=address)
    except KeyboardInterrupt:
        sys.exit(130)
    except BadnetsError as error:
        sys.exit(str(error))
