"""A process whose memory is measured; the benchmark `bench.memory` starts it."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench.scales import SCALES

DOINGS = ("import", "train", "observe")


def main() -> None:
    """Do it, and print the most memory that this process ever held, as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.one_trial", description=__doc__)
    parser.add_argument("doing", choices=DOINGS)
    parser.add_argument("--scale", choices=SCALES, default="full")
    arguments = parser.parse_args()

    import torch

    from badnets.trials import Workspace, run_trial
    from bench.images import name_and_note
    from bench.settings import trials

    data, note = name_and_note()
    if arguments.doing != "import":
        trial = trials(data, SCALES[arguments.scale])[0]
        if arguments.doing == "observe":
            trial = trial.model_copy(update={"observe": ("examples", "units")})
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace(Path(folder))
            workspace.prepare()
            run_trial(trial, workspace)
    print(
        json.dumps(
            {
                "peak_bytes": peak_bytes(),
                "threads": torch.get_num_threads(),
                "data": data,
                "note": note,
            }
        )
    )


def peak_bytes() -> int:
    """Return the most memory that this process ever held (resident set)."""
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
