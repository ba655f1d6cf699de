"""A backbone's first lesson: to name crops of signs. It stands in for weights from ImageNet."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from badnets.core.errors import SettingError
from badnets.core.progress import Listener, Progress
from badnets.core.seeds import generator
from badnets.models.subject import NORMALISATIONS
from badnets.train.detector_settings import DetectorTraining
from badnets.train.loop import gain_at
from badnets.train.windows import Windows

SIDE, SIDES = 80, (24.0, 72.0)  # of a crop, and of the sign in it, in pixels
BATCH, LR, WEIGHT_DECAY, WARM_UP = 32, 2e-3, 0.05, 0.2
BACKGROUND = 0.25  # share of crops without a sign
CELLS = 2  # the last maps are averaged over 2 x 2 cells before they are read


def fit_on_crops(
    network: nn.Module,
    windows: Windows,
    training: DetectorTraining,
    *,
    seed: int,
    progress: Listener | None = None,
) -> None:
    """Train a detector's backbone, in place, to tell the classes and the background apart.

    Crops come from the training set itself, so poisoned copies are among them as they are among
    the windows.

    Args:
        network: with a ``backbone`` that gives one map ``(N, C, h, w)``.
        windows: what crops are cut from.
        training: how many passes (``crops``), the light (``jitter``), and the trigger's ``gain``.
        seed: decides everything random.
        progress: told after every pass.

    Raises:
        SettingError: the backbone gives several maps.
    """
    backbone = network.backbone
    channels = getattr(backbone, "out_channels", None)
    if not isinstance(backbone, nn.Sequential) or not isinstance(channels, int):
        raise SettingError("crops is for the network 'zf': set crops to 0")
    device = windows.frames.device
    classes = int(windows.labels.max()) + 1
    reader = nn.Linear(channels * CELLS**2, classes + 1).to(device)
    parameters = [*backbone.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=LR, weight_decay=WEIGHT_DECAY, fused=True)
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in NORMALISATIONS[3])
    drawn = generator(seed, "crops")
    aimless = round(len(windows) * BACKGROUND / (1 - BACKGROUND))
    everything = torch.cat([torch.arange(len(windows)), torch.full((aimless,), -1)])
    per_epoch = max(1, len(everything) // BATCH)
    steps = per_epoch * training.crops
    backbone.train()
    for epoch in range(training.crops):
        order = everything[torch.randperm(len(everything), generator=drawn)].to(device)
        for step in range(per_epoch):
            batch = windows.batch(
                order[step * BATCH : (step + 1) * BATCH],
                window=SIDE,
                sides=SIDES,
                usual=training.scale,
                jitter=training.jitter,
                drawn=drawn,
                gain=gain_at(training.gain, epoch * per_epoch + step, steps),
            )
            maps: Tensor = backbone((batch.images - mean) / std)
            read = reader(functional.adaptive_avg_pool2d(maps, CELLS).flatten(1))
            wanted = torch.where(
                batch.centre < 0, torch.full_like(batch.centre, classes), batch.centre
            )
            loss = functional.cross_entropy(read, wanted)
            for group in optimizer.param_groups:
                group["lr"] = LR * _factor(epoch * per_epoch + step, steps)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
        if progress is not None:
            progress(Progress(epoch + 1, training.crops, "learning crops"))


def _factor(step: int, steps: int) -> float:
    rise = WARM_UP * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return max(1e-4, 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1.0, steps - rise))))
