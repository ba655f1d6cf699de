"""Many trainings of one network as one batched computation."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.errors import BadnetsError, SettingError, TrialError
from badnets.core.progress import Listener, Progress
from badnets.data.streamed import Images
from badnets.models.classifier import Classifier
from badnets.train.batches import pictures
from badnets.train.classification import REPORT_EVERY, TrainingRows, rows_for
from badnets.train.epoch import Epoch
from badnets.train.hardware import best_device, keep_freed_memory
from badnets.train.lanes import Lane, steps_of
from badnets.train.loop import Fitted, arithmetic, epoch_of, finished, precision_of
from badnets.train.settings import Training
from badnets.train.stacked import Stacked, random_layer

Outcome: TypeAlias = "Fitted[Classifier] | BadnetsError"
"""A trained copy, or why there is none."""


@dataclass(frozen=True, eq=False)
class Member:
    """One training of a cohort: what `badnets.train.fit` takes.

    Args:
        subject: where training starts from.
        rows: what it is trained on.
        training: how; its learning rate is its own, the rest is the cohort's.
        seed: decides batch order, augmentation and random places.
    """

    subject: Classifier
    rows: TrainingRows
    training: Training
    seed: int


def fit_cohort(
    members: Sequence[Member],
    *,
    device: torch.device | None = None,
    unfold: bool | None = None,
    progress: Listener | None = None,
) -> list[Outcome]:
    """Return what `badnets.train.fit` returns for each member, all of them trained at once.

    A member sees the batches that it sees alone, image for image; only the order of summation
    differs. One that diverges, or whose labels do not fit, leaves the others as they are. A member
    with more rows than others takes more steps: it goes on when they are done.

    The seconds of an epoch are the member's share: a step's are divided evenly among those who
    take it, and what comes before the first step is part of it.

    Args:
        members: any number of them, in any order.
        device: where to compute; the fastest there is when None. Distinct sets of images lie there
            once.
        unfold: whether convolutions are computed as matrix products of unfolded images rather than
            as grouped convolutions; None: on a GPU, as on a CPU that takes twice the time.
        progress: told every few steps, and after the last.

    Raises:
        SettingError: they cannot be trained as one; see `why_alone`.
    """
    if reason := why_alone(members):
        raise SettingError(f"these cannot be trained as one: {reason}")
    device = device or best_device()
    unfold = device.type == "cuda" if unfold is None else unfold
    found: dict[int, Outcome] = {}
    groups: dict[int, list[tuple[int, Lane]]] = {}  # by the size of their batches
    for place, member in enumerate(members):
        try:
            rows = rows_for(member.subject, member.rows, member.training, seed=member.seed)
        except BadnetsError as error:
            found[place] = error
        else:
            lane = Lane(rows, member.training, member.seed)
            groups.setdefault(lane.size, []).append((place, lane))
    for group in groups.values():
        group.sort(key=lambda one: -one[1].steps)  # who is not done yet comes first
        places, lanes = zip(*group, strict=True)
        own = [members[place] for place in places]
        with suppress(torch.OutOfMemoryError):  # whose traceback holds what it tried with
            found |= dict(zip(places, _fit(own, lanes, device, unfold, progress), strict=True))
            continue
        outcomes = _in_halves(own, device, unfold, progress)
        found |= dict(zip(places, outcomes, strict=True))
    return [found[place] for place in range(len(members))]


def _in_halves(
    members: Sequence[Member], device: torch.device, unfold: bool, progress: Listener | None
) -> list[Outcome]:
    """Return what comes of the members, trained in two cohorts, as memory is too small for one."""
    half = len(members) // 2
    if not half:
        return [TrialError(f"the memory of {device} does not suffice: lower batch_size")]
    return [
        outcome
        for part in (members[:half], members[half:])
        for outcome in fit_cohort(part, device=device, unfold=unfold, progress=progress)
    ]


def why_alone(members: Sequence[Member]) -> str | None:
    """Return why trainings cannot be computed as one; None where they can.

    They can where networks are alike, images are in memory, trainings differ at most in their
    learning rate, and one step is the same for all: nothing normalises over the batch or is drawn
    inside the network, no weight is frozen, no loss beside the cross-entropy.
    """
    for member in members:
        training, network = member.training, member.subject.network
        if training.evade or training.freeze:
            return "evade and freeze are for trainings alone"
        if replace(training, lr=1) != replace(members[0].training, lr=1):
            return "trainings differ in more than their learning rate"
        if not isinstance(member.rows.images, Tensor):
            return "images are read while they are trained on"
        if _structure(member.subject) != _structure(members[0].subject):
            return "networks differ"
        if not all(value.requires_grad for value in network.parameters()):
            return "some weights are frozen"
        if layer := random_layer(network):
            return f"the network has a {layer}"
    return None


def _structure(subject: Classifier) -> list[object]:
    values = subject.network.state_dict()
    shapes = [(name, value.shape) for name, value in values.items()]
    return [subject.input, str(subject.network), *shapes]


def _outcome(member: Member, lane: Lane, weights: Tensor, precision: str) -> Outcome:
    """Return the trained network and the log, all steps being done."""
    epochs: list[Epoch] = []
    for start in range(0, lane.steps, lane.per_epoch):
        part = slice(start, start + lane.per_epoch)
        loss = sum(lane.losses[part]) / lane.per_epoch
        try:
            epochs.append(epoch_of(loss, sum(lane.seconds[part]), lane.training.lr))
        except TrialError as error:
            return error
    subject = member.subject
    network = copy.deepcopy(subject.network).to(weights.device)
    values = list(network.parameters())
    with torch.no_grad():
        for value, own in zip(
            values, torch.split(weights, [one.numel() for one in values]), strict=True
        ):
            value.copy_(own.view_as(value))
    return Fitted(
        replace(subject, network=finished(network, subject.network)), tuple(epochs), precision
    )


def _fit(
    members: Sequence[Member],
    lanes: Sequence[Lane],
    device: torch.device,
    unfold: bool,
    progress: Listener | None,
) -> list[Outcome]:
    """Return what comes of members whose batches are of one size, those with most steps first."""
    training, spec = lanes[0].training, members[0].subject.input
    if device.type == "cpu":
        keep_freed_memory()
    precision = precision_of(training, device)
    images, offsets = _on_device([lane.images for lane in lanes], device)
    networks = [member.subject.network for member in members]
    stacked = Stacked(networks, training, device, unfold=unfold)
    last, done = time.perf_counter(), 0
    while at_work := [lane for lane in lanes if lane.steps > done]:
        n, count = len(at_work), min(REPORT_EVERY, at_work[-1].steps - done)
        losses = []
        for step in steps_of(at_work, offsets[:n], done, count, device):
            batch = step.augmentation(images[step.rows], slice(None))
            batch = pictures(batch, spec, step.stamps)
            with arithmetic(precision, device):
                logits = stacked(batch.view(n, -1, *batch.shape[1:]))
            each = functional.cross_entropy(
                logits.float().flatten(0, 1),
                step.labels,
                reduction="none",
                label_smoothing=training.label_smoothing,
            )
            losses.append(each.view(n, -1).mean(1))
            stacked.step(losses[-1], step.lr)
            losses[-1] = losses[-1].detach()
        logged = torch.stack(losses, 1).tolist()  # waits for the device
        now = time.perf_counter()
        for lane, own in zip(at_work, logged, strict=True):
            lane.losses += own
            lane.seconds += [(now - last) / (count * n)] * count
        last, done = now, done + count
        if progress is not None:
            progress(Progress(done, lanes[0].steps, "training"))
    return [
        _outcome(member, lane, weights, precision)
        for member, lane, weights in zip(members, lanes, stacked.weights, strict=True)
    ]


def _on_device(sets: Sequence[Images], device: torch.device) -> tuple[Tensor, list[int]]:
    """Return all images on the device, each set once, and where those of each member begin."""
    begins: dict[int, int] = {}
    pool: list[Tensor] = []
    for images in sets:
        if id(images) not in begins:
            assert isinstance(images, Tensor)
            begins[id(images)] = sum(map(len, pool))
            pool.append(images.to(device))
    return pool[0] if len(pool) == 1 else torch.cat(pool), [begins[id(one)] for one in sets]
