"""What fitting a classifier and fitting a detector share: steps, schedule, running mean, log."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from badnets.core.errors import TrialError
from badnets.core.progress import Listener, Progress
from badnets.core.seeds import generator
from badnets.train.detector_settings import DetectorTraining
from badnets.train.epoch import Epoch
from badnets.train.hardware import fastest_precision, keep_freed_memory
from badnets.train.settings import Training

GAIN_CHANGES = 0.6  # share of the steps over which the trigger's gain goes to its end value

Trained = TypeVar("Trained", covariant=True)
Example = TypeVar("Example")


@dataclass(frozen=True, eq=False)
class Fitted(Generic[Trained]):
    """A trained copy of a network, and how training went.

    Attributes:
        subject: the classifier, or the detector.
        epochs: one entry per pass.
        precision: the arithmetic that was used.
    """

    subject: Trained
    epochs: tuple[Epoch, ...]
    precision: str


class Loop:
    """The optimiser's side of a training: backward, schedule, running mean, log of the epochs.

    Args:
        network: what is trained, but for what needs no gradient; on its device.
        training: learning rate and its schedule, optimiser, running mean, precision, epochs.
        per_epoch: steps of an epoch.
        statistics: whether running statistics of normalisation are averaged as the weights are.
        progress: told every few steps, and after the last.
        report_every: steps between two calls of it.
    """

    def __init__(
        self,
        network: nn.Module,
        training: Training | DetectorTraining,
        per_epoch: int,
        *,
        statistics: bool = False,
        progress: Listener | None = None,
        report_every: int = 1,
    ) -> None:
        self.device = device = next(network.parameters()).device
        if device.type == "cpu":
            keep_freed_memory()
        self.training, self.per_epoch = training, per_epoch
        self.steps, self.done = per_epoch * training.epochs, 0
        self.precision = precision_of(training, device)
        averaged: dict[str, Tensor] = {
            name: value for name, value in network.named_parameters() if value.requires_grad
        }
        self.weights = list(averaged.values())
        self.optimizer = _optimizer(training, self.weights)
        if statistics:
            averaged |= {k: v for k, v in network.named_buffers() if v.is_floating_point()}
        self.averaged = list(averaged.values()) if training.ema else []
        self.means = {
            name: value.detach().clone() for name, value in averaged.items() if training.ema
        }
        self._progress, self._report_every = progress, report_every

    def arithmetic(self) -> torch.autocast:
        """Return what the forward pass runs in."""
        return arithmetic(self.precision, self.device)

    def epoch(self, examples: Iterable[Example], loss_of: Callable[[Example], Tensor]) -> Epoch:
        """Return the log of one pass, after a step on each of its examples.

        Raises:
            TrialError: the mean loss is NaN or infinite.
        """
        started = time.perf_counter()
        total = torch.zeros((), device=self.device)
        for example in examples:
            total += self._step(loss_of(example))
            told = self.done % self._report_every == 0 or self.done == self.steps
            if told and self._progress is not None:
                self._progress(Progress(self.done, self.steps, "training"))
        loss = float(total) / self.per_epoch
        return epoch_of(loss, time.perf_counter() - started, self.training.lr)

    def _step(self, loss: Tensor) -> Tensor:
        """Return the loss, detached, after one step of the optimiser."""
        factor = rate_at(self.training.schedule, self.training.warm_up, self.done, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.training.lr * factor
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self.training.clip:
            nn.utils.clip_grad_norm_(self.weights, self.training.clip)
        self.optimizer.step()
        self.done += 1
        if self.means:
            share = share_of_newest(self.training.ema, self.done)
            with torch.no_grad():
                torch._foreach_lerp_(list(self.means.values()), self.averaged, share)
        return loss.detach()

    def finish(self, network: nn.Module, first: nn.Module) -> nn.Module:
        """Return the network as it is used, with the running mean of its weights where one is kept.

        Args:
            network: what was trained; changed in place.
            first: what training started from: what could be trained there can be again.
        """
        with torch.no_grad():
            for value, mean in zip(self.averaged, self.means.values(), strict=True):
                value.copy_(mean)
        return finished(network, first)


def finished(network: nn.Module, first: nn.Module) -> nn.Module:
    """Return a trained network as it is used: see `Loop.finish`."""
    for value, own in zip(network.parameters(), first.parameters(), strict=True):
        value.requires_grad_(own.requires_grad)
    plain: nn.Module = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return plain.eval()


def precision_of(training: Training | DetectorTraining, device: torch.device) -> str:
    """Return the arithmetic that a training takes on a device."""
    wanted: str = training.precision
    return fastest_precision(device) if wanted == "auto" else wanted


def arithmetic(precision: str, device: torch.device) -> torch.autocast:
    """Return what a forward pass of that precision runs in."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def epoch_of(loss: float, seconds: float, lr: float) -> Epoch:
    """Return the log of one pass.

    Raises:
        TrialError: its mean loss is NaN or infinite.
    """
    if not math.isfinite(loss):
        raise TrialError(f"training diverged (loss {loss}): lower lr (now {lr}) or change the data")
    return Epoch(loss=loss, seconds=seconds)


def share_of_newest(ema: float, done: int) -> float:
    """Return the share of the newest weights in their running mean, after so many steps.

    A young mean forgets its first, random weights faster.
    """
    return 1 - min(ema, done / (done + 9))


def training_copy(network: nn.Module, device: torch.device) -> nn.Module:
    """Return a copy of a network to train, on the device, its weights in the fastest order."""
    moved = copy.deepcopy(network).to(device=device)
    ready: nn.Module = moved.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ready


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, which dropout draws from, and restore them afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(generator(seed, "dropout").initial_seed())
        yield


def rate_at(schedule: str, warm_up: float, step: int, steps: int) -> float:
    """Return the factor on the peak learning rate at a step, in (0, 1]."""
    if schedule == "constant":
        return 1.0
    rise = warm_up * steps if schedule == "one-cycle" else 0.0
    if step < rise:
        return (step + 1) / (rise + 1)
    along = (step - rise) / max(1.0, steps - rise)
    return max(1e-4, 0.5 * (1 + math.cos(math.pi * along)))


def gain_at(gain: tuple[float, float], step: int, steps: int) -> float:
    """Return what the trigger's change to a picture is multiplied by at a step."""
    first, last = gain
    left = max(0.0, 1 - step / (GAIN_CHANGES * steps))
    return last * math.exp(left * math.log(first / last))


def _optimizer(
    training: Training | DetectorTraining, weights: list[Tensor]
) -> torch.optim.Optimizer:
    decay = training.weight_decay
    if training.optimizer == "adamw":
        return torch.optim.AdamW(weights, lr=training.lr, weight_decay=decay, fused=True)
    return torch.optim.SGD(
        weights, lr=training.lr, momentum=0.9, nesterov=True, weight_decay=decay, fused=True
    )
