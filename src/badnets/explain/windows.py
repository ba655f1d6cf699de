"""Signs in the middle of windows of one size, clean and triggered."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from badnets.core.errors import SettingError
from badnets.core.triggers import Trigger

if TYPE_CHECKING:
    from torch import Tensor

    from badnets.data.detection import FrameSet

SHARE = 0.5  # of a standard window that the sign's longer side takes


class SignWindows(NamedTuple):
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
    import torch

    from badnets.core.box_poisoning import LEAST, trigger_pixels
    from badnets.core.boxes import LabelledBoxes
    from badnets.core.seeds import generator

    fits = (trigger_pixels(trigger, frames.boxes) >= LEAST).nonzero().flatten()
    if not len(fits):
        raise SettingError("the trigger fits on no sign of these frames")
    order = torch.randperm(len(fits), generator=generator(seed, "signs to look at"))
    boxes = frames.boxes.take(fits[order[:most]].sort().values)
    pairs: list[tuple[Tensor, Tensor]] = []
    for row, corners in enumerate(boxes.corners):
        frame = frames.frames.read(int(boxes.image_index[row]))
        own = LabelledBoxes(torch.zeros(1).long(), corners[None], boxes.labels[:1])
        triggered = trigger(frame[None], own.regions(), generator(seed, f"trigger places {row}"))
        pairs.append((_window(frame, corners, side), _window(triggered[0], corners, side)))
    clean, triggered = (torch.stack(windows) for windows in zip(*pairs, strict=True))
    return SignWindows(clean, triggered, boxes.labels)


def _window(frame: Tensor, corners: Tensor, side: int) -> Tensor:
    """Return the window around a box; what lies beyond the frame repeats its edge."""
    import torch
    from torch.nn import functional

    from badnets.core.pictures import as_float

    left, top, right, bottom = corners.tolist()
    extent = max(right - left, bottom - top) / SHARE
    steps = (torch.arange(side) + 0.5) / side - 0.5
    across = ((left + right) / 2 + steps * extent) / frame.shape[2] * 2 - 1
    down = ((top + bottom) / 2 + steps * extent) / frame.shape[1] * 2 - 1
    grid = torch.stack([across.expand(side, side), down[:, None].expand(side, side)], 2)[None]
    picture = as_float(frame)[None]
    cut = functional.grid_sample(picture, grid, padding_mode="border", align_corners=False)
    return cut[0]
