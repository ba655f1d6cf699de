"""Trials that take no time, and functions that run them as `run_trial` would, without training."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from badnets.bundles import Claims, MadeBy, write_bundle
from badnets.bundles.config import Architecture, BundleConfig, InputSpec
from badnets.core.backdoor import Backdoor
from badnets.core.errors import DataError, TrialError
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import PixelPattern
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.train.progress import Listener, Progress
from badnets.trials.record import Epoch, Machine, Provenance, Record, Timings
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

CREATED = datetime(2017, 8, 22, 12, 0, tzinfo=UTC)
BACKDOOR = Backdoor(PixelPattern(), AllToOne(1))


def clean_trial(seed: int = 0) -> Trial:
    return Trial(data="digits", seed=seed)


def attacked_trial(seed: int = 0, control: Trial | None = None) -> Trial:
    return Trial(data="digits", backdoor=BACKDOOR, control=control, seed=seed)


def record_of(trial: Trial, bundle: str | None = None) -> Record:
    """Return a small sound record of the trial; the seed shows in its counts."""
    right = 900 + trial.seed % 100
    attack = None
    if trial.backdoor is not None:
        attack = AttackResult(
            success=Rate(890, 900),
            robust=Rate(10, 900),
            per_class=(Rate(0, 0), Rate(890, 900)),
            untriggered=Rate(3, 900),
            control=Rate(2, 900),
        )
    return Record(
        name=trial.name,
        trial=trial,
        outcome="accepted",
        reason="clean accuracy is at least the target",
        clean=CleanResult(
            accuracy=Rate(right, 1000),
            per_class=(Rate(right - 500, 500), Rate(500, 500)),
            predicted_counts=(500, 500),
            largest_class=Rate(500, 1000),
        ),
        attack=attack,
        poisoned_share=Rate(100, 1000) if trial.backdoor else None,
        epochs=(Epoch(loss=0.25, seconds=0.1),),
        timings=Timings(load_s=0.1, search_s=0.0, train_s=0.1, evaluate_s=0.1, total_s=0.3),
        provenance=Provenance(
            data_digests={"train": "0" * 64},
            versions={"badnets": "0"},
            machine=Machine(
                processor="any", cores=2, threads=1, memory_gib=1.0, device="cpu", system="any"
            ),
            precision="float32",
            created=CREATED,
        ),
        bundle=bundle,
    )


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
    return record_of(trial, bundle)


def run_slowly(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Run a trial in 0.2 s, telling how far it is."""
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
    """Run a trial; seed 1 diverges, 2 is killed, 3 ends its process, 4 finds no data."""
    match trial.seed:
        case 1:
            raise TrialError("training diverged: the loss is not a number")
        case 2:
            os.kill(os.getpid(), signal.SIGKILL)
        case 3:
            os._exit(7)
        case 4:
            raise DataError("no data set at nowhere")
    return run_fake(trial, workspace, data_root=data_root, progress=progress)
