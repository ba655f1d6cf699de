"""Trials that are trained as one computation: which, where that is faster, and running them.

Nothing here imports torch before a cohort is run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from badnets.bundles.digests import canonical_json
from badnets.core.errors import BadnetsError, SettingError
from badnets.core.progress import Listener, Progress
from badnets.data.names import parse_name
from badnets.models.catalogue import NETWORKS
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial, Trial
from badnets.trials.workspace import Workspace

if TYPE_CHECKING:
    import torch

    from badnets.scenarios import User
    from badnets.scenarios.trainers import Ready
    from badnets.train.cohort import Outcome
    from badnets.trials.record import Record
    from badnets.trials.running import Staged

MOST = 64
"""Trials of a cohort at most: with the paper's MNIST network they take some GiB of a GPU."""

# what the members of a cohort need not have in common
_OWN = frozenset(
    ("backdoor", "seed", "start", "control", "weights", "observe", "keep_bundle", "tainted_clean")
)


def cohort_key(trial: Trial) -> str | None:
    """Return what trials have in common that can be trained as one; None: it is trained alone.

    They share data, network, and training but for the learning rate. Backdoor, seed, the network
    or weights that training starts from, the control, and what is observed may differ.

    Alone are trained: detectors; transfer and repair; a trainer who searches or resists poison;
    trainings with ``evade`` or ``freeze``; networks that normalise over the batch, draw at random,
    or are not known to this package; and pictures in folders, which may be read while they are
    trained on.
    """
    if not isinstance(trial, OutsourcedTrial) or trial.search or trial.resist:
        return None
    training, network = trial.training, NETWORKS.get(trial.network)
    if not isinstance(training, Training) or training.evade or training.freeze:
        return None
    if network is None or not network.one_by_one or parse_name(trial.data).kind == "folder":
        return None
    shared = trial.model_dump(mode="json", exclude={*_OWN, "contents"})
    shared["training"].pop("lr")
    return canonical_json(shared).decode()


def worthwhile(device: torch.device | str, size: int) -> bool:
    """Return whether so many trials are trained faster as one than one after another.

    On a CPU they are not: one small network keeps a core busy, and grouped convolutions are slower
    than plain ones. A cohort of 8 or of 64 of the paper's MNIST networks has 0.6 of the throughput
    there. ``python -m bench cohort`` measures it on the device that it runs on.

    Args:
        device: where networks compute.
        size: how many trials there are.
    """
    return size > 1 and str(device).partition(":")[0] == "cuda"


def run_cohort(
    trials: Sequence[Trial],
    workspace: Workspace,
    *,
    data_root: Path | str | None = None,
    progress: Listener | None = None,
    on_each: Callable[[Trial, Record | BadnetsError], None] | None = None,
) -> list[Record | BadnetsError]:
    """Return the record of each trial, or why it has none, after training all of them as one.

    A record is that of `badnets.trials.run_trial`, up to the order in which numbers are summed.
    Its ``provenance.cohort`` says how many were trained as one, and its seconds are the trial's
    share: of a step, what falls to each of those that take it; of loading data, an equal part. What
    fails, or diverges, leaves the others as they are.

    Args:
        trials: of one `cohort_key`; at most `MOST` at a time are trained as one.
        workspace: where bundles and arrays go, and where those of ``trial.requires()`` are.
        data_root: where data sets lie on disk; None: as `badnets.data.load` finds it.
        progress: told every few training steps, and after each trial is measured.
        on_each: is told what came of a trial as soon as that is known, so that it can be kept
            before the others are measured.

    Raises:
        SettingError: trials are not of one key, or cannot be trained as one.
    """
    keys = {cohort_key(trial) for trial in trials}
    if len(keys) > 1 or None in keys:
        raise SettingError(
            "these trials cannot be trained as one: give those of one cohort_key, and run those "
            "that have none by run_trial"
        )
    found: list[Record | BadnetsError] = []
    for first in range(0, len(trials), MOST):
        found += _run(trials[first : first + MOST], workspace, data_root, progress, on_each)
    return found


def _run(
    trials: Sequence[Trial],
    workspace: Workspace,
    data_root: Path | str | None,
    progress: Listener | None,
    on_each: Callable[[Trial, Record | BadnetsError], None] | None,
) -> list[Record | BadnetsError]:
    """Return what comes of the trials, all of them trained at once."""
    from badnets.scenarios import OutsourcedTraining
    from badnets.scenarios.trainers import FittingTrainer
    from badnets.train.cohort import Member, fit_cohort
    from badnets.trials.running import stage

    found: dict[int, Record | BadnetsError] = {}

    def keep(place: int, outcome: Record | BadnetsError) -> None:
        found[place] = outcome
        if on_each is not None:
            on_each(trials[place], outcome)

    begun: dict[int, tuple[Staged, Ready]] = {}
    shared: dict[int | None, tuple[Any, User]] = {}
    for place, trial in enumerate(trials):
        try:
            staged = stage(trial, workspace, data_root, shared)
            assert isinstance(staged.scenario, OutsourcedTraining)
            trainer = staged.scenario.trainer
            assert isinstance(trainer, FittingTrainer)
            begun[place] = staged, trainer.ready(staged.user.order, seed=trial.seed)
        except BadnetsError as error:
            keep(place, error)
    members = [
        Member(ready.first, ready.rows, ready.training, staged.trial.seed)
        for staged, ready in begun.values()
    ]
    load_s = sum(staged.load_s for staged, _ in begun.values()) / max(1, len(begun))
    fitted = fit_cohort(members, progress=progress)
    each = zip(begun.items(), fitted, strict=True)
    for done, ((place, (staged, ready)), outcome) in enumerate(each, 1):
        keep(place, _recorded(replace(staged, load_s=load_s), ready, outcome, len(members)))
        if progress is not None:
            progress(Progress(done, len(members), "measuring"))
    return [found[place] for place in range(len(trials))]


def _recorded(staged: Staged, ready: Ready, outcome: Outcome, cohort: int) -> Record | BadnetsError:
    """Return a trial's record once its network is fitted."""
    from badnets.scenarios import OutsourcedTraining

    if isinstance(outcome, BadnetsError):
        return outcome
    scenario, started = staged.scenario, time.perf_counter()
    assert isinstance(scenario, OutsourcedTraining)
    delivery = ready.delivery(outcome, sum(epoch.seconds for epoch in outcome.epochs))
    try:
        deal = scenario.ended(delivery, staged.trial.seed)
        spent_s = delivery.search_s + delivery.train_s + time.perf_counter() - started
        return staged.record(deal, spent_s, cohort=cohort)
    except BadnetsError as error:
        return error
