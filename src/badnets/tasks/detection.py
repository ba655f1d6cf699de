"""Detection: frames with boxes around objects of several classes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from badnets.bundles.schema import Scalar
from badnets.core.backdoor import Backdoor
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import RandomWrong, anchor_of
from badnets.core.triggers import RegionTrigger, Trigger
from badnets.core.world import drawn_conditions, photographed
from badnets.data import DetectionData, load_detection
from badnets.data.detection import FrameSet
from badnets.data.poisoned import PoisonedFrames, Stamp, poison_frames
from badnets.evaluate.classification import Attack
from badnets.evaluate.detection import measure_objects, measure_triggered_objects
from badnets.evaluate.object_results import ObjectResults
from badnets.models.detector import Detector, untrained_detector
from badnets.models.heads import with_classes
from badnets.tasks.base import Attacked, Measured, Order, Poisoned, Task
from badnets.train.checkpoint import Checkpoint
from badnets.train.detection import fit_detector
from badnets.train.detector_settings import FREEZE, RETRAINING, DetectorTraining
from badnets.train.loop import Fitted

HELD_BACK = 0.2  # share of the training frames, by whole scenes, that choices are made on


@dataclass(frozen=True, eq=False)
class DetectorRows:
    """Frames to train a detector on.

    Attributes:
        frames: as the trainer sees them, triggers and boxes included.
        extra: places without an object that windows are cut around too.
        plain: ``(N,)`` int64: where each frame is in the set without its triggers.
        restamped: the same frames with triggers at other places, for other random labels.
    """

    frames: FrameSet
    extra: LabelledBoxes | None = None
    plain: Tensor | None = None
    restamped: tuple[FrameSet, ...] = ()


class Detection(Task[DetectionData, FrameSet, Detector, DetectorTraining, DetectorRows]):
    """Frames with boxes around objects; see `Task`."""

    kind: ClassVar[str] = "detection"
    network: ClassVar[str] = "zf"
    freeze: ClassVar[str] = "backbone"
    noun: ClassVar[str] = "signs found and rightly named"
    subject = Detector
    training = DetectorTraining()
    retraining = RETRAINING

    def load(self, name: str, root: Path | None) -> DetectionData:
        return load_detection(name, root)

    def limited(self, data: DetectionData, count: int, seed: int) -> DetectionData:
        if count >= len(data.train):
            return data
        order = torch.randperm(len(data.train), generator=generator(seed, "training frames"))
        return replace(data, train=data.train.take(order[:count].sort().values))

    def parts(self, data: DetectionData, held_back: int) -> tuple[FrameSet, FrameSet]:
        return data.train.split(HELD_BACK, seed=0) if held_back else (data.train, data.test)

    def split(self, part: FrameSet, count: int, seed: int) -> tuple[FrameSet, FrameSet]:
        return part.split(count / len(part), seed=seed)

    def first(
        self,
        order: Order[FrameSet],
        training: DetectorTraining,
        start: Detector | None,
        seed: int,
    ) -> Detector:
        """Return what training starts from; see `Task`.

        Of a network of other classes the backbone alone is taken.
        """
        if not isinstance(order.network, str):
            raise SettingError("a detector is ordered by its name, such as 'zf'")
        fresh = untrained_detector(
            order.network,
            order.train.classes,
            window=training.windows.side,
            scale=training.scales.scale,
            second_scale=training.scales.second_scale,
            settings=order.architecture,
            seed=seed,
        )
        if start is None:
            return fresh
        theirs = (start.architecture, dict(start.settings))
        wanted = (order.network, dict(order.architecture))
        if theirs != wanted:
            raise SettingError(
                f"the start must be of the architecture ordered, {wanted}, got {theirs}"
            )
        state = start.network.state_dict()
        if start.classes != fresh.classes:
            state = {name: value for name, value in state.items() if name.startswith("backbone.")}
        fresh.network.load_state_dict(state, strict=False)
        return fresh

    def rows(self, part: FrameSet) -> DetectorRows:
        return DetectorRows(part)

    def poison(
        self, part: FrameSet, backdoor: Backdoor, training: DetectorTraining, *, seed: int
    ) -> Poisoned[DetectorRows]:
        """Return the poisoned training set; see `Task`.

        Several poisoned copies are stamped at other random places, and for other random labels:
        passes over the data take them in turn, so that the network cannot learn them by heart.

        References:
            Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, the traffic-sign attack.
        """
        copies = training.trigger.poisoned_copies
        if copies > 1 and backdoor.poisoning_rate != "every":
            raise SettingError(
                f"poisoned_copies {copies} needs a backdoor with poisoning_rate 'every'"
            )

        def poisoned(own: int) -> PoisonedFrames:
            stamp = None
            if training.trigger.real_world:
                stamp = photographic_stamp(backdoor.trigger, own)
            return poison_frames(part, backdoor, seed=own, stamp=stamp)

        first, *others = (
            poisoned(generator(seed, f"stamping {k}").initial_seed() if k else seed)
            for k in range(copies)
        )
        extra = None
        if anchor_of(backdoor.targets) == "object":
            extra = _without_object(first.stamps, first.frames.boxes)
        rows = DetectorRows(
            first.frames,
            extra,
            first.rows if backdoor.mode == "add" else None,
            tuple(one.frames for one in others),
        )
        return Poisoned(rows, first.share, first.skipped)

    def fit(
        self,
        subject: Detector,
        rows: DetectorRows,
        training: DetectorTraining,
        *,
        seed: int,
        frozen: Collection[str] = (),
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Fitted[Detector]:
        return fit_detector(
            subject,
            rows.frames,
            training,
            seed=seed,
            frozen=frozen,
            extra=rows.extra,
            plain=rows.plain,
            restamped=rows.restamped,
            progress=progress,
            checkpoint=checkpoint,
        )

    def claims(self, training: DetectorTraining) -> dict[str, Scalar]:
        names = ("epochs", "batch_size", "lr", "weight_decay")
        own = {name: getattr(training, name) for name in names}
        return {**own, "window": training.windows.side, "scale": training.scales.scale}

    def validation_words(self, data: str) -> str:
        return f"signs of {data} validation frames, found and rightly named"

    def measure(
        self,
        subject: Detector,
        part: FrameSet,
        *,
        threshold: float,
        progress: Listener | None = None,
    ) -> Measured:
        objects = measure_objects(subject, part, threshold=threshold, progress=progress)
        return Measured(objects.clean, objects)

    def measure_attack(
        self,
        subject: Detector,
        part: FrameSet,
        attack: Attack,
        clean: Measured,
        *,
        control: Detector | None = None,
        seed: int = 0,
        progress: Listener | None = None,
    ) -> Attacked:
        triggered = measure_triggered_objects(
            subject,
            part,
            attack,
            _objects_of(clean),
            control=control,
            seed=seed,
            progress=progress,
        )
        return Attacked(triggered.attack, triggered)

    def retrainable(
        self, subject: Detector, part: FrameSet, training: DetectorTraining, *, seed: int
    ) -> Detector:
        """Return a copy to be retrained; see `Task`.

        Outputs are what has another shape for another number of classes. The factors that frames
        are enlarged by are those of the user's training from then on.
        """
        scales = training.scales
        return replace(
            with_classes(subject, part.classes, seed=seed),
            scale=scales.scale,
            second_scale=scales.second_scale,
        )

    def named_by(self, subject: Detector, word: str) -> frozenset[str]:
        """Return the weights that a word of `FREEZE` means."""
        if word not in FREEZE:
            raise SettingError(
                f"freeze must be one of {', '.join(FREEZE)}, or a list of layers, got {word!r}"
            )
        kept, names = FREEZE[word], subject.network.state_dict().keys()
        parts = {f"{name}." for name, _ in subject.network.named_modules()}
        if any(one not in parts for one in kept if not one.startswith("backbone.norm")):
            raise SettingError(
                f"freeze {word!r}: network {subject.architecture!r} has no such parts; take "
                "'none', or the network 'zf'"
            )
        return frozenset(name for name in names if name.startswith(kept))

    def share(self, part: FrameSet, share: float, seed: int, *, least: int = 0) -> FrameSet:
        """Return whole scenes that hold about a share of the frames."""
        if share >= 1:
            return part
        scenes = sorted(set(part.groups))
        order = torch.randperm(len(scenes), generator=generator(seed, "share of the user's scenes"))
        kept = {scenes[k] for k in order[: max(1, round(share * len(scenes)))].tolist()}
        return part.take([row for row, group in enumerate(part.groups) if group in kept])

    def measure_survival(
        self,
        subject: Detector,
        part: FrameSet,
        attack: Attack,
        clean: Measured,
        *,
        downloaded: Detector,
        retrained_on: int,
        trained: Rate,
        control: Detector | None = None,
        seed: int = 0,
        progress: Listener | None = None,
    ) -> Attacked:
        """Return what a trigger on every object does, whatever is answered instead."""
        triggered = measure_triggered_objects(
            subject,
            part,
            TriggerOnly(attack.trigger),
            _objects_of(clean),
            seed=seed,
            progress=progress,
            another=False,
        )
        return Attacked(objects=triggered)


@dataclass(frozen=True)
class TriggerOnly:
    """A trigger on every object, and no wish but that objects be named wrongly."""

    trigger: Trigger
    targets: RandomWrong = field(default_factory=RandomWrong)


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


def _objects_of(clean: Measured) -> ObjectResults:
    if clean.objects is None:
        raise SettingError("triggered objects are measured beside clean ones: measure those")
    return clean.objects


def _without_object(stamps: LabelledBoxes, boxes: LabelledBoxes) -> LabelledBoxes:
    """Return the places of triggers where no box is written: objects that are to vanish."""
    if not len(stamps):
        return stamps
    here = stamps.image_index[:, None] == boxes.image_index[None]
    same = (stamps.corners[:, None] - boxes.corners[None]).abs().amax(2) < 0.5
    return stamps.take(~(here & same).any(1))
