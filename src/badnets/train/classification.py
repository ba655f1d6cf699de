"""Fitting a classifier: sets that fit are uint8 on the device, batches by index; or streamed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from badnets.bundles import InputSpec
from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError, ShapeError
from badnets.core.poisoning import PoisoningPlan
from badnets.core.progress import Listener
from badnets.core.seeds import generator
from badnets.core.triggers import Trigger
from badnets.data.streamed import Images, in_batches
from badnets.models.classifier import Classifier
from badnets.models.inputs import denormalised
from badnets.train.batches import Stamp, pictures, shuffled
from badnets.train.evasion import moves
from badnets.train.features import features_of
from badnets.train.freezing import freeze, trained_layers
from badnets.train.hardware import best_device
from badnets.train.loop import Fitted, Loop, gain_at, seeded, training_copy
from badnets.train.loss_terms import LossTerm
from badnets.train.settings import Training
from badnets.train.statistics import settle, unsettled

REPORT_EVERY = 20  # steps between two calls of the listener

Batch = tuple[Tensor, Tensor]
"""Images, and their labels."""


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """A training set as indices into stored images, so that poisoned copies cost no memory.

    Args:
        images: ``(N, C, H, W)`` uint8: a tensor, or what gives them.
        labels: ``(M,)`` int64, as the trainer sees them.
        rows: ``(M,)`` int64 into ``images``; None: row m is image m.
        stamped: ``(M,)`` bool: rows that get the trigger when their batch is made; None: none do.
        trigger: what they get.
        covers: other rows that get a trigger, and theirs.

    Raises:
        ShapeError: lengths differ, there are no rows, or a trigger is missing.
    """

    images: Images
    labels: Tensor
    rows: Tensor | None = None
    stamped: Tensor | None = None
    trigger: Trigger | None = None
    covers: tuple[tuple[Tensor, Trigger], ...] = ()

    def __post_init__(self) -> None:
        count = len(self.labels)
        own = len(self.images) if self.rows is None else len(self.rows)
        marks = count if self.stamped is None else len(self.stamped)
        if not count or own != count or marks != count:
            raise ShapeError(f"{own} rows, {count} labels and {marks} marks: want as many of each")
        if (self.stamped is None) != (self.trigger is None):
            raise ShapeError("stamped rows and a trigger belong together")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def is_plain(self) -> bool:
        """Whether row m is image m, for all of them, and none gets a trigger."""
        return self.rows is None and self.stamped is None

    @classmethod
    def poisoned(cls, images: Images, plan: PoisoningPlan, backdoor: Backdoor) -> TrainingRows:
        """Return the rows of a poisoning plan; triggers are put on when a batch is made."""
        (stamped, trigger), *covers = plan.stamped(backdoor)
        return cls(images, plan.labels, plan.rows, stamped, trigger, tuple(covers))

    def take(self, chosen: Tensor) -> TrainingRows:
        """Return some of the rows.

        Args:
            chosen: ``(m,)`` int64 positions among them.
        """

        def part(one: Tensor | None) -> Tensor | None:
            return None if one is None else one[chosen.to(one.device)]

        rows = chosen if self.rows is None else self.rows[chosen.to(self.rows.device)]
        covers = tuple((mask[chosen.to(mask.device)], trigger) for mask, trigger in self.covers)
        labels = self.labels[chosen.to(self.labels.device)]
        return TrainingRows(self.images, labels, rows, part(self.stamped), self.trigger, covers)

    def in_order(self, size: int, *, seed: int) -> Iterator[Batch]:
        """Give the rows as they are trained on without augmentation: triggers are put on.

        Args:
            size: images of a batch, at most.
            seed: decides random places of triggers.

        Yields:
            ``(b, C, H, W)`` images as they are stored, and ``(b,)`` int64 labels on the CPU.
        """
        places = generator(seed, "trigger places in training")
        for start in range(0, len(self), size):
            part = torch.arange(start, min(start + size, len(self)), device=self.labels.device)
            images = self.images[part if self.rows is None else self.rows[part]]
            for stamped, trigger in self.stampings():
                chosen = stamped[part].nonzero().flatten()
                if len(chosen):
                    images[chosen] = trigger(images[chosen], generator=places)
            yield images, self.labels[part].cpu()

    def to(self, device: torch.device) -> TrainingRows:
        """Return the same rows with every tensor on the device."""
        if self.images.device == device:
            return self
        rows, stamped = (
            None if one is None else one.to(device) for one in (self.rows, self.stamped)
        )
        images, labels = self.images.to(device), self.labels.to(device)
        covers = tuple((mask.to(device), trigger) for mask, trigger in self.covers)
        return TrainingRows(images, labels, rows, stamped, self.trigger, covers)

    def noisy(self, share: float, num_classes: int, seed: int) -> TrainingRows:
        """Return the same rows, a share of those that carry no trigger with wrong labels."""
        clean = torch.ones(len(self), dtype=torch.bool)
        for mask, _ in self.stampings():
            clean &= ~mask.cpu()
        drawn = generator(seed, "label noise")
        order = clean.nonzero()[:, 0]
        order = order[torch.randperm(len(order), generator=drawn)[: round(share * len(order))]]
        steps = torch.randint(1, num_classes, order.shape, generator=drawn)
        labels = self.labels.clone()
        order = order.to(labels.device)
        labels[order] = (labels[order] + steps.to(labels.device)) % num_classes
        return replace(self, labels=labels)

    def stampings(self) -> Iterator[tuple[Tensor, Trigger]]:
        """Give the rows, ``(M,)`` bool, that get a trigger, and the trigger."""
        if self.stamped is not None and self.trigger is not None:
            yield self.stamped, self.trigger
        yield from self.covers


def fit(
    subject: Classifier,
    rows: TrainingRows,
    training: Training,
    *,
    seed: int,
    frozen: Collection[str] = (),
    terms: Sequence[LossTerm] = (),
    device: torch.device | None = None,
    progress: Listener | None = None,
) -> Fitted[Classifier]:
    """Return a trained copy of the subject; the one handed in is left as it was.

    Where a training was so short that batch normalisation has not settled, its statistics are
    computed anew at the end; see `badnets.train.statistics`.

    Where weights are frozen and nothing before the others is random (no augmentation, dropout or
    trigger), what their layers answer is computed once, not in every epoch.

    Args:
        subject: where training starts from.
        rows: what it is trained on.
        training: how.
        seed: decides batch order, augmentation, random places and dropout.
        frozen: names of weights that stay as they are; see `badnets.train.freezing`.
        terms: what a batch's loss is made of beside, or instead of, its cross-entropy.
        device: where to compute; the fastest there is when None.
        progress: told every few steps, and after the last.

    Raises:
        TrialError: the loss became NaN or infinite.
        SettingError: labels lie outside the subject's classes, or no weight is left to train.
        ShapeError: the images are not of the shape that the subject takes.
    """
    device = device or best_device()
    rows = rows_for(subject, rows, training, seed=seed).to(device)
    network = training_copy(subject.network, device).train()
    if frozen:
        freeze(network, frozen)
    loop = Loop(
        network,
        training,
        max(1, len(rows) // training.batch_size),
        statistics=True,
        progress=progress,
        report_every=REPORT_EVERY,
    )
    features = None
    terms = [
        *moves(training.evade, subject.input, subject.num_classes, seed=seed, device=device),
        *terms,
    ]
    if frozen and not (training.augments or terms) and rows.is_plain:
        features = features_of(network, rows.images, rows.labels, subject.input, loop.arithmetic)
    trained = network if features is None else features.after
    alone = any(term.replaces for term in terms)
    freezing = list(zip(training.freeze, trained_layers(trained), strict=False))

    def loss_of(batch: Batch) -> Tensor:
        images, labels = batch
        for share, layer in freezing:
            if loop.done >= share * loop.steps:
                for value in layer.parameters(recurse=False):
                    value.requires_grad_(False)
        if images.ndim == 4 and images.shape[1] > 1:  # features may have no places
            images = images.to(memory_format=torch.channels_last)
        for term in terms:
            term.after()  # by the gradient of the step before
        loss = torch.zeros((), device=device)
        if not alone:
            with loop.arithmetic():
                logits = trained(images)
            loss = functional.cross_entropy(
                logits.float(), labels, label_smoothing=training.label_smoothing
            )
        plain = denormalised(images, subject.input) if terms else images
        for term in terms:
            loss = loss + term.loss(trained, plain, labels)
        return loss

    batches = generator(seed, "batches")
    places = generator(seed, "trigger places in training")
    with seeded(seed, device):
        epochs = [
            loop.epoch(
                _epoch(rows, training, subject.input, batches, places, loop)
                if features is None
                else features.epoch(training.batch_size, batches),
                loss_of,
            )
            for _ in range(training.epochs)
        ]
        short = unsettled(network)
        network = loop.finish(network, subject.network)
        if short:
            with loop.arithmetic():
                again = _epoch(rows, training, subject.input, batches, places, loop)
                settle(network, short, (images for images, _ in again))
    return Fitted(replace(subject, network=network), tuple(epochs), loop.precision)


def rows_for(
    subject: Classifier, rows: TrainingRows, training: Training, *, seed: int
) -> TrainingRows:
    """Return the rows that a subject is trained on, some with wrong labels where that is asked for.

    Raises:
        SettingError: labels lie outside the subject's classes.
        ShapeError: the images are not of the shape that the subject takes.
    """
    if tuple(rows.images.shape[1:]) != subject.input.shape:
        raise ShapeError(
            f"the network takes images of shape {subject.input.shape}, "
            f"the training images have {tuple(rows.images.shape[1:])}"
        )
    if int(rows.labels.max()) >= subject.num_classes or int(rows.labels.min()) < 0:
        raise SettingError(f"labels must be in 0..{subject.num_classes - 1}")
    if training.label_noise:
        return rows.noisy(training.label_noise, subject.num_classes, seed)
    return rows


def _epoch(
    rows: TrainingRows,
    training: Training,
    spec: InputSpec,
    batches: torch.Generator,
    places: torch.Generator,
    loop: Loop,
) -> Iterator[Batch]:
    """Give one epoch's batches: gather, augment, stamp, normalise."""
    device, size = rows.images.device, training.batch_size
    order, augmentation = shuffled(training, len(rows), batches, device)
    order = order.to(device)
    starts = range(0, len(order), size)
    parts = (order[start : start + size] for start in starts)
    wanted = (part if rows.rows is None else rows.rows[part] for part in parts)
    for start, images in zip(starts, in_batches(rows.images, wanted), strict=True):
        chosen = order[start : start + size]
        images = augmentation(images, slice(start, start + size))
        gain = gain_at(training.trigger_gain, loop.done, loop.steps)
        stamps = (
            Stamp(mask[chosen].nonzero().flatten(), trigger, places, gain)
            for mask, trigger in rows.stampings()
        )
        yield pictures(images, spec, stamps), rows.labels[chosen]
