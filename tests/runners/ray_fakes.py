"""Trials that do to a worker of a Ray cluster what real ones may."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

import torch

from badnets.core.errors import TrialError
from badnets.core.progress import Listener
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace
from tests.ledger.samples import record_of
from tests.runners.fakes import note_begun, run_fake, write_fake_bundle

GREED_GIB = 2.0
DIVERGES, DIES, DIES_ONCE, FAULTY = range(1, 5)  # seeds


def run_roughly(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Run a trial in no time; what comes of some seeds, the names above say."""
    logging.getLogger("badnets.fakes").info("seed %d begins", trial.seed)
    note_begun(trial, workspace)
    match trial.seed:
        case 1:
            raise TrialError("training diverged: the loss is not a number")
        case 2:
            os.kill(os.getpid(), signal.SIGKILL)
        case 3:
            if (workspace.root / "begun.log").read_text().split().count(trial.name) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        case 4:
            raise KeyError("no such\nkey")
    record = run_fake(trial, workspace, data_root=data_root, progress=progress)
    reason = f"{torch.get_num_threads()} threads, data in {data_root}"
    return record.model_copy(update={"reason": reason})


def run_shortly(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Run a trial in 50 ms, and write down that it was begun."""
    note_begun(trial, workspace)
    assert all(workspace.bundle(other).is_dir() for other in trial.requires())
    time.sleep(0.05)
    return record_of(
        trial, bundle=write_fake_bundle(trial, workspace) if trial.keep_bundle else None
    )


def run_greedily(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Run a trial in a second and a half, with `GREED_GIB` of memory."""
    note_begun(trial, workspace)
    held = torch.ones(int(GREED_GIB * 2**30), dtype=torch.uint8)
    time.sleep(1.5)
    return record_of(trial).model_copy(update={"reason": f"{len(held)} bytes"})
