"""Runs many short fakes on a Ray cluster: ``python -m … ADDRESS WORKSPACE TRIALS``."""

from __future__ import annotations

import sys
from pathlib import Path

from badnets.core.errors import BadnetsError
from badnets.ledger import Ledger
from badnets.runners import run_missing
from badnets.trials.workspace import Workspace
from tests.runners.ray_fakes import run_shortly
from tests.runners.study_of_fakes import trials

if __name__ == "__main__":
    address, root, count = sys.argv[1:]
    workspace = Workspace(Path(root))
    try:
        with Ledger.open(workspace.ledger_file) as ledger:
            run_missing(trials(int(count)), workspace, ledger, run=run_shortly, ray=address)
    except KeyboardInterrupt:
        sys.exit(130)
    except BadnetsError as error:
        sys.exit(str(error))
