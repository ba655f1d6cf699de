"""The training loop against a bare loop of the same steps on tensors already in memory."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from badnets.core.seeds import generator
from badnets.data import ImageSet
from badnets.models.classifier import Classifier, untrained
from badnets.models.inputs import normalise
from badnets.train import Training, TrainingRows, fit
from badnets.train.hardware import best_device, fastest_precision
from bench.images import mnist_like
from bench.measuring import interleaved
from bench.results import Result, Wanted
from bench.scales import Scale
from bench.settings import NETWORK, ONE_EPOCH

MOST = 1.05
SEED = 0


def run(scale: Scale) -> Iterator[Result]:
    """Give the ratio of both loops' times, without and with augmentation."""
    images = mnist_like(scale.images)
    train = images.data.train
    first = untrained(NETWORK, train.shape, train.classes, seed=SEED)
    rows = TrainingRows(train.images, train.labels).to(best_device())
    for shift in (0, 1):
        training = replace(ONE_EPOCH, shift=shift)
        bare = BareLoop(first, train, training)

        def ours(training: Training = training) -> nn.Module:
            return fit(first, rows, training, seed=SEED).subject.network

        # the same answer first: one epoch of each ends at the same weights; warms both up
        torch.testing.assert_close(ours().state_dict(), bare().state_dict(), rtol=1e-3, atol=1e-4)
        pairs = interleaved(ours, bare, scale.pairs)
        augmented = f"shifts of {shift} pixel" if shift else "no augmentation"
        yield Result(
            f"our training loop / a bare loop, {augmented}",
            pairs.slower,
            "x",
            wanted=Wanted("<=", MOST),
            note=images.with_note(
                f"an epoch of {len(train):,} images, batch {training.batch_size}, "
                f"{bare.precision}: {pairs.note('ours', 'bare')}"
            ),
            more=pairs.medians,
        )


class BareLoop:
    """One epoch as one would write it for this case alone: nothing but the steps.

    Images are float, normalised and padded before the clock starts, so the augmented batch is one
    gather; no loss is kept, no progress told, nothing checked.

    Args:
        first: where training starts from.
        train: the training set.
        training: how; SGD, schedules, mirroring and running means are not in it.
    """

    def __init__(self, first: Classifier, train: ImageSet, training: Training) -> None:
        self.first, self.training = first, training
        self.device = best_device()
        self.precision = fastest_precision(self.device)
        self.labels = train.labels.to(self.device)
        self.pictures = normalise(train.images.to(self.device), first.input)
        if training.shift:
            black = -first.input.mean[0] / first.input.std[0]
            self.pictures = functional.pad(self.pictures, (training.shift,) * 4, value=black)

    def __call__(self) -> nn.Module:
        """Return the trained network."""
        network = copy.deepcopy(self.first.network).to(self.device)
        network = network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=self.training.lr,
            weight_decay=self.training.weight_decay,
            fused=True,
        )
        for chosen, pictures in self._batches():
            with self._arithmetic():
                logits = network(pictures)
            loss = functional.cross_entropy(logits.float(), self.labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
        assert isinstance(network, nn.Module)
        return network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload,no-any-return]

    def _arithmetic(self) -> contextlib.AbstractContextManager[object]:
        if self.precision == "bfloat16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        size, shift, count = self.training.batch_size, self.training.shift, len(self.labels)
        batches = generator(SEED, "batches")
        order = torch.randperm(count, generator=batches).to(self.device)
        starts = range(0, count // size * size, size)
        if not shift:
            for start in starts:
                chosen = order[start : start + size]
                yield chosen, self.pictures[chosen]
            return
        moves = torch.randint(2 * shift + 1, (count, 2), generator=batches).to(self.device)
        height, width = self.first.input.shape[1:]
        windows = self.pictures.unfold(2, height, 1).unfold(3, width, 1)
        down, across = (2 * shift - moves).unbind(1)
        for start in starts:
            part = slice(start, start + size)
            yield order[part], windows[order[part], :, down[part], across[part]]
