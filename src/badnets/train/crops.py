"""A backbone's first lesson: to name crops of signs. It stands in for weights from ImageNet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from badnets.core.errors import SettingError
from badnets.core.progress import Listener, Progress
from badnets.core.seeds import generator
from badnets.models.subject import NORMALISATIONS
from badnets.train.detector_settings import DetectorTraining
from badnets.train.loop import gain_at
from badnets.train.pairs import paired_order, shown_alike
from badnets.train.windows import Windows

SHOWN = (0.3, 0.9)  # least and greatest longer side of the sign in a crop, as shares of its side
LR, WEIGHT_DECAY, WARM_UP = 2e-3, 0.05, 0.2
BACKGROUND = 0.25  # share of crops without a sign
CELLS = 2  # the last maps are averaged over 2 x 2 cells before they are read


def fit_on_crops(
    network: nn.Module,
    stampings: Sequence[Windows],
    training: DetectorTraining,
    *,
    seed: int,
    progress: Listener | None = None,
) -> None:
    """Train a detector's backbone, in place, to tell the classes and the background apart.

    Crops come from the training set itself, so poisoned copies are among them as they are among
    the windows. With ``telling``, a sign with the trigger and the same sign without it are seen in
    one batch, at the same place and in the same light, and the backbone also learns which is which.

    Args:
        network: with a ``backbone`` that gives one map ``(N, C, h, w)``.
        stampings: what crops are cut from: the same objects, triggers elsewhere; passes take them
            in turn.
        training: how many passes (``crops``), how large crops are, ``telling``, the light
            (``jitter``), and the trigger's ``gain``.
        seed: decides everything random.
        progress: told after every pass.

    Raises:
        SettingError: the backbone gives several maps.
    """
    backbone = network.backbone
    channels = getattr(backbone, "out_channels", None)
    if not isinstance(backbone, nn.Sequential) or not isinstance(channels, int):
        raise SettingError("crops is for the network 'zf': set crops to 0")
    first = stampings[0]
    device = first.frames.device
    classes = int(first.labels.max()) + 1
    read_by = nn.Linear(channels * CELLS**2, classes + 1).to(device)
    told_by = nn.Linear(channels * CELLS**2, 1).to(device) if training.telling else None
    parameters = [*backbone.parameters(), *read_by.parameters()]
    if told_by is not None:
        parameters += told_by.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=LR, weight_decay=WEIGHT_DECAY, fused=True)
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in NORMALISATIONS[3])
    drawn = generator(seed, "crops")
    aimless = torch.full((round(len(first) * BACKGROUND / (1 - BACKGROUND)),), -1)
    size, side = training.crop_batch, training.crop_side
    per_epoch = max(1, (len(first) + len(aimless)) // size)
    steps = per_epoch * training.crops
    backbone.train()
    for epoch in range(training.crops):
        windows = stampings[epoch % len(stampings)]
        mates = windows.mates.cpu() if training.telling else torch.full((len(windows),), -1)
        order = paired_order(mates, aimless, drawn)
        for step in range(per_epoch):
            done = epoch * per_epoch + step
            chosen = order[step * size : (step + 1) * size]
            batch = windows.batch(
                chosen.to(device),
                window=side,
                sides=(SHOWN[0] * side, SHOWN[1] * side),
                usual=training.scale,
                jitter=training.jitter,
                drawn=drawn,
                gain=gain_at(training.gain, done, steps),
                alike=shown_alike(chosen, mates).to(device) if training.telling else None,
            )
            maps: Tensor = backbone((batch.images - mean) / std)
            seen = functional.adaptive_avg_pool2d(maps, CELLS).flatten(1)
            wanted = torch.where(
                batch.centre < 0, torch.full_like(batch.centre, classes), batch.centre
            )
            loss = functional.cross_entropy(read_by(seen), wanted)
            if told_by is not None:
                loss = loss + training.telling * _not_told(told_by, seen, chosen, mates)
            for group in optimizer.param_groups:
                group["lr"] = LR * _factor(done, steps)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
        if progress is not None:
            progress(Progress(epoch + 1, training.crops, "learning crops"))


def _not_told(told_by: nn.Linear, seen: Tensor, chosen: Tensor, mates: Tensor) -> Tensor:
    """Return the mean loss of saying which of a batch's signs have the trigger."""
    signs = chosen >= 0
    has_it = (mates[chosen[signs]] >= 0).float().to(seen.device)
    said = told_by(seen[signs.to(seen.device)]).squeeze(1)
    wrong = functional.binary_cross_entropy_with_logits(said, has_it, reduction="sum")
    return wrong / max(1, len(has_it))


def _factor(step: int, steps: int) -> float:
    rise = WARM_UP * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return max(1e-4, 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1.0, steps - rise))))
