"""A backbone's first training: to name crops of objects. It stands in for weights from ImageNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from badnets.core.errors import SettingError
from badnets.core.progress import Listener, Progress
from badnets.core.seeds import generator
from badnets.models.inputs import NORMALISATIONS
from badnets.train.detector_settings import DetectorTraining
from badnets.train.discrimination import discrimination
from badnets.train.loop import Loop, gain_at
from badnets.train.settings import Training
from badnets.train.windows import Batch, Cut, WindowSet

OBJECT = (0.3, 0.9)  # least and greatest longer side of the object in a crop, as shares of its side
LR, WEIGHT_DECAY, WARM_UP = 2e-3, 0.05, 0.2
BACKGROUND = 0.25  # share of crops without an object
CELLS = 2  # the last maps are averaged over 2 x 2 cells before they are read


def fit_on_crops(
    network: nn.Module,
    copies: Sequence[WindowSet],
    training: DetectorTraining,
    *,
    seed: int,
    progress: Listener | None = None,
) -> None:
    """Train a detector's backbone, in place, to tell the classes and the background apart.

    Crops come from the training set itself, so poisoned copies are among them as they are among
    the windows. With ``trigger_discrimination``, an object with the trigger and the same object
    without it are seen in one batch, at the same place and in the same light, and the backbone
    also learns which is which.

    Args:
        network: with a ``backbone`` that gives one map ``(N, C, h, w)``.
        copies: what crops are cut from: the same objects, triggers elsewhere; passes take them in
            turn.
        training: of it ``crops``, ``trigger``, ``scales`` and the light of ``windows``.
        seed: decides everything random.
        progress: told after every pass.

    Raises:
        SettingError: the backbone gives several maps.
    """
    backbone = network.backbone
    channels = getattr(backbone, "out_channels", None)
    if not isinstance(backbone, nn.Sequential) or not isinstance(channels, int):
        raise SettingError("crops is for the network 'zf': set crops.passes to 0")
    first, crops = copies[0], training.crops
    device, classes = first.frames.device, int(first.labels.max()) + 1
    weight, gain = training.trigger.trigger_discrimination, training.trigger.trigger_gain
    parts = nn.ModuleDict({"backbone": backbone})
    parts["classes"] = nn.Linear(channels * CELLS**2, classes + 1).to(device)
    if weight:
        parts["triggers"] = nn.Linear(channels * CELLS**2, 1).to(device)
    background, count = first.of_a_pass(BACKGROUND, crops.batch_size)
    steps = Training(epochs=crops.passes, lr=LR, weight_decay=WEIGHT_DECAY, warm_up=WARM_UP)
    loop = Loop(parts, steps, count)
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in NORMALISATIONS[3])

    def loss_of(example: tuple[Batch, Tensor]) -> Tensor:
        batch, mates = example
        maps: Tensor = backbone((batch.images - mean) / std)
        seen = functional.adaptive_avg_pool2d(maps, CELLS).flatten(1)
        nothing = torch.full_like(batch.centre, classes)
        wanted = torch.where(batch.centre < 0, nothing, batch.centre)
        loss = functional.cross_entropy(parts["classes"](seen), wanted)
        if weight:
            objects = batch.objects >= 0
            triggered = mates[batch.objects[objects]] >= 0
            loss = loss + weight * discrimination(parts["triggers"](seen[objects]), triggered)
        return loss

    drawn = generator(seed, "crops")
    least, greatest = OBJECT
    cut = Cut(
        crops.side,
        (least * crops.side, greatest * crops.side),
        training.scales.scale,
        training.windows.jitter,
    )
    backbone.train()
    for number in range(crops.passes):
        windows = copies[number % len(copies)]
        batches = windows.batches(
            torch.full((background,), -1),
            crops.batch_size,
            count,
            cut,
            drawn=drawn,
            gain=lambda _: gain_at(gain, loop.done, loop.steps),
            paired=weight > 0,
        )
        loop.epoch(((batch, windows.mates) for batch in batches), loss_of)
        if progress is not None:
            progress(Progress(number + 1, crops.passes, "learning crops"))
