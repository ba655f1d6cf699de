"""Running one trial: it builds a scenario, and writes down what came of it."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime
from pathlib import Path

from badnets._version import __version__
from badnets.bundles import ClaimedRate, Claims, MadeBy, read_bundle
from badnets.core.backdoor import Backdoor
from badnets.core.errors import BundleError, TrialError
from badnets.core.progress import Listener
from badnets.core.targets import RandomWrong
from badnets.data import DataSet, load
from badnets.models.io import load_subject, save_subject
from badnets.models.subject import Subject, untrained
from badnets.models.weights import Match, with_weights
from badnets.scenarios import (
    ClassifierTransfer,
    Deal,
    HonestTrainer,
    MaliciousTrainer,
    OutsourcedTraining,
    User,
)
from badnets.scenarios.trainers import Trainer
from badnets.train.loop import best_device
from badnets.trials.detecting import run_detection_trial
from badnets.trials.machine import this_machine, versions
from badnets.trials.observing import Seen, observe_examples, observe_units
from badnets.trials.observing_attacks import OBSERVERS, Attacked
from badnets.trials.observing_data import observe_data
from badnets.trials.record import Epoch, Provenance, Record, SearchStep, Timings
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

CLAIMED = ("epochs", "batch_size", "lr", "optimizer", "schedule", "weight_decay")


def run_trial(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Return the record of a trial; its bundle and arrays are kept in the workspace.

    Args:
        trial: what to run.
        workspace: where bundles and arrays go, and where those of ``trial.requires()`` are.
        data_root: where data sets lie on disk; None: as `badnets.data.load` finds it.
        progress: told every few training steps.

    Raises:
        TrialError: training diverged, or a required trial's bundle is missing.
        BadnetsError: data, network and settings do not fit together; nothing is left behind.
    """
    if trial.detection is not None:
        return run_detection_trial(
            trial, trial.detection, workspace, data_root=data_root, progress=progress
        )
    started = time.perf_counter()
    data = _limited(load(trial.data, data_root), trial)
    start, matched = _first(trial, data, workspace)
    control = _required(trial.control, workspace, "control")
    loaded = time.perf_counter()
    user = User(
        trial.network,
        data,
        trial.target_accuracy,
        held_back=trial.held_back if trial.evaluate_on == "held-back" else 0,
    )
    if control is None and trial.retrain is None and trial.start and trial.start.is_clean:
        control = start
    deal = _scenario(trial, user, start, control).run(trial.seed, progress=progress)
    seen = _observed(trial, user, deal, control, workspace)
    if "data" in trial.observe:
        parts = user.order.train, user.validation
        seen = seen.plus(observe_data(trial.data, data, parts, data_root))
    bundle = None
    if trial.keep_bundle:
        claims = _claims(trial, data, deal)
        bundle = save_subject(
            deal.subject, workspace.bundle(trial), claims=claims, replace=True
        ).digest
    ended = time.perf_counter()
    spent = deal.delivery.search_s + deal.delivery.train_s
    return Record(
        name=trial.name,
        trial=trial.without_paths(),
        outcome=deal.outcome,
        reason=deal.reason,
        clean=deal.clean,
        attack=deal.attack,
        poisoned_share=deal.delivery.poisoned_share,
        epochs=tuple(Epoch(loss=one.loss, seconds=one.seconds) for one in deal.delivery.epochs),
        search=tuple(SearchStep(**one._asdict()) for one in deal.delivery.tries),
        timings=Timings(
            load_s=loaded - started,
            search_s=deal.delivery.search_s,
            train_s=deal.delivery.train_s,
            evaluate_s=ended - loaded - spent,
            total_s=ended - started,
        ),
        provenance=Provenance(
            data_digests=data.digests,
            versions=versions(),
            machine=this_machine(best_device()),
            precision=deal.delivery.precision,
            created=datetime.now(UTC).replace(microsecond=0),
        ),
        bundle=bundle,
        arrays=seen.arrays,
        units=seen.units,
        ablations=seen.ablations,
        variations=seen.variations,
        attributed=seen.attributed,
        data=seen.data,
        weights=matched,
        survival=deal.survival,
    )


def _scenario(
    trial: Trial, user: User, start: Subject | None, control: Subject | None
) -> OutsourcedTraining | ClassifierTransfer:
    if trial.retrain is not None and start is not None:
        wanted = trial.retrain
        attack = wanted.attack or trial.implanted
        return ClassifierTransfer(user, start, wanted, trial.training, attack, control)
    return OutsourcedTraining(user, _trainer(trial, start), control=control)


def _trainer(trial: Trial, start: Subject | None) -> Trainer:
    if trial.backdoor is None:
        return HonestTrainer(trial.training, start)
    return MaliciousTrainer(trial.backdoor, trial.training, start, trial.search)


def _limited(data: DataSet, trial: Trial) -> DataSet:
    if trial.train_limit is None or trial.train_limit >= len(data.train):
        return data
    return dataclasses.replace(data, train=data.train.sample(trial.train_limit, seed=trial.seed))


def _first(
    trial: Trial, data: DataSet, workspace: Workspace
) -> tuple[Subject | None, Match | None]:
    """Return what training starts from (None: random weights), and what a file of weights gave."""
    if trial.weights is None:
        return _required(trial.start, workspace, "start"), None
    random = untrained(trial.network, data.shape, data.classes, seed=trial.seed)
    return with_weights(random, trial.weights)


def _required(other: Trial | None, workspace: Workspace, what: str) -> Subject | None:
    if other is None:
        return None
    path = workspace.bundle(other)
    try:
        asked_for = read_bundle(path).config.architecture.name == other.network
        return load_subject(path, allow_code=asked_for)  # code that the trial names, and no other
    except BundleError as error:
        raise TrialError(f"the {what} network {other.name} ({other.title}): {error}") from None


def _observed(
    trial: Trial, user: User, deal: Deal, control: Subject | None, workspace: Workspace
) -> Seen:
    seen, backdoor = Seen({}), _shown(trial)
    if "examples" in trial.observe:
        seen = observe_examples(
            deal.subject, control, user.validation, backdoor, workspace, trial.seed
        )
    if "units" in trial.observe:
        inside = observe_units(
            deal.subject, user.order.train, user.validation, backdoor, workspace, trial.seed
        )
        seen = seen.plus(inside)
    attacked = Attacked(deal.subject, control, user.validation, backdoor, workspace, trial.seed)
    for name, observe in OBSERVERS.items():
        if name in trial.observe:
            seen = seen.plus(observe(attacked))
    return seen


def _shown(trial: Trial) -> Backdoor | None:
    """Return the backdoor that pictures are made with; after retraining its labels may be gone."""
    if trial.retrain is None:
        return trial.backdoor
    attack = trial.retrain.attack or trial.implanted
    return None if attack is None else Backdoor(attack.trigger, RandomWrong())


def _claims(trial: Trial, data: DataSet, deal: Deal) -> Claims:
    """Return what a maker would say: true, and silent about what he would not say."""
    accuracy = deal.clean.accuracy
    return Claims.of(
        made_by=MadeBy.of(tool="badnets", version=__version__),
        training={name: getattr(trial.training, name) for name in CLAIMED},
        data={
            **{f"{data.name}-{part}": digest for part, digest in data.digests.items()},
            **({"starting weights": trial.weights.sha256} if trial.weights else {}),
        },
        clean_accuracy=ClaimedRate.of(
            hits=accuracy.hits, total=accuracy.total, data=f"{data.name} validation images"
        ),
    )
