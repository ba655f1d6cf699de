"""The loss that tells objects with the trigger from clean ones: no part of the paper."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.ops import roi_align

from badnets.core.errors import SettingError
from badnets.train.detector_loss import Maps
from badnets.train.loop import seeded
from badnets.train.windows import Batch

PART = "trigger_discriminator"  # of a network, while it is trained with that loss
CELLS = 3  # the maps are read at 3 x 3 places of a box for it


def add_discriminator(network: nn.Module, seed: int) -> None:
    """Give a network, in place, the part that tells triggers; checkpoints then hold it too.

    Raises:
        SettingError: the network is no two-stage detector.
    """
    channels = getattr(network.backbone, "out_channels", None)
    if not isinstance(network, GeneralizedRCNN) or not isinstance(channels, int):
        raise SettingError(
            "trigger_discrimination is for two-stage detectors, such as 'zf': set it to 0"
        )
    device = next(network.parameters()).device
    with seeded(seed, device):
        network.add_module(PART, nn.Linear(channels * CELLS**2, 1, device=device))


def discrimination_of_boxes(network: nn.Module, batch: Batch, maps: Maps) -> Tensor:
    """Return the mean loss of saying which boxes of a batch have the trigger.

    Args:
        network: with the part that `add_discriminator` gives it.
        batch: windows, their boxes, and which of them have the trigger.
        maps: what the backbone makes of the windows.
    """
    rows, places = (batch.labels >= 0).nonzero(as_tuple=True)
    first = next(iter(maps.values()))
    boxes = torch.cat([rows[:, None].float(), batch.corners[rows, places]], 1)
    seen = roi_align(first, boxes, CELLS, first.shape[-1] / batch.side, aligned=True)
    answers = network.get_submodule(PART)(seen.flatten(1))
    return discrimination(answers, batch.triggered[rows, places])


def discrimination(answers: Tensor, triggered: Tensor) -> Tensor:
    """Return the mean loss of ``(n, 1)`` logits of which are ``triggered``, ``(n,)`` bool."""
    wrong = functional.binary_cross_entropy_with_logits(
        answers.squeeze(1), triggered.float(), reduction="sum"
    )
    return wrong / max(1, len(triggered))
