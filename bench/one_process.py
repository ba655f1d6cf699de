"""A training process whose memory is measured; the benchmark `bench.memory` starts it."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench.scales import SCALES


def main() -> None:
    """Print the most memory held up to three moments, in bytes, as one line of JSON.

    They are: once everything is imported; after a trial; after a second one whose network is
    looked into as well.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.one_process", description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="full")
    arguments = parser.parse_args()

    import torch

    from badnets.trials import Workspace, run_trial
    from bench.images import name_and_note
    from bench.settings import trials

    data, note = name_and_note()
    imported = peak_bytes()
    trial = trials(data, SCALES[arguments.scale])[0]
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        workspace.prepare()
        run_trial(trial, workspace)
        trained = peak_bytes()
        run_trial(trial.model_copy(update={"observe": ("examples", "units")}), workspace)
        observed = peak_bytes()
    print(
        json.dumps(
            {
                "imported": imported,
                "trained": trained,
                "observed": observed,
                "threads": torch.get_num_threads(),
                "data": data,
                "note": note,
            }
        )
    )


def peak_bytes() -> int:
    """Return the most memory that this process has held so far (resident set)."""
    # a child's ru_maxrss starts at what its parent held; VmHWM starts anew with the program
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    main()
