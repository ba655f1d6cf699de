"""One fast loop: sets that fit are uint8 on the device, batches by index; others are streamed."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from badnets.bundles import InputSpec
from badnets.core.errors import SettingError, ShapeError, TrialError
from badnets.core.poisoning import PoisoningPlan
from badnets.core.progress import Listener, Progress
from badnets.core.seeds import generator
from badnets.core.triggers import Trigger
from badnets.data.streamed import Images, in_batches
from badnets.models.subject import Subject, normalise
from badnets.train.augment import Augmentation
from badnets.train.features import features_of
from badnets.train.freezing import freeze
from badnets.train.memory import keep_freed_memory
from badnets.train.precision import fastest_precision
from badnets.train.settings import Training

GAIN_CHANGES = 0.6  # share of the steps over which the trigger's gain goes to its end value
REPORT_EVERY = 20  # steps between two calls of the listener


class EpochLog(NamedTuple):
    """Mean training loss of one epoch, and its wall time in seconds."""

    loss: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained copy of a network, and how training went.

    Attributes:
        subject: the classifier.
        epochs: one entry per pass.
        precision: the arithmetic that was used.
    """

    subject: Subject
    epochs: tuple[EpochLog, ...]
    precision: str


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """A training set as indices into stored images, so that poisoned copies cost no memory.

    Args:
        images: ``(N, C, H, W)`` uint8: a tensor, or what gives them.
        labels: ``(M,)`` int64, as the trainer sees them.
        rows: ``(M,)`` int64 into ``images``; None: row m is image m.
        stamped: ``(M,)`` bool: rows that get the trigger when their batch is made; None: none do.
        trigger: what they get.

    Raises:
        ShapeError: lengths differ, there are no rows, or a trigger is missing.
    """

    images: Images
    labels: Tensor
    rows: Tensor | None = None
    stamped: Tensor | None = None
    trigger: Trigger | None = None

    def __post_init__(self) -> None:
        count = len(self.labels)
        own = len(self.images) if self.rows is None else len(self.rows)
        marked = count if self.stamped is None else len(self.stamped)
        if not count or own != count or marked != count:
            raise ShapeError(f"{own} rows, {count} labels and {marked} marks: want as many of each")
        if (self.stamped is None) != (self.trigger is None):
            raise ShapeError("stamped rows and a trigger belong together")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def is_plain(self) -> bool:
        """Whether row m is image m, for all of them, and none gets a trigger."""
        return self.rows is None and self.stamped is None

    @classmethod
    def poisoned(cls, images: Images, plan: PoisoningPlan, trigger: Trigger) -> TrainingRows:
        """Return the rows of a poisoning plan; triggers are put on when a batch is made."""
        return cls(images, plan.labels, plan.rows, plan.is_poisoned, trigger)

    def to(self, device: torch.device) -> TrainingRows:
        """Return the same rows with every tensor on the device."""
        if self.images.device == device:
            return self
        return TrainingRows(
            self.images.to(device),
            self.labels.to(device),
            None if self.rows is None else self.rows.to(device),
            None if self.stamped is None else self.stamped.to(device),
            self.trigger,
        )


def fit(
    subject: Subject,
    rows: TrainingRows,
    training: Training,
    *,
    seed: int,
    frozen: Collection[str] = (),
    device: torch.device | None = None,
    progress: Listener | None = None,
) -> Fitted:
    """Return a trained copy of the subject; the one handed in is left as it was.

    Where weights are frozen and nothing before the others is random (no augmentation, dropout or
    trigger), what their layers answer is computed once, not in every epoch.

    Args:
        subject: where training starts from.
        rows: what it is trained on.
        training: how.
        seed: decides batch order, augmentation, random places and dropout.
        frozen: names of weights that stay as they are; see `badnets.train.freezing`.
        device: where to compute; the fastest there is when None.
        progress: told every few steps, and after the last.

    Raises:
        TrialError: the loss became NaN or infinite.
        SettingError: labels lie outside the subject's classes, or no weight is left to train.
        ShapeError: the images are not of the shape that the subject takes.
    """
    if tuple(rows.images.shape[1:]) != subject.input.shape:
        raise ShapeError(
            f"the network takes images of shape {subject.input.shape}, "
            f"the training images have {tuple(rows.images.shape[1:])}"
        )
    if int(rows.labels.max()) >= subject.num_classes or int(rows.labels.min()) < 0:
        raise SettingError(f"labels must be in 0..{subject.num_classes - 1}")
    device = device or best_device()
    if device.type == "cpu":
        keep_freed_memory()
    rows = rows.to(device)
    network = copy.deepcopy(subject.network).to(device=device)
    network = network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    if frozen:
        freeze(network, frozen)
    precision = training.precision
    if precision == "auto":
        precision = fastest_precision(device)
    steps_per_epoch = max(1, len(rows) // training.batch_size)
    features = None
    if frozen and not training.augments and rows.is_plain:
        low = precision == "bfloat16"
        features = features_of(network, rows.images, rows.labels, subject.input, low=low)
    trained = network if features is None else features.after
    stepper = _Stepper(trained, training, steps_per_epoch * training.epochs, device, precision)
    batches = generator(seed, "batches")
    places = generator(seed, "trigger places in training")
    logs, done = [], 0
    with seeded(seed, device):
        for _ in range(training.epochs):
            started = time.perf_counter()
            total = torch.zeros((), device=device)
            epoch = (
                _epoch(rows, training, subject.input, batches, places, done, stepper.steps)
                if features is None
                else features.epoch(training.batch_size, batches)
            )
            for images, labels in epoch:
                total += stepper.step(images, labels)
                done += 1
                if progress is not None and (done % REPORT_EVERY == 0 or done == stepper.steps):
                    progress(Progress(done, stepper.steps, "training"))
            loss = float(total) / steps_per_epoch
            if not math.isfinite(loss):
                raise TrialError(
                    f"training diverged (loss {loss}): lower lr (now {training.lr}) "
                    "or change the data"
                )
            logs.append(EpochLog(loss, time.perf_counter() - started))
    stepper.finish()
    for value, own in zip(network.parameters(), subject.network.parameters(), strict=True):
        value.requires_grad_(own.requires_grad)
    network = network.to(memory_format=torch.contiguous_format)
    fitted = Subject(network.eval(), subject.architecture, subject.input, subject.classes)
    return Fitted(fitted, tuple(logs), precision)


def best_device() -> torch.device:
    """Return the GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, which dropout draws from, and restore them afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(generator(seed, "dropout").initial_seed())
        yield


def _epoch(
    rows: TrainingRows,
    training: Training,
    spec: InputSpec,
    batches: torch.Generator,
    places: torch.Generator,
    first_step: int,
    steps: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Give one epoch's normalised batches: gather, augment, stamp, normalise."""
    device = rows.images.device
    order = torch.randperm(len(rows), generator=batches)
    size = training.batch_size
    whole = len(rows) // size * size or len(rows)
    augmentation = Augmentation.drawn(training, len(rows), batches, device)
    order = order.to(device)
    starts = range(0, whole, size)
    parts = (order[start : start + size] for start in starts)
    wanted = (part if rows.rows is None else rows.rows[part] for part in parts)
    for start, images in zip(starts, in_batches(rows.images, wanted), strict=True):
        chosen = order[start : start + size]
        images = augmentation(images, slice(start, start + size))
        batch = normalise(images, spec)
        if rows.stamped is not None and rows.trigger is not None:
            marked = rows.stamped[chosen].nonzero().flatten()
            if len(marked):
                stamped = normalise(rows.trigger(images[marked], generator=places), spec)
                gain = gain_at(training.gain, first_step + start // size, steps)
                batch[marked] = stamped if gain == 1 else batch[marked].lerp(stamped, gain)
        yield batch, rows.labels[chosen]


def gain_at(gain: tuple[float, float], step: int, steps: int) -> float:
    """Return what the trigger's change to a picture is multiplied by at a step."""
    first, last = gain
    left = max(0.0, 1 - step / (GAIN_CHANGES * steps))
    return last * math.exp(left * math.log(first / last))


class _Stepper:
    """The optimiser's side of the loop: forward, backward, schedule, running mean."""

    def __init__(
        self,
        network: nn.Module,
        training: Training,
        steps: int,
        device: torch.device,
        precision: str,
    ) -> None:
        self.network, self.training, self.steps = network, training, steps
        self.parameters: list[Tensor] = [
            value for value in network.parameters() if value.requires_grad
        ]
        self.optimizer = _optimizer(training, self.parameters)
        self.frozen = list(zip(training.freeze, _layers(network), strict=False))
        self.low = precision == "bfloat16"
        self.device = device
        self.done = 0
        # running statistics of normalisation belong to the weights, so they are averaged alike
        statistics = [value for value in network.buffers() if value.is_floating_point()]
        self.averaged = [*self.parameters, *statistics] if training.ema else []
        self.means = [value.detach().clone() for value in self.averaged]

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the batch's loss, detached, after one step of the optimiser."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.training.lr * _schedule(self.training, self.done, self.steps)
        for share, layer in self.frozen:
            if self.done >= share * self.steps:
                for value in layer.parameters(recurse=False):
                    value.requires_grad_(False)
        if images.ndim == 4 and images.shape[1] > 1:  # features may have no places
            images = images.to(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.low):
            logits = self.network(images)
        loss = functional.cross_entropy(
            logits.float(), labels, label_smoothing=self.training.label_smoothing
        )
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.done += 1
        if self.means:
            # a young mean forgets its first, random weights faster
            decay = min(self.training.ema, self.done / (self.done + 9))
            with torch.no_grad():
                torch._foreach_lerp_(self.means, self.averaged, 1 - decay)
        return loss.detach()

    def finish(self) -> None:
        """Give the network the running mean of its weights, where one was kept."""
        if self.means:
            with torch.no_grad():
                for value, mean in zip(self.averaged, self.means, strict=True):
                    value.copy_(mean)


def _layers(network: nn.Module) -> list[nn.Module]:
    """Return the modules that have parameters of their own to train, in order."""
    return [
        module
        for module in network.modules()
        if any(value.requires_grad for value in module.parameters(recurse=False))
    ]


def _optimizer(training: Training, parameters: list[Tensor]) -> torch.optim.Optimizer:
    if training.optimizer == "adamw":
        return torch.optim.AdamW(
            parameters, lr=training.lr, weight_decay=training.weight_decay, fused=True
        )
    return torch.optim.SGD(
        parameters,
        lr=training.lr,
        momentum=0.9,
        nesterov=True,
        weight_decay=training.weight_decay,
        fused=True,
    )


def _schedule(training: Training, step: int, steps: int) -> float:
    """Return the factor on the peak learning rate at a step, in (0, 1]."""
    if training.schedule == "constant":
        return 1.0
    rise = training.warm_up * steps if training.schedule == "one-cycle" else 0.0
    if step < rise:
        return (step + 1) / (rise + 1)
    along = (step - rise) / max(1.0, steps - rise)
    return max(1e-4, 0.5 * (1 + math.cos(math.pi * along)))
