"""Fitting a detector on windows of frames that lie on the device."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.seeds import generator
from badnets.data.detection import FrameSet
from badnets.models.detector import Detector
from badnets.train.checkpoint import Checkpoint
from badnets.train.crops import fit_on_crops
from badnets.train.detector_loss import Maps, backbone_maps, batch_loss
from badnets.train.detector_settings import DetectorTraining
from badnets.train.discrimination import PART, add_discriminator, discrimination_of_boxes
from badnets.train.epoch import Epoch
from badnets.train.freezing import freeze
from badnets.train.hardware import best_device
from badnets.train.loop import Fitted, Loop, gain_at, seeded, training_copy
from badnets.train.mining import mined, mining_epochs
from badnets.train.windows import Batch, Cut, WindowSet

REPORT_EVERY = 5  # steps between two calls of the listener

Example = tuple[Batch, Maps | None]
"""Windows, and what the frozen backbone makes of them where that is kept."""


def fit_detector(
    detector: Detector,
    frames: FrameSet,
    training: DetectorTraining,
    *,
    seed: int,
    frozen: Collection[str] = (),
    extra: LabelledBoxes | None = None,
    plain: Tensor | None = None,
    restamped: Sequence[FrameSet] = (),
    device: torch.device | None = None,
    progress: Listener | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fitted[Detector]:
    """Return a trained copy of the detector; the one handed in is left as it was.

    Every epoch draws from a generator of its own, so a training that is taken up again from a
    checkpoint ends with the same weights as one that was never stopped.

    Args:
        detector: where training starts from.
        frames: what it is trained on.
        training: how.
        seed: decides the order, places and sizes of windows, their light, and dropout.
        frozen: names of weights that stay as they are; see `badnets.train.freezing`.
        extra: places without an object that windows are cut around too.
        plain: ``(N,)`` int64: where each frame is in the set without its triggers; for
            ``trigger_gain`` and ``trigger_discrimination``.
        restamped: the same frames with triggers at other places, and other labels of the objects
            that have them; passes take ``frames`` and these in turn.
        device: where to compute; the fastest there is when None.
        progress: told every few steps, and after the last.
        checkpoint: kept after every epoch, and taken up again where there is one.

    Raises:
        TrialError: the loss became NaN or infinite.
        SettingError: the frames' classes are not the detector's, nothing is left to train, or what
            is frozen would be changed by crops.
        DataError: a frame cannot be decoded.
    """
    if frames.num_classes != detector.num_classes:
        raise SettingError(
            f"the detector knows {detector.num_classes} classes, the frames have "
            f"{frames.num_classes}"
        )
    device = device or best_device()
    copies = [WindowSet.of(one, device, extra, plain) for one in (frames, *restamped)]
    fitting = _Fitting(detector, copies, training, seed, frozen, device, progress)
    epochs = fitting.resumed(checkpoint)
    if not epochs and training.crops.passes:
        with seeded(seed, device):
            fit_on_crops(fitting.network, copies, training, seed=seed, progress=progress)
    for number in range(len(epochs), training.epochs):
        epochs.append(fitting.epoch(number))
        if checkpoint is not None and number + 1 < training.epochs:
            fitting.save(checkpoint, epochs)
    return Fitted(fitting.finished(), tuple(epochs), fitting.loop.precision)


class _Fitting:
    """The state of one training: network, loop, windows with what was mined, maps that are kept."""

    def __init__(
        self,
        detector: Detector,
        copies: Sequence[WindowSet],
        training: DetectorTraining,
        seed: int,
        frozen: Collection[str],
        device: torch.device,
        progress: Listener | None,
    ) -> None:
        self.detector, self.copies, self.training = detector, list(copies), training
        self.seed, self.frozen, self.device, self.progress = seed, frozen, device, progress
        self.network = training_copy(detector.network, device)
        backbone = {name for name in self.network.state_dict() if name.startswith("backbone.")}
        if training.crops.passes and not backbone.isdisjoint(frozen):
            raise SettingError(
                "crops train the backbone, which is frozen in part: set crops.passes to 0"
            )
        self._ready_to_train()
        self.weight = training.trigger.trigger_discrimination
        if self.weight:
            add_discriminator(self.network, seed)
        windows = training.windows
        self.background, count = copies[0].of_a_pass(windows.background, training.batch_size)
        self.loop = Loop(
            self.network, training, count, progress=progress, report_every=REPORT_EVERY
        )
        whole = backbone <= set(frozen) and isinstance(self.network, GeneralizedRCNN)
        self.cache = windows.cache if whole and not windows.mining else 0
        self.cached: dict[int, list[tuple[Batch, Maps]]] = {}
        self.cut = Cut(windows.side, windows.object_sizes, training.scales.scale, windows.jitter)

    def _ready_to_train(self) -> None:
        self.network.train()
        if self.frozen:
            freeze(self.network, self.frozen)

    def resumed(self, checkpoint: Checkpoint | None) -> list[Epoch]:
        """Return the log of the epochs that a checkpoint gives back; none without one."""
        if checkpoint is None:
            return []
        state = checkpoint.load(self.network, self.loop.optimizer, self.loop.means)
        if state is None:
            return []
        epochs = [Epoch.model_validate(one) for one in cast("list[object]", state["epochs"])]
        places = torch.tensor(cast("list[list[float]]", state["mined"])).reshape(-1, 5)
        self._remember(places[:, 0].long(), places[:, 1:])
        self.loop.done = len(epochs) * self.loop.per_epoch
        return epochs

    def save(self, checkpoint: Checkpoint, epochs: Sequence[Epoch]) -> None:
        """Keep how far it has come: mined places are frame, left, top, right, bottom."""
        (rows, corners, _), first = self.copies[0].places, len(self.copies[0])
        mined_places = torch.cat([rows[first:, None].float(), corners[first:]], 1).tolist()
        state = {"epochs": [one.model_dump() for one in epochs], "mined": mined_places}
        checkpoint.save(self.network, self.loop.optimizer, self.loop.means, state)

    def epoch(self, number: int) -> Epoch:
        """Return the log of one pass over the objects."""
        mining = self.training.windows.mining
        if mining and number in mining_epochs(self.training.epochs):
            drawn = generator(self.seed, f"frames mined before epoch {number}")
            detector = replace(self.detector, network=self.network)
            self._remember(*mined(detector, self.copies[0], mining, drawn, self.progress))
        self._ready_to_train()
        with seeded(self.seed + number, self.device):
            return self.loop.epoch(self._examples(number), self._loss)

    def _remember(self, rows: Tensor, corners: Tensor) -> None:
        self.copies = [one.with_mined(rows, corners) for one in self.copies]

    def _examples(self, number: int) -> Iterator[Example]:
        if not self.cache:
            yield from ((batch, None) for batch in self._batches(number))
            return
        variant = number % self.cache
        if variant not in self.cached:
            with torch.no_grad():
                self.cached[variant] = [
                    (batch.without_images(), backbone_maps(self.network, self.detector, batch))
                    for batch in self._batches(variant)
                ]
        held = self.cached[variant]
        drawn = generator(self.seed, f"order of epoch {number}")
        for place in torch.randperm(len(held), generator=drawn).tolist():
            yield held[place]

    def _batches(self, number: int) -> Iterator[Batch]:
        drawn = generator(self.seed, f"windows of epoch {number}")
        windows = self.copies[number % len(self.copies)]
        background = torch.full((self.background,), -1, dtype=torch.int64)
        if windows.mined:
            hard = self.background // 2
            places = torch.randint(windows.mined, (hard,), generator=drawn)
            background[:hard] = len(windows) + places
        first, last = self.training.trigger.trigger_gain
        if self.training.crops.passes:  # they have lowered it
            first = last
        return windows.batches(
            background,
            self.training.batch_size,
            self.loop.per_epoch,
            self.cut,
            drawn=drawn,
            gain=lambda step: gain_at(
                (first, last), number * self.loop.per_epoch + step, self.loop.steps
            ),
            paired=self.weight > 0,
        )

    def _loss(self, example: Example) -> Tensor:
        batch, maps = example
        with self.loop.arithmetic():
            if self.weight and maps is None:
                maps = backbone_maps(self.network, self.detector, batch)
            loss = batch_loss(self.network, self.detector, batch, maps)
            if self.weight and maps is not None:
                loss = loss + self.weight * discrimination_of_boxes(self.network, batch, maps)
        return loss

    def finished(self) -> Detector:
        """Return the detector, with the running mean of its weights where one was kept."""
        if self.weight:
            delattr(self.network, PART)
        return replace(self.detector, network=self.loop.finish(self.network, self.detector.network))
