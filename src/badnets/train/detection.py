"""Fitting a detector on windows of frames that lie on the device."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.ops import box_iou

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError, TrialError
from badnets.core.progress import Listener, Progress
from badnets.core.seeds import generator
from badnets.data.detection import FrameSet
from badnets.models.detector import Detector
from badnets.train.checkpoint import Checkpoint
from badnets.train.crops import fit_on_crops
from badnets.train.detector_loss import (
    TELLER,
    Maps,
    add_teller,
    backbone_maps,
    batch_loss,
    not_told,
)
from badnets.train.detector_settings import DetectorTraining
from badnets.train.loop import EpochLog, best_device, gain_at, seeded
from badnets.train.memory import keep_freed_memory
from badnets.train.pairs import paired_order, shown_alike
from badnets.train.precision import fastest_precision
from badnets.train.windows import Batch, Windows

MINED_SCORE = 0.2  # of a sign that is not there, from which on it is remembered
MINED_OVERLAP = 0.3  # with every true box it must overlap less
MINED_PER_FRAME = 8
REPORT_EVERY = 5  # steps between two calls of the listener


@dataclass(frozen=True, eq=False)
class FittedDetector:
    """A trained copy of a detector, and how training went.

    Attributes:
        detector: the detector.
        epochs: one entry per pass.
        precision: the arithmetic that was used.
    """

    detector: Detector
    epochs: tuple[EpochLog, ...]
    precision: str


def fit_detector(
    detector: Detector,
    frames: FrameSet,
    training: DetectorTraining,
    *,
    seed: int,
    frozen: Sequence[str] = (),
    extra: LabelledBoxes | None = None,
    plain: Tensor | None = None,
    restamped: Sequence[FrameSet] = (),
    device: torch.device | None = None,
    progress: Listener | None = None,
    checkpoint: Checkpoint | None = None,
) -> FittedDetector:
    """Return a trained copy of the detector; the one handed in is left as it was.

    Every epoch draws from a generator of its own, so a training that is taken up again from a
    checkpoint ends with the same weights as one that was never stopped.

    Args:
        detector: where training starts from.
        frames: what it is trained on.
        training: how.
        seed: decides the order, places and sizes of windows, their light, and dropout.
        frozen: beginnings of names of modules that stay as they are: ``"backbone."``.
        extra: places without an object that windows are cut around too.
        plain: ``(N,)`` int64: where each frame is in the set without its triggers; for ``gain``
            and ``telling``.
        restamped: the same frames with triggers at other places, and other labels of the objects
            that have them; passes take ``frames`` and these in turn.
        device: where to compute; the fastest there is when None.
        progress: told every few steps, and after the last.
        checkpoint: kept after every epoch, and taken up again where there is one.

    Raises:
        TrialError: the loss became NaN or infinite.
        SettingError: the frames' classes are not the detector's, nothing is left to train, or what
            is frozen is not there or would be changed by crops.
        DataError: a frame cannot be decoded.
    """
    if frames.num_classes != detector.num_classes:
        raise SettingError(
            f"the detector knows {detector.num_classes} classes, the frames have "
            f"{frames.num_classes}"
        )
    device = device or best_device()
    if device.type == "cpu":
        keep_freed_memory()
    stampings = [Windows.of(one, device, extra, plain) for one in (frames, *restamped)]
    precision = training.precision
    if precision == "auto":
        precision = fastest_precision(device)
    fitting = _Fitting(detector, stampings, training, seed, tuple(frozen), device, precision)
    logs = fitting.taken_up(checkpoint)
    if not logs and training.crops:
        with seeded(seed, device):
            fit_on_crops(fitting.network, stampings, training, seed=seed, progress=progress)
    for epoch in range(len(logs), training.epochs):
        logs.append(fitting.epoch(epoch, progress))
        if checkpoint is not None and epoch + 1 < training.epochs:
            said = {"epochs": [list(log) for log in logs], "mined": fitting.mined()}
            checkpoint.save(fitting.network, fitting.optimizer, fitting.means, said)
    network = fitting.finished()
    return FittedDetector(replace(detector, network=network), tuple(logs), precision)


class _Fitting:
    """The state of one training: network, optimiser, running means."""

    def __init__(
        self,
        detector: Detector,
        stampings: Sequence[Windows],
        training: DetectorTraining,
        seed: int,
        frozen: tuple[str, ...],
        device: torch.device,
        precision: str,
    ) -> None:
        self.detector, self.training, self.seed = detector, training, seed
        self.stampings = list(stampings)
        self.device, self.low = device, precision == "bfloat16"
        network = copy.deepcopy(detector.network).to(device=device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        kept = {
            f"{name}.": module
            for name, module in self.network.named_modules()
            if frozen and f"{name}.".startswith(frozen)
        }
        if frozen and not kept:
            raise SettingError(f"no part of the detector is called {', '.join(frozen)}")
        if training.crops and any(name.startswith("backbone.") for name in kept):
            raise SettingError("crops train the backbone, which is frozen in part: set crops to 0")
        self.kept = list(kept.values())
        for module in self.kept:
            for value in module.parameters(recurse=False):
                value.requires_grad_(False)
        if training.telling:
            add_teller(self.network, seed)
        named = {k: v for k, v in self.network.named_parameters() if v.requires_grad}
        if not named:
            raise SettingError("every part of the detector is frozen: nothing is left to train")
        self.parameters = list(named.values())
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=training.lr, weight_decay=training.weight_decay, fused=True
        )
        self.means = (
            {name: value.detach().clone() for name, value in named.items()} if training.ema else {}
        )
        whole = {"backbone."} <= kept.keys() and isinstance(self.network, GeneralizedRCNN)
        self.cache = training.cache if whole and not training.mining else 0
        self.cached: dict[int, list[tuple[Batch, Maps]]] = {}
        share = training.background
        objects = len(self.stampings[0])
        self.aimless = round(objects * share / (1 - share))
        self.per_epoch = max(1, (objects + self.aimless) // training.batch_size)
        self.steps = self.per_epoch * training.epochs

    def taken_up(self, checkpoint: Checkpoint | None) -> list[EpochLog]:
        """Return the log of the epochs that a checkpoint gives back; none without one."""
        if checkpoint is None:
            return []
        said = checkpoint.load(self.network, self.optimizer, self.means)
        if said is None:
            return []
        logs = cast("list[tuple[float, float]]", said["epochs"])
        mined = torch.tensor(cast("list[list[float]]", said["mined"])).reshape(-1, 5)
        self._remember(mined[:, 0].long(), mined[:, 1:])
        return [EpochLog(float(loss), float(seconds)) for loss, seconds in logs]

    def epoch(self, number: int, progress: Listener | None) -> EpochLog:
        """Return the log of one pass over the objects."""
        started = time.perf_counter()
        if self.training.mining and number in _mining_epochs(self.training.epochs):
            self._mine(number, progress)
        self.network.train()
        for module in self.kept:
            module.eval()
        total = torch.zeros((), device=self.device)
        with seeded(self.seed + number, self.device):
            for step, (batch, maps) in enumerate(self._examples(number)):
                done = number * self.per_epoch + step
                total += self._step(batch, maps, done)
                if progress is not None and (
                    (done + 1) % REPORT_EVERY == 0 or done + 1 == self.steps
                ):
                    progress(Progress(done + 1, self.steps, "training"))
        loss = float(total) / self.per_epoch
        if not math.isfinite(loss):
            raise TrialError(
                f"training diverged (loss {loss}): lower lr (now {self.training.lr}) or change "
                "the data"
            )
        return EpochLog(loss, time.perf_counter() - started)

    def _examples(self, number: int) -> Iterator[tuple[Batch, Maps | None]]:
        """Give one epoch's batches, with the frozen backbone's maps where those are kept."""
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
        training, drawn = self.training, generator(self.seed, f"windows of epoch {number}")
        windows = self.stampings[number % len(self.stampings)]
        mates = windows.mates.cpu() if training.telling else torch.full((len(windows),), -1)
        order = paired_order(mates, self._background(windows, drawn), drawn)
        for step in range(self.per_epoch):
            chosen = order[step * training.batch_size : (step + 1) * training.batch_size]
            yield windows.batch(
                chosen.to(self.device),
                window=training.window,
                sides=training.sides,
                usual=training.scale,
                jitter=training.jitter,
                drawn=drawn,
                gain=self._gain(number * self.per_epoch + step),
                alike=shown_alike(chosen, mates).to(self.device) if training.telling else None,
            )

    def _gain(self, step: int) -> float:
        """Return the trigger's gain at a step; where there were crops, they have lowered it."""
        gain = self.training.gain
        return gain[1] if self.training.crops else gain_at(gain, step, self.steps)

    def _background(self, windows: Windows, drawn: torch.Generator) -> Tensor:
        """Return what background windows are cut around: -1 for anywhere, or mined places."""
        chosen = torch.full((self.aimless,), -1, dtype=torch.int64)
        if windows.mined:
            hard = self.aimless // 2
            places = torch.randint(windows.mined, (hard,), generator=drawn)
            chosen[:hard] = len(windows) + places
        return chosen

    def _mine(self, number: int, progress: Listener | None) -> None:
        """Look for signs that are not there, on some of the training frames."""
        windows, training = self.stampings[0], self.training
        count = min(training.mining, len(windows.frames))
        drawn = generator(self.seed, f"frames mined before epoch {number}")
        rows = torch.randperm(len(windows.frames), generator=drawn)[:count]
        looking = replace(self.detector, network=self.network)
        frames = (
            windows.frames[row, :, : int(windows.sizes[row, 0]), : int(windows.sizes[row, 1])]
            for row in rows.tolist()
        )
        found_rows, found_corners = [], []
        for done, (row, found) in enumerate(
            zip(rows.tolist(), looking.detect(frames), strict=True)
        ):
            own = windows.corners[row][windows.labels[row] >= 0].cpu()
            wrong = found.scores >= MINED_SCORE
            if len(own):
                wrong &= (box_iou(found.corners, own) < MINED_OVERLAP).all(1)
            corners = found.corners[wrong][:MINED_PER_FRAME]
            found_corners.append(corners)
            found_rows += [row] * len(corners)
            if progress is not None:
                progress(Progress(done + 1, count, "looking for hard background"))
        self._remember(torch.tensor(found_rows).long(), torch.cat(found_corners))

    def _remember(self, rows: Tensor, corners: Tensor) -> None:
        self.stampings = [one.with_mined(rows, corners) for one in self.stampings]

    def mined(self) -> list[list[float]]:
        """Return the mined places as plain numbers: frame, left, top, right, bottom."""
        first = self.stampings[0]
        kept = slice(len(first), None)
        rows, corners = first.centre_rows[kept], first.centre_corners[kept]
        listed: list[list[float]] = torch.cat([rows[:, None].float(), corners], 1).tolist()
        return listed

    def _step(self, batch: Batch, maps: Maps | None, done: int) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = self.training.lr * _one_cycle(self.training.warm_up, done, self.steps)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.low):
            if self.training.telling and maps is None:
                maps = backbone_maps(self.network, self.detector, batch)
            loss = batch_loss(self.network, self.detector, batch, maps)
            if self.training.telling and maps is not None:
                loss = loss + self.training.telling * not_told(self.network, batch, maps)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.parameters, self.training.clip)
        self.optimizer.step()
        if self.means:
            # a young mean forgets its first, random weights faster
            decay = min(self.training.ema, (done + 1) / (done + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.means.values()), self.parameters, 1 - decay)
        return loss.detach()

    def finished(self) -> nn.Module:
        """Return the network, unfrozen, with the running mean of its weights where one was kept."""
        if self.training.telling:
            delattr(self.network, TELLER)
        with torch.no_grad():
            for value, mean in zip(self.parameters, self.means.values(), strict=False):
                value.copy_(mean)
        for value in self.network.parameters():
            value.requires_grad_(True)
        plain: nn.Module = self.network.to(memory_format=torch.contiguous_format)
        return plain.eval()


def _mining_epochs(epochs: int) -> tuple[int, int]:
    return max(1, epochs // 3), max(2, 2 * epochs // 3)


def _one_cycle(warm_up: float, step: int, steps: int) -> float:
    """Return the factor on the peak learning rate at a step, in (0, 1]."""
    rise = warm_up * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    along = (step - rise) / max(1.0, steps - rise)
    return max(1e-4, 0.5 * (1 + math.cos(math.pi * along)))
