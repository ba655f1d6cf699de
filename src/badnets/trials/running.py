"""Running one trial: it builds a scenario, and writes down what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from badnets._version import __version__
from badnets.bundles import ClaimedRate, Claims, MadeBy
from badnets.core.backdoor import Backdoor
from badnets.core.errors import BundleError, TrialError
from badnets.core.progress import Listener
from badnets.core.targets import RandomWrong, of_classes
from badnets.data.catalogue import entry_of
from badnets.models import load as load_bundle
from badnets.models.description import described
from badnets.models.weights import Match, with_weights
from badnets.observations import Case, observe
from badnets.scenarios import (
    Deal,
    HonestTrainer,
    MaliciousTrainer,
    OutsourcedTraining,
    RepairedDownload,
    Trainer,
    TransferLearning,
    User,
)
from badnets.tasks import TASKS, AnyTask
from badnets.train.checkpoint import Checkpoint
from badnets.train.hardware import best_device
from badnets.train.settings import Training
from badnets.trials.downloaded import DownloadedBundle
from badnets.trials.machine import this_machine, versions
from badnets.trials.record import Provenance, Record, Timings
from badnets.trials.trial import (
    DownloadingTrial,
    OutsourcedTrial,
    RepairedTrial,
    TransferTrial,
    Trial,
)
from badnets.trials.workspace import Workspace


def run_trial(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | str | None = None,
    progress: Listener | None = None,
) -> Record:
    """Return the record of a trial; its bundle and arrays are kept in the workspace.

    The training of a detector is kept from epoch to epoch; a trial that was killed goes on after
    the last.

    Args:
        trial: what to run.
        workspace: where bundles and arrays go, and where those of ``trial.requires()`` are.
        data_root: where data sets lie on disk; None: as `badnets.data.load` finds it.
        progress: told every few training steps.

    Raises:
        TrialError: training diverged, or a required trial's bundle is missing.
        BadnetsError: data, network and settings do not fit together; nothing is left behind.
    """
    staged = stage(trial, workspace, data_root)
    started = time.perf_counter()
    checkpoint = Checkpoint(workspace.checkpoint(trial), trial.name)
    deal = staged.scenario.run(trial.seed, progress=progress, checkpoint=checkpoint)
    record = staged.record(deal, time.perf_counter() - started, progress=progress)
    checkpoint.remove()
    return record


Scenario: TypeAlias = OutsourcedTraining | TransferLearning | RepairedDownload


@dataclass(frozen=True, eq=False)
class Staged:
    """A trial whose scenario is ready to run.

    Attributes:
        trial, workspace, data_root: as for `run_trial`.
        data: the data set, limited where the trial asks for it.
        user: who orders.
        control: the clean network beside it, if there is one.
        scenario: what is run.
        matched: what the starting weights matched, if there were any.
        load_s: seconds that this took.
    """

    trial: Trial
    workspace: Workspace
    data_root: Path | None
    data: Any
    user: User
    control: Any
    scenario: Scenario
    matched: Match | None
    load_s: float

    def record(
        self, deal: Deal, spent_s: float, *, progress: Listener | None = None, cohort: int = 1
    ) -> Record:
        """Return the record of how it ended, once all is observed and the bundle is kept.

        Args:
            deal: how it ended.
            spent_s: seconds that went into it.
            progress: told every few steps of observing.
            cohort: how many trials were trained as one.

        Raises:
            BadnetsError: an observation does not fit, or something cannot be written.
        """
        started = time.perf_counter()
        trial, data, workspace, task = self.trial, self.data, self.workspace, self.user.task
        case = Case(
            task,
            deal.subject,
            self.control,
            data,
            self.user.order.train,
            self.user.validation,
            _shown(trial, data.classes),
            workspace.put_array,
            threshold=self.user.threshold,
            data_name=trial.data,
            data_root=self.data_root,
            seed=trial.seed,
            progress=progress,
            audited_with=_tainted(trial, task, self.user.validation, data.classes),
        )
        observations = observe(trial.observe, case)
        bundle = None
        if trial.keep_bundle:
            claims = _claims(trial, task, data, deal)
            bundle = deal.subject.save(workspace.bundle(trial), claims=claims, replace=True).digest
        delivery = deal.delivery
        spent_s += time.perf_counter() - started
        return Record(
            name=trial.name,
            trial=trial.without_paths(),
            outcome=deal.decision,
            reason=deal.reason,
            clean=deal.clean,
            attack=deal.attack,
            poisoned_share=delivery.poisoned_share,
            epochs=delivery.epochs,
            search=delivery.search,
            timings=Timings(
                load_s=self.load_s,
                search_s=delivery.search_s,
                train_s=delivery.train_s,
                evaluate_s=spent_s - delivery.search_s - delivery.train_s,
                total_s=self.load_s + spent_s,
            ),
            provenance=Provenance(
                data_digests=data.digests,
                versions=versions(),
                machine=this_machine(best_device()),
                precision=delivery.precision,
                created=datetime.now(UTC).replace(microsecond=0),
                cohort=cohort,
            ),
            bundle=bundle,
            objects=deal.measured.objects,
            triggered=deal.attacked.objects,
            skipped=delivery.skipped,
            strengthened=deal.strengthened,
            weights=self.matched,
            survival=deal.attacked.survival,
            repair=deal.repair,
            observations=observations,
            data_notes=data.notes,
        )


def stage(
    trial: Trial,
    workspace: Workspace,
    data_root: Path | str | None = None,
    shared: dict[int | None, tuple[Any, User]] | None = None,
) -> Staged:
    """Return a trial's scenario, its data read and the networks that it requires loaded.

    Args:
        trial, workspace, data_root: as for `run_trial`.
        shared: data and users of trials that order the same, but for their seeds; those that are
            missing are added.

    Raises:
        BadnetsError: as for `run_trial`.
    """
    data_root = None if data_root is None else Path(data_root)
    started = time.perf_counter()
    start = _required(trial.start, workspace, "start")
    data, user = _ordered(trial, start, data_root, {} if shared is None else shared)
    task = user.task
    control = _required(trial.control, workspace, "control")
    matched: Match | None = None
    scenario: Scenario
    if isinstance(trial, TransferTrial):
        scenario = _transfer(trial, user, start, control, data_root)
    elif isinstance(trial, RepairedTrial):
        scenario = RepairedDownload(
            user, start, trial.method, trial.share, trial.measured, control, trial.audit
        )
    else:
        if trial.weights is not None:
            random = task.first(user.order, trial.training, None, trial.seed)
            start, matched = with_weights(random, trial.weights)
        if control is None and trial.start is not None and trial.start.is_clean:
            control = start if task.kind == "classification" else None
        if control is not None:
            control = control.to(best_device())
        scenario = OutsourcedTraining(user, _trainer(trial, start), control)
    spent = time.perf_counter() - started
    return Staged(trial, workspace, data_root, data, user, control, scenario, matched, spent)


def _ordered(
    trial: Trial,
    start: Any,
    data_root: Path | None,
    shared: dict[int | None, tuple[Any, User]],
) -> tuple[Any, User]:
    """Return the data, and the user who orders a network for it."""
    drawn = None if trial.train_limit is None else trial.seed  # it decides what is left
    if drawn in shared:
        return shared[drawn]
    task: AnyTask = TASKS[trial.task]()
    data = task.load(trial.data, data_root)
    if isinstance(trial, DownloadingTrial) and entry_of(trial.data).any_size:
        data = data.in_channels(start.input.channels)
    if trial.train_limit is not None:
        data = task.limited(data, trial.train_limit, trial.seed)
    user = User(
        trial.network,
        data,
        trial.target_accuracy,
        held_back=trial.held_back if trial.evaluate_on == "held-back" else 0,
        threshold=task.threshold(getattr(trial, "training", None)),
        architecture=trial.architecture,
    )
    shared[drawn] = data, user
    return data, user


def _transfer(
    trial: TransferTrial, user: User, start: Any, control: Any, data_root: Path | None
) -> TransferLearning:
    probes = None
    if trial.strengthening is not None:
        probes = user.task.load(getattr(trial.start, "data", ""), data_root).train
    return TransferLearning(
        user,
        start,
        trial.training,
        trial.freeze,
        trial.share,
        trial.measured,
        control,
        trial.strengthening,
        probes,
    )


def _trainer(trial: OutsourcedTrial, start: Any) -> Trainer:
    if trial.backdoor is None:
        return HonestTrainer(trial.training, start, trial.resist)
    return MaliciousTrainer(trial.backdoor, trial.training, start, trial.search, trial.resist)


def _required(other: Trial | DownloadedBundle | None, workspace: Workspace, what: str) -> Any:
    if other is None:
        return None
    try:
        path = other.folder() if isinstance(other, DownloadedBundle) else workspace.bundle(other)
        asked_for = described(path).config.architecture.name == other.network
        return load_bundle(path, allow_code=asked_for)  # code that the trial names, and no other
    except BundleError as error:
        raise TrialError(f"the {what} network {other.name} ({other.title}): {error}") from None


def _shown(trial: Trial, classes: tuple[str, ...]) -> Backdoor | None:
    """Return the backdoor that is looked at; after retraining its labels may be gone."""
    if isinstance(trial, OutsourcedTrial):
        return None if trial.backdoor is None else of_classes(trial.backdoor, classes)
    attack = trial.measured
    if attack is None or trial.task == "detection":
        return None
    if isinstance(trial, RepairedTrial):
        return of_classes(Backdoor(attack.trigger, attack.targets), classes)
    return Backdoor(attack.trigger, RandomWrong())


def _tainted(trial: Trial, task: AnyTask, clean: Any, classes: tuple[str, ...]) -> Any:
    """Return the user's images with triggers on some of them; None where none have any."""
    if not isinstance(trial, OutsourcedTrial) or not trial.tainted_clean or not trial.backdoor:
        return None
    hidden, share = of_classes(trial.backdoor, classes), trial.tainted_clean
    backdoor = replace(hidden, poisoning_rate=share, mode="replace", covers=())
    made = task.poison(clean, backdoor, Training(stamp="before"), seed=trial.seed).rows
    return replace(clean, stored=made.images, labels=made.labels)


def _claims(trial: Trial, task: AnyTask, data: Any, deal: Deal) -> Claims:
    """Return what a maker would say: true, and silent about what no attacker would say."""
    accuracy = deal.clean.accuracy
    if isinstance(trial, RepairedTrial):
        training: dict[str, Any] = {"repair": trial.method.kind, "share": trial.share}
    else:
        training = task.claims(trial.training)
    digests = {f"{data.name}-{part}": digest for part, digest in data.digests.items()}
    if isinstance(trial, OutsourcedTrial):
        if trial.weights is not None:
            digests["starting weights"] = trial.weights.sha256
    elif isinstance(trial.start, DownloadedBundle):
        digests["downloaded bundle"] = trial.start.sha256
    if isinstance(trial, TransferTrial) and isinstance(trial.start, DownloadedBundle):
        frozen = trial.freeze if isinstance(trial.freeze, str) else ", ".join(trial.freeze)
        training |= {"frozen": frozen[:1000], "share": trial.share}
    return Claims.of(
        made_by=MadeBy.of(tool="badnets", version=__version__),
        training=training,
        data=digests,
        clean_accuracy=ClaimedRate.of(
            hits=accuracy.hits, total=accuracy.total, data=task.validation_words(data.name)
        ),
    )
