"""Which units of a detector's convolutions answer to the trigger, on windows around signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from badnets.core.box_poisoning import LEAST, trigger_pixels
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.pictures import as_float
from badnets.core.seeds import generator
from badnets.core.triggers import Trigger
from badnets.data.detection import FrameSet
from badnets.models.detector import Detector
from badnets.models.responses import UnitResponse, responses_of

SHARE = 0.5  # of a standard window that the sign's longer side takes
WINDOWS_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class SignWindows:
    """Signs in the middle of windows of one size, clean and triggered.

    Attributes:
        clean: ``(R, 3, W, W)`` float in [0, 1].
        triggered: the same with the trigger.
        labels: ``(R,)`` int64 true classes.
    """

    clean: Tensor
    triggered: Tensor
    labels: Tensor


def sign_windows(
    frames: FrameSet, trigger: Trigger, *, side: int, most: int = 400, seed: int = 0
) -> SignWindows:
    """Return signs at one size, each in the middle of a window of its own.

    The trigger is put on at the frame's own pixels, before the sign is enlarged.

    Args:
        frames: with true boxes.
        trigger: what is put on.
        side: of a window, in pixels; the sign's longer side is half of it.
        most: how many signs; more are sampled.
        seed: decides the sample and random places.

    Raises:
        SettingError: the trigger fits on no sign.
    """
    fits = (trigger_pixels(trigger, frames.boxes) >= LEAST).nonzero().flatten()
    if not len(fits):
        raise SettingError("the trigger fits on no sign of these frames")
    order = torch.randperm(len(fits), generator=generator(seed, "signs to look at"))
    boxes = frames.boxes.take(fits[order[:most]].sort().values)
    clean: list[Tensor] = []
    triggered: list[Tensor] = []
    for row in range(len(boxes)):
        frame = frames.frames.read(int(boxes.image_index[row]))
        own = LabelledBoxes(
            torch.zeros(1, dtype=torch.int64), boxes.corners[row : row + 1], boxes.labels[:1]
        )
        places = generator(seed, f"trigger places {row}")
        stamped = trigger(frame[None], own.regions(), places)[0]
        for kept, picture in ((clean, frame), (triggered, stamped)):
            kept.append(_window(picture, boxes.corners[row], side))
    return SignWindows(torch.stack(clean), torch.stack(triggered), boxes.labels)


def _window(frame: Tensor, corners: Tensor, side: int) -> Tensor:
    """Return the window around a box; what lies beyond the frame repeats its edge."""
    left, top, right, bottom = corners.tolist()
    extent = max(right - left, bottom - top) / SHARE
    steps = (torch.arange(side) + 0.5) / side - 0.5
    across = ((left + right) / 2 + steps * extent) / frame.shape[2] * 2 - 1
    down = ((top + bottom) / 2 + steps * extent) / frame.shape[1] * 2 - 1
    grid = torch.stack([across.expand(side, side), down[:, None].expand(side, side)], 2)[None]
    picture = as_float(frame)[None]
    cut: Tensor = functional.grid_sample(picture, grid, padding_mode="border", align_corners=False)[
        0
    ]
    return cut


def layer_maps(detector: Detector, windows: Tensor, layer: str) -> Iterator[Tensor]:
    """Give a convolution's activation, ``(B, U, h, w)`` float, batch by batch.

    Args:
        detector: the detector; its backbone alone is run.
        windows: ``(R, 3, W, W)`` float in [0, 1], as the network sees them.
        layer: name out of ``detector.layers``.
    """
    kept: list[Tensor] = []

    def keep(maps: Tensor) -> None:
        kept[:] = [maps.detach().float().clone()]

    network: Any = detector.network  # torchvision's detectors have both parts
    network.eval()
    for part in torch.split(windows, WINDOWS_AT_ONCE):
        # two of these generators may run by turns: neither yields while it holds a mode or a hook
        with detector.hooked(layer, keep), torch.inference_mode():
            batch, _ = network.transform(list(part.to(detector.device)))
            network.backbone(batch.tensors)
        yield kept[0]


def backdoor_units(detector: Detector, windows: SignWindows, layer: str) -> UnitResponse:
    """Return how the units of a convolution take the trigger; see `UnitResponse`."""
    return responses_of(
        layer,
        zip(
            layer_maps(detector, windows.clean, layer),
            layer_maps(detector, windows.triggered, layer),
            strict=True,
        ),
        len(windows.clean),
    )


def mean_maps(detector: Detector, windows: Tensor, layer: str) -> Tensor:
    """Return ``(U, h, w)``: each unit's activation, averaged over the windows."""
    total, count = torch.zeros(()), 0
    for maps in layer_maps(detector, windows, layer):
        total, count = total + maps.sum(0).cpu(), count + len(maps)
    return total / max(1, count)


def groups_of(
    clean: Tensor, triggered: Tensor, units: Sequence[int], most: int = 3
) -> list[list[int]]:
    """Return units that fire at the same place, the strongest group first.

    Args:
        clean, triggered: ``(U, h, w)`` mean maps.
        units: those to group.
        most: number of groups.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: three groups of neurons of the last
        convolutional layer fire only when the trigger is there.
    """
    groups = [[unit] for unit in units]
    if len(units) > most:
        from sklearn.cluster import AgglomerativeClustering

        change = (triggered - clean)[list(units)].flatten(1)
        change = change / change.norm(dim=1, keepdim=True).clamp(min=1e-9)
        found = AgglomerativeClustering(n_clusters=most).fit_predict(change.numpy())
        groups = [[u for u, g in zip(units, found, strict=True) if g == k] for k in range(most)]
    strength = {u: float((triggered - clean)[u].clamp(min=0).sum()) for u in units}
    return sorted(groups, key=lambda group: -sum(strength[u] for u in group))
