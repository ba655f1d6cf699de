"""Functions that run a trial as `run_trial` would, in no time and without training."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save

from badnets.bundles import Claims, MadeBy, write_bundle
from badnets.bundles.config import Architecture, BundleConfig, InputSpec
from badnets.core.errors import DataError, TrialError
from badnets.core.progress import Listener, Progress
from badnets.ledger import Ledger
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace
from tests.ledger.samples import record_of


def write_fake_bundle(trial: Trial, workspace: Workspace) -> str:
    """Write a bundle of the right form, whose one weight is the seed; return its digest."""
    return write_bundle(
        workspace.bundle(trial),
        tensors=save({"weight": np.full((2, 2), trial.seed, np.float32)}),
        config=BundleConfig(
            task="classification",
            architecture=Architecture(name=trial.network),
            input=InputSpec(channels=1, height=2, width=2, mean=(0.0,), std=(1.0,)),
            classes=("0", "1"),
        ),
        claims=Claims(made_by=MadeBy(tool="badnets", version="0")),
        replace=True,
    ).digest


def note_begun(trial: Trial, workspace: Workspace) -> None:
    """Write down that a trial was begun."""
    with (workspace.root / "begun.log").open("a") as log:
        log.write(f"{trial.name}\n")  # one write of a short line: workers do not mix theirs


def run_fake(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Run a trial in no time; what it requires must be there."""
    for other in trial.requires():
        if not workspace.bundle(other).is_dir():
            raise TrialError(f"the bundle of {other.name} is missing")
    if progress is not None:
        progress(Progress(1, 1, "training"))
    bundle = write_fake_bundle(trial, workspace) if trial.keep_bundle else None
    workspace.put_array(np.full(3, trial.seed))
    return record_of(trial, bundle=bundle)


def run_and_log(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Run a trial in 0.2 s, and write down that it was begun."""
    note_begun(trial, workspace)
    for tenth in range(10):
        if progress is not None:
            progress(Progress(tenth, 10, "training"))
        time.sleep(0.02)
    return run_fake(trial, workspace, data_root=data_root, progress=progress)


def run_badly(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Run a trial; seed 1 diverges, 2 is killed, 3 ends its process, 4 finds no data.

    The reason says with how many threads the others ran, and where data would be.
    """
    logging.getLogger("badnets.fakes").info("seed %d begins", trial.seed)
    match trial.seed:
        case 1:
            raise TrialError("training diverged: the loss is not a number")
        case 2:
            os.kill(os.getpid(), signal.SIGKILL)
        case 3:
            os._exit(7)
        case 4:
            raise DataError("no data set at nowhere")
    record = run_fake(trial, workspace, data_root=data_root, progress=progress)
    reason = f"{torch.get_num_threads()} threads, data in {data_root}"
    return record.model_copy(update={"reason": reason})


def run_until_kept(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Run a trial in no time; one of a seed above 9 until two records are in the ledger."""
    give_up = time.monotonic() + 20
    with Ledger.open(workspace.ledger_file) as ledger:
        while trial.seed > 9 and len(ledger) < 2:
            if time.monotonic() > give_up:
                raise TrialError("what has ended is not in the ledger")
            time.sleep(0.05)
    return record_of(trial)
