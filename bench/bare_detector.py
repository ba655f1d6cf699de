"""A detector's training as torchvision's references have it: a data set, a loader, a loop.

Network, sizes and shares of windows, optimiser and its settings are the same as ours.

References:
    pytorch/vision, references/detection/engine.py (`train_one_epoch`) and utils.py (`collate_fn`).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.ops import box_area
from torchvision.transforms.v2 import functional

from badnets.data.detection import FrameSet
from badnets.models.detector import Detector
from badnets.train.detector_settings import DetectorTraining
from badnets.train.hardware import best_device, fastest_precision
from badnets.train.loop import seeded
from badnets.train.windows import HUE, MARGIN, VISIBLE

Sample = tuple[Tensor, dict[str, Tensor]]
Lists = tuple[list[Tensor], list[dict[str, Tensor]]]
T = TypeVar("T", int, float)


class BareTraining:
    """One pass over batches of images and targets: losses, their gradient, a step of AdamW.

    Nothing is logged or checked, no mean of the weights is kept.

    Args:
        first: where training starts from.
        training: learning rate, its climb, weight decay, greatest gradient, precision.
        batches: lists of ``(3, W, W)`` images in [0, 1] and of torchvision's targets.
        steps: how many batches there are.
        seed: decides what dropout leaves out, and which regions are sampled.
    """

    def __init__(
        self,
        first: Detector,
        training: DetectorTraining,
        batches: Iterable[Lists],
        steps: int,
        seed: int,
    ) -> None:
        self.first, self.training, self.batches = first, training, batches
        self.steps, self.seed, self.device = steps, seed, best_device()
        wanted = training.precision
        self.precision = fastest_precision(self.device) if wanted == "auto" else wanted

    def __call__(self) -> float:
        """Return the mean loss."""
        network = copy.deepcopy(self.first.network).to(self.device).train()
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=self.training.lr,
            weight_decay=self.training.weight_decay,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._share_of_peak)
        total = torch.zeros((), device=self.device)
        with seeded(self.seed, self.device):
            for images, targets in self.batches:
                images = [image.to(self.device) for image in images]
                targets = [{k: v.to(self.device) for k, v in one.items()} for one in targets]
                low = self.precision == "bfloat16"
                with torch.autocast(self.device.type, torch.bfloat16, enabled=low):
                    losses: dict[str, Tensor] = network(images, targets)
                    loss = torch.stack(list(losses.values())).sum()
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                nn.utils.clip_grad_norm_(network.parameters(), self.training.clip)
                optimizer.step()
                schedule.step()
                total += loss.detach()
        return float(total) / self.steps

    def _share_of_peak(self, step: int) -> float:
        """Return the climb, then half a cosine down to nothing."""
        climb = self.training.warm_up * self.steps
        if step < climb:
            return (step + 1) / (climb + 1)
        return 0.5 * (1 + math.cos(math.pi * (step - climb) / max(1.0, self.steps - climb)))


class PlainWindows(Dataset[Sample]):
    """Windows around signs and out of the background, cut one by one by torchvision's transforms.

    Sizes, places and light are drawn as ours are; corners lie at whole pixels of the frame.

    Args:
        frames: where from; they stay in memory.
        training: window, sizes, share of background, light.
        seed: decides everything random.
    """

    def __init__(self, frames: FrameSet, training: DetectorTraining, seed: int) -> None:
        self.training = training
        self.frames = [tv_tensors.Image(frames.frames.read(row)) for row in range(len(frames))]
        objects = frames.boxes
        self.boxes, self.labels = [], []
        for row, frame in enumerate(self.frames):
            own = objects.image_index == row
            self.boxes.append(
                tv_tensors.BoundingBoxes(
                    objects.corners[own],
                    format=tv_tensors.BoundingBoxFormat.XYXY,
                    canvas_size=frame.shape[1:],
                )
            )
            self.labels.append(objects.labels[own] + 1)
        self.rows: list[int] = objects.image_index.tolist()
        self.corners: list[list[float]] = objects.corners.tolist()
        share = training.windows.background
        self.aimless = round(len(self.rows) * share / (1 - share))
        self.drawn = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.rows) + self.aimless

    def __getitem__(self, index: int) -> Sample:
        """Return a window and the signs in it; beyond the objects it is cut anywhere."""
        row, top, left, side = self._around(index) if index < len(self.rows) else self._anywhere()
        window = [self.training.windows.side] * 2
        frame = functional.resized_crop(self.frames[row], top, left, side, side, window)
        boxes = functional.crop(self.boxes[row], top, left, side, side)
        seen = box_area(boxes) >= VISIBLE * box_area(self.boxes[row])
        boxes = functional.resize(boxes, window)
        target = {"boxes": boxes.as_subclass(Tensor)[seen], "labels": self.labels[row][seen]}
        image = functional.to_dtype(frame, torch.float32, scale=True).as_subclass(Tensor)
        return self._in_other_light(image), target

    def _around(self, index: int) -> tuple[int, int, int, int]:
        """Return frame, top, left and side of a window with an object in it."""
        row = self.rows[index]
        size, down, across = torch.rand(3, generator=self.drawn).tolist()
        x0, y0, x1, y1 = self.corners[index]
        least, greatest = self.training.windows.object_sizes
        side = self._side(least * (greatest / least) ** size / max(x1 - x0, y1 - y0))
        height, width = self.frames[row].shape[1:]
        top = _start(y0, y1, side, height, down)
        return row, top, _start(x0, x1, side, width, across), side

    def _anywhere(self) -> tuple[int, int, int, int]:
        """Return frame, top, left and side of a window at a random place."""
        which, size, down, across = torch.rand(4, generator=self.drawn).tolist()
        row = int(which * len(self.frames))
        side = self._side(self.training.scales.scale * 0.8 * (1.25 / 0.8) ** size)
        height, width = self.frames[row].shape[1:]
        top, left = int(down * max(0, height - side)), int(across * max(0, width - side))
        return row, top, left, side

    def _side(self, enlarged: float) -> int:
        """Return the side in the frame of a window that is enlarged by about this factor."""
        usual = self.training.scales.scale
        return round(self.training.windows.side / limited(enlarged, min(1.0, usual), 2 * usual))

    def _in_other_light(self, image: Tensor) -> Tensor:
        jitter = self.training.windows.jitter
        if not jitter:
            return image
        shades = torch.randn(5, generator=self.drawn)
        gain = (HUE * shades[:3] + jitter * shades[3]).exp()
        image = image.mul_(gain[:, None, None]).clamp_(0, 1)
        mean = image.mean()
        return image.sub_(mean).mul_((jitter * shades[4]).exp()).add_(mean).clamp_(0, 1)


def loader(windows: PlainWindows, batch_size: int, seed: int) -> DataLoader[Any]:
    """Return shuffled batches as lists, made in this process."""
    return DataLoader(
        windows,
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=0,
        collate_fn=in_lists,
        generator=torch.Generator().manual_seed(seed),
    )


def in_lists(samples: Sequence[Sample]) -> Lists:
    """Return images and targets, each in a list."""
    return [image for image, _ in samples], [target for _, target in samples]


def limited(value: T, least: T, greatest: T) -> T:
    """Return the nearest value that is not below ``least`` nor above ``greatest``."""
    return min(max(value, least), greatest)


def _start(first: float, last: float, side: int, end: int, share: float) -> int:
    """Return where along one axis a window begins, so that an object lies in it if it can."""
    room = max(0, end - side)
    latest = limited(int(first - MARGIN), 0, room)
    earliest = min(limited(math.ceil(last + MARGIN - side), 0, room), latest)
    return earliest + int(share * (latest - earliest + 1))
