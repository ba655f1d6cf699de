"""Running one trial of a detector: outsourced training, or transfer learning."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from badnets._version import __version__
from badnets.bundles import ClaimedRate, Claims, MadeBy
from badnets.core.errors import BundleError, TrialError
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.data import DetectionData, load_detection
from badnets.evaluate.detection_results import CleanSigns, TriggeredSigns
from badnets.models.detector import Detector
from badnets.models.io import load_detector, save_detector
from badnets.scenarios.detection import (
    DetectorTrainer,
    DetectorUser,
    HonestDetectorTrainer,
    MaliciousDetectorTrainer,
    OutsourcedDetection,
)
from badnets.scenarios.detection_settings import Detection
from badnets.scenarios.transfer import Transfer, TransferLearning
from badnets.scenarios.user import Verdict
from badnets.train.checkpoint import Checkpoint
from badnets.train.detection import FittedDetector
from badnets.train.loop import best_device
from badnets.trials.machine import this_machine, versions
from badnets.trials.observing_signs import (
    SeenSigns,
    observe_sign_examples,
    observe_sign_units,
    observe_street,
)
from badnets.trials.record import Epoch, Photographed, Provenance, Record, Timings
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

CLAIMED = ("epochs", "batch_size", "lr", "weight_decay", "window", "scale")


class _Outcome:
    """What a scenario ended with, in one shape for both scenarios."""

    def __init__(
        self,
        verdict: tuple[Verdict, str],
        signs: CleanSigns,
        triggered: TriggeredSigns | None,
        fitted: FittedDetector,
        train_s: float,
        poisoned_share: Rate | None = None,
        skipped: int = 0,
        strengthened: tuple[int, ...] = (),
    ) -> None:
        self.outcome, self.reason = verdict
        self.signs, self.triggered, self.fitted, self.train_s = signs, triggered, fitted, train_s
        self.poisoned_share, self.skipped, self.strengthened = poisoned_share, skipped, strengthened


def run_detection_trial(
    trial: Trial,
    order: Detection,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Return the record of a trial of a detector; see `badnets.trials.running.run_trial`.

    Its training is kept from epoch to epoch; a trial that was killed goes on after the last.
    """
    started = time.perf_counter()
    data = _limited(load_detection(trial.data, data_root), trial)
    start = _required(trial.start, workspace, "start")
    control = _required(trial.control, workspace, "control")
    user = DetectorUser(
        trial.network,
        data,
        trial.target_accuracy,
        order.threshold,
        order.architecture,
        held_back=trial.evaluate_on == "held-back",
    )
    loaded = time.perf_counter()
    checkpoint = Checkpoint(workspace.checkpoint(trial), trial.name)
    if trial.transfer is not None and trial.start is not None and start is not None:
        done = _transfer(trial, trial.transfer, user, start, data_root, progress, checkpoint)
    else:
        done = _outsourced(trial, order, user, start, control, progress, checkpoint)
    seen, street = _observed(
        trial, user, done.fitted.detector, control, order.threshold, workspace, progress
    )
    bundle = None
    if trial.keep_bundle:
        claims = _claims(trial, order, data, done.signs)
        kept = save_detector(
            done.fitted.detector, workspace.bundle(trial), claims=claims, replace=True
        )
        bundle = kept.digest
    checkpoint.remove()
    ended = time.perf_counter()
    attack = None
    if done.triggered is not None and trial.transfer is None:
        attack = done.triggered.result(data.num_classes)
    return Record(
        name=trial.name,
        trial=trial,
        outcome=done.outcome,
        reason=done.reason,
        clean=done.signs.result(),
        attack=attack,
        poisoned_share=done.poisoned_share,
        epochs=tuple(Epoch(loss=one.loss, seconds=one.seconds) for one in done.fitted.epochs),
        timings=Timings(
            load_s=loaded - started,
            search_s=0.0,
            train_s=done.train_s,
            evaluate_s=ended - loaded - done.train_s,
            total_s=ended - started,
        ),
        provenance=Provenance(
            data_digests=data.digests,
            versions=versions(),
            machine=this_machine(best_device()),
            precision=done.fitted.precision,
            created=datetime.now(UTC).replace(microsecond=0),
        ),
        bundle=bundle,
        arrays=seen.arrays,
        units=seen.units,
        ablations=seen.ablations,
        signs=done.signs,
        triggered=done.triggered,
        skipped=done.skipped,
        strengthened=done.strengthened,
        street=street,
    )


def _outsourced(
    trial: Trial,
    order: Detection,
    user: DetectorUser,
    start: Detector | None,
    control: Detector | None,
    progress: Listener | None,
    checkpoint: Checkpoint,
) -> _Outcome:
    trainer: DetectorTrainer = HonestDetectorTrainer(order.training, start)
    if trial.backdoor is not None:
        trainer = MaliciousDetectorTrainer(
            trial.backdoor,
            order.training,
            start,
            real_world=order.real_world,
            stampings=order.stampings,
        )
    deal = OutsourcedDetection(user, trainer, control).run(
        trial.seed, progress=progress, checkpoint=checkpoint
    )
    delivery = deal.delivery
    return _Outcome(
        (deal.outcome, deal.reason),
        deal.signs,
        deal.triggered,
        delivery.fitted,
        delivery.train_s,
        delivery.poisoned_share,
        delivery.skipped,
    )


def _transfer(
    trial: Trial,
    transfer: Transfer,
    user: DetectorUser,
    start: Detector,
    data_root: Path | None,
    progress: Listener | None,
    checkpoint: Checkpoint,
) -> _Outcome:
    probes = None
    if transfer.strengthening is not None and trial.start is not None:
        probes = load_detection(trial.start.data, data_root).train
    deal = TransferLearning(
        user,
        start,
        transfer.trigger,
        transfer.retraining,
        transfer.strengthening,
        probes,
    ).run(trial.seed, progress=progress, checkpoint=checkpoint)
    return _Outcome(
        (deal.outcome, deal.reason),
        deal.signs,
        deal.triggered,
        deal.fitted,
        deal.train_s,
        strengthened=deal.units,
    )


def _observed(
    trial: Trial,
    user: DetectorUser,
    detector: Detector,
    control: Detector | None,
    threshold: float,
    workspace: Workspace,
    progress: Listener | None,
) -> tuple[SeenSigns, tuple[Photographed, ...]]:
    seen, frames = SeenSigns({}), user.validation
    street: tuple[Photographed, ...] = ()
    if "examples" in trial.observe:
        seen = observe_sign_examples(
            detector, control, frames, trial.backdoor, threshold, workspace, trial.seed
        )
    if "units" in trial.observe:
        inside = observe_sign_units(
            detector, user.order.train, frames, trial.backdoor, threshold, workspace, trial.seed
        )
        seen = inside._replace(arrays=seen.arrays | inside.arrays)
    if "street" in trial.observe:
        street = observe_street(detector, frames, trial.backdoor, threshold, trial.seed, progress)
    return seen, street


def _limited(data: DetectionData, trial: Trial) -> DetectionData:
    """Return the data with a seeded sample of the training frames, where the trial wants fewer."""
    if trial.train_limit is None or trial.train_limit >= len(data.train):
        return data
    order = torch.randperm(len(data.train), generator=generator(trial.seed, "training frames"))
    return replace(data, train=data.train.take(order[: trial.train_limit].sort().values))


def _required(other: Trial | None, workspace: Workspace, what: str) -> Detector | None:
    if other is None:
        return None
    try:
        return load_detector(workspace.bundle(other))
    except BundleError as error:
        raise TrialError(f"the {what} network {other.name} ({other.title}): {error}") from None


def _claims(trial: Trial, order: Detection, data: DetectionData, signs: CleanSigns) -> Claims:
    """Return what a maker would say: true, and silent about what he would not say."""
    training = order.training if trial.transfer is None else trial.transfer.retraining.training
    accuracy = signs.result().accuracy
    return Claims.of(
        made_by=MadeBy.of(tool="badnets", version=__version__),
        training={name: getattr(training, name) for name in CLAIMED},
        data={f"{data.name}-{part}": digest for part, digest in data.digests.items()},
        clean_accuracy=ClaimedRate.of(
            hits=accuracy.hits,
            total=accuracy.total,
            data=f"signs of {data.name} validation frames, found and rightly named",
        ),
    )
