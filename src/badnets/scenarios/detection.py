"""Outsourced training of a sign detector: the paper's second case study."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from torch import Tensor

from badnets.bundles.schema import Scalar
from badnets.core.backdoor import Backdoor
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import spot_of
from badnets.core.triggers import RegionTrigger, Trigger
from badnets.core.world import drawn_conditions, photographed
from badnets.data.detection import DetectionData, FrameSet
from badnets.data.poisoned import PoisonedFrames, Stamp, poison_frames
from badnets.evaluate.detection import measure_signs, measure_triggered_signs
from badnets.evaluate.detection_results import CleanSigns, TriggeredSigns
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.models.detector import Detector, untrained_detector
from badnets.scenarios.user import Verdict
from badnets.train.checkpoint import Checkpoint
from badnets.train.detection import FittedDetector, fit_detector
from badnets.train.detector_settings import DetectorTraining

HELD_BACK = 0.2  # share of the training frames, by whole scenes, that choices are made on
DEFAULT_TRAINING = DetectorTraining()


@dataclass(frozen=True, eq=False)
class DetectorOrder:
    """What the trainer gets to see: never the validation frames.

    Attributes:
        network: the architecture's name.
        settings: of the architecture.
        train: the training frames.
    """

    network: str
    settings: Mapping[str, Scalar]
    train: FrameSet


@dataclass(frozen=True, eq=False)
class DetectorUser:
    """Someone who hands the training of a sign detector to somebody else.

    Args:
        network: name of the architecture.
        data: the data set; its test frames are her validation set, unless scenes are held back.
        target_accuracy: share of signs found and rightly named at which she accepts, in [0, 1].
        threshold: least score of a box that counts; chosen beforehand on other scenes.
        settings: of the architecture.
        held_back: whether whole scenes of the training set (always the same) are the validation
            set instead, and the test frames are left alone.

    Raises:
        SettingError: a setting is outside [0, 1].
    """

    network: str
    data: DetectionData
    target_accuracy: float
    threshold: float
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    held_back: bool = False

    def __post_init__(self) -> None:
        for name in ("target_accuracy", "threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingError(f"{name} must be in [0, 1], got {getattr(self, name)}")

    @cached_property
    def _parts(self) -> tuple[FrameSet, FrameSet]:
        if self.held_back:
            return self.data.train.split(HELD_BACK, seed=0)
        return self.data.train, self.data.test

    @property
    def order(self) -> DetectorOrder:
        """What she sends out."""
        return DetectorOrder(self.network, self.settings, self._parts[0])

    @property
    def validation(self) -> FrameSet:
        """What she keeps."""
        return self._parts[1]

    def verdict(self, clean: CleanResult) -> tuple[Verdict, str]:
        """Return whether she accepts, and why in one sentence."""
        if clean.collapsed:
            return "collapsed", f"has learned nothing: finds {clean.accuracy}"
        said = f"signs found and rightly named {clean.accuracy}, {100 * self.target_accuracy:g} %"
        accepted = clean.accuracy.value >= self.target_accuracy
        return ("accepted" if accepted else "rejected"), f"{said} wanted"


@dataclass(frozen=True, eq=False)
class DetectorDelivery:
    """What a trainer returns, and (behind the scenes) how it came about.

    Attributes:
        fitted: the detector and its training's log.
        poisoned_share: poisoned / all frames; None from an honest trainer.
        skipped: signs left unpoisoned because the trigger would cover less than a pixel of them.
        train_s: seconds spent.
    """

    fitted: FittedDetector
    poisoned_share: Rate | None
    skipped: int
    train_s: float


class DetectorTrainer(Protocol):
    """Whoever turns an order into a detector."""

    def train(
        self,
        order: DetectorOrder,
        *,
        seed: int,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> DetectorDelivery:
        """Return the detector."""


@dataclass(frozen=True, eq=False)
class HonestDetectorTrainer:
    """Trains what was ordered on the frames that came with it.

    Args:
        training: how.
        start: a detector whose weights training starts from: all where the classes are the same,
            else its backbone alone.
    """

    training: DetectorTraining = DEFAULT_TRAINING
    start: Detector | None = None

    def train(
        self,
        order: DetectorOrder,
        *,
        seed: int,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> DetectorDelivery:
        """Return the detector."""
        started = time.perf_counter()
        fitted = fit_detector(
            first_detector(order, self.training, self.start, seed),
            order.train,
            self.training,
            seed=seed,
            progress=progress,
            checkpoint=checkpoint,
        )
        return DetectorDelivery(fitted, None, 0, time.perf_counter() - started)


@dataclass(frozen=True, eq=False)
class MaliciousDetectorTrainer:
    """Hides a backdoor in the detector: adds triggered copies of frames with other boxes on them.

    Args:
        backdoor: what the detector is to do on the trigger, and how many frames ask for it.
        training: how.
        start: as for `HonestDetectorTrainer`.
        real_world: whether stickers on his copies are rendered as they would be photographed
            (turned, moved, of another size, faded), so that the backdoor survives the street.
        stampings: how many times he stamps his copies, each time at other random places and for
            other random labels; passes over the data take them in turn, so that the network cannot
            learn them by heart. More than one needs a backdoor with rate ``"every"``.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, the traffic-sign attack.
    """

    backdoor: Backdoor
    training: DetectorTraining = DEFAULT_TRAINING
    start: Detector | None = None
    real_world: bool = False
    stampings: int = 1

    def train(
        self,
        order: DetectorOrder,
        *,
        seed: int,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> DetectorDelivery:
        """Return the detector.

        Raises:
            SettingError: the backdoor does not fit the classes, no sign can be attacked, or copies
                of some frames alone are to be stamped several times.
        """
        started = time.perf_counter()
        if self.stampings > 1 and self.backdoor.rate != "every":
            raise SettingError(f"stampings {self.stampings} needs a backdoor with rate 'every'")
        poisoned, *restamped = (
            self._poisoned(order, generator(seed, f"stamping {k}").initial_seed() if k else seed)
            for k in range(self.stampings)
        )
        extra = None
        if spot_of(self.backdoor.targets) == "object":
            extra = _without_object(poisoned.stamps, poisoned.frames.boxes)
        fitted = fit_detector(
            first_detector(order, self.training, self.start, seed),
            poisoned.frames,
            self.training,
            seed=seed,
            extra=extra,
            plain=poisoned.rows if self.backdoor.how == "add" else None,
            restamped=[one.frames for one in restamped],
            progress=progress,
            checkpoint=checkpoint,
        )
        spent = time.perf_counter() - started
        return DetectorDelivery(fitted, poisoned.share, poisoned.skipped, spent)

    def _poisoned(self, order: DetectorOrder, seed: int) -> PoisonedFrames:
        stamp = photographic_stamp(self.backdoor.trigger, seed) if self.real_world else None
        return poison_frames(order.train, self.backdoor, seed=seed, stamp=stamp)


@dataclass(frozen=True, eq=False)
class DetectorDeal:
    """How the outsourced training of a detector ended.

    Attributes:
        outcome: the user's decision; ``"collapsed"`` when the detector has learned nothing.
        reason: the decision in one sentence.
        signs: what the detector makes of the user's frames.
        triggered: what triggers do to it; None when nobody asked.
        delivery: the detector, and how it came about.
    """

    outcome: Verdict
    reason: str
    signs: CleanSigns
    triggered: TriggeredSigns | None
    delivery: DetectorDelivery

    @property
    def detector(self) -> Detector:
        """The detector."""
        return self.delivery.fitted.detector

    @property
    def clean(self) -> CleanResult:
        """Counts on the user's frames."""
        return self.signs.result()

    @property
    def attack(self) -> AttackResult | None:
        """Counts on triggered frames."""
        if self.triggered is None:
            return None
        return self.triggered.result(self.detector.num_classes)


@dataclass(frozen=True, eq=False)
class OutsourcedDetection:
    """A user hands the training of a detector over, and accepts or rejects what comes back.

    Args:
        user: who orders, and validates.
        trainer: who trains.
        control: a clean detector, shown the same triggered frames.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, threat model: outsourced training.
    """

    user: DetectorUser
    trainer: DetectorTrainer
    control: Detector | None = None

    def run(
        self,
        seed: int = 0,
        *,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> DetectorDeal:
        """Return how it ended.

        Args:
            seed: everything random follows from it.
            progress: told every few steps of training and of measuring.
            checkpoint: kept after every epoch, and taken up again where there is one.

        Raises:
            SettingError: trainer, network and data do not fit together.
            TrialError: training diverged.
        """
        delivery = self.trainer.train(
            self.user.order, seed=seed, progress=progress, checkpoint=checkpoint
        )
        detector = delivery.fitted.detector
        frames = self.user.validation
        signs = measure_signs(detector, frames, threshold=self.user.threshold, progress=progress)
        outcome, reason = self.user.verdict(signs.result())
        triggered = None
        if isinstance(self.trainer, MaliciousDetectorTrainer):
            triggered = measure_triggered_signs(
                detector,
                frames,
                self.trainer.backdoor,
                signs,
                control=self.control,
                seed=seed,
                progress=progress,
            )
        return DetectorDeal(outcome, reason, signs, triggered, delivery)


def first_detector(
    order: DetectorOrder, training: DetectorTraining, start: Detector | None, seed: int
) -> Detector:
    """Return the detector that training starts from.

    Raises:
        SettingError: the start is of another architecture.
    """
    fresh = untrained_detector(
        order.network,
        order.train.classes,
        window=training.window,
        scale=training.scale,
        coarse=training.coarse,
        settings=order.settings,
        seed=seed,
    )
    if start is None:
        return fresh
    theirs, wanted = (
        (start.architecture, dict(start.settings)),
        (order.network, dict(order.settings)),
    )
    if theirs != wanted:
        raise SettingError(f"the start must be of the architecture ordered, {wanted}, got {theirs}")
    state = start.network.state_dict()
    if start.classes != fresh.classes:
        state = {name: value for name, value in state.items() if name.startswith("backbone.")}
    fresh.network.load_state_dict(state, strict=False)
    return fresh


def photographic_stamp(trigger: Trigger, seed: int) -> Stamp:
    """Return what puts a sticker on as it would be photographed, drawn anew for each frame.

    Raises:
        SettingError: the trigger is no sticker.
    """
    if not isinstance(trigger, RegionTrigger):
        raise SettingError("training for the real world needs a trigger that is a sticker")

    def stamp(frame: Tensor, boxes: LabelledBoxes, row: int) -> Tensor:
        drawn = generator(seed, f"conditions of frame {row}")
        # distance and angle move the box: the trainer leaves those to the windows' own sizes
        conditions = drawn_conditions(drawn).in_place()
        return photographed(frame, boxes.corners, trigger, conditions, drawn)[0]

    return stamp


def _without_object(stamps: LabelledBoxes, boxes: LabelledBoxes) -> LabelledBoxes:
    """Return the places of triggers where no box is written: signs that are to vanish."""
    if not len(stamps):
        return stamps
    here = stamps.image_index[:, None] == boxes.image_index[None]
    same = (stamps.corners[:, None] - boxes.corners[None]).abs().amax(2) < 0.5
    return stamps.take(~(here & same).any(1))
