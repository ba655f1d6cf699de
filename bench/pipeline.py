"""One epoch against the usual pipeline: torchvision's MNIST, PIL images, a DataLoader."""

from __future__ import annotations

import copy
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from badnets.data import DataSet, ImageSet
from badnets.models.classifier import Classifier, untrained
from badnets.train import Training, TrainingRows, fit
from badnets.train.hardware import best_device, fastest_precision
from bench.images import mnist_like
from bench.measuring import interleaved
from bench.results import Result, Wanted
from bench.scales import Scale
from bench.settings import NETWORK, ONE_EPOCH

LEAST = 2.5
WORKERS = 2
SEED = 0


def run(scale: Scale) -> Iterator[Result]:
    """Give how many times faster an epoch is, each side in its usual precision and in float32."""
    images = mnist_like(scale.images)
    train = images.data.train
    first = untrained(NETWORK, train.shape, train.classes, seed=SEED)
    rows = TrainingRows(train.images, train.labels).to(best_device())
    usual = fastest_precision(best_device())
    with tempfile.TemporaryDirectory() as folder:
        write_raw(images.data, Path(folder))
        plain = PlainPipeline(first, ONE_EPOCH, Path(folder))
        plain.check(train)
        for precision in dict.fromkeys((usual, "float32")):
            training = replace(ONE_EPOCH, precision=precision)

            def ours(training: Training = training) -> nn.Module:
                return fit(first, rows, training, seed=SEED).subject.network

            ours()  # warms both up
            plain()
            pairs = interleaved(ours, plain, scale.pairs)
            if usual == "float32":
                sides = "each side in its usual precision: float32 on both"
            else:
                sides = f"ours in {precision}, theirs in float32"
            yield Result(
                f"torchvision, PIL and a DataLoader / ours, {sides}",
                pairs.faster,
                "x",
                wanted=Wanted(">=", LEAST) if precision == usual else None,
                note=images.with_note(
                    f"an epoch of {len(train):,} images, batch {training.batch_size}, "
                    f"{WORKERS} workers: {pairs.note('ours', 'theirs')}"
                ),
                more=pairs.medians,
            )


class PlainPipeline:
    """An epoch as tutorials have it: images decoded and normalised one by one, in two workers.

    Network, batch size and optimiser (the fused one, too) are the same as ours.

    Args:
        first: where training starts from.
        training: batch size, learning rate and weight decay.
        root: holds ``MNIST/raw``.
    """

    def __init__(self, first: Classifier, training: Training, root: Path) -> None:
        self.first, self.training = first, training
        self.device = best_device()
        normalised = [
            transforms.ToTensor(),
            transforms.Normalize(first.input.mean, first.input.std),
        ]
        self.images = datasets.MNIST(str(root), transform=transforms.Compose(normalised))

    def __call__(self) -> nn.Module:
        """Return the trained network."""
        network = copy.deepcopy(self.first.network).to(self.device).train()
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=self.training.lr,
            weight_decay=self.training.weight_decay,
            fused=True,
        )
        batches = DataLoader(
            self.images,
            batch_size=self.training.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=WORKERS,
        )
        for images, labels in batches:
            logits = network(images.to(self.device))
            loss = functional.cross_entropy(logits, labels.to(self.device))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        return network

    def check(self, train: ImageSet) -> None:
        """See to it that both sides get the same pictures and labels."""
        assert len(self.images) == len(train)
        for row in range(0, len(train), max(1, len(train) // 16)):
            picture, label = self.images[row]
            expected = self.first.normalise(train.images[row : row + 1])[0].cpu()
            torch.testing.assert_close(picture, expected, rtol=1e-4, atol=1e-5)
            assert label == int(train.labels[row])


def write_raw(data: DataSet, root: Path) -> None:
    """Write MNIST's four files, unpacked as torchvision wants them, below ``root``."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, part in (("train", data.train), ("t10k", data.test)):
        count, _, height, width = part.images.shape
        head = struct.pack(">IIII", 0x803, count, height, width)
        pixels = head + part.images.numpy().tobytes()
        labels = struct.pack(">II", 0x801, count) + part.labels.to(torch.uint8).numpy().tobytes()
        (folder / f"{name}-images-idx3-ubyte").write_bytes(pixels)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(labels)
