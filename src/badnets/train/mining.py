"""Hard background: places of the training frames where a detector sees what is not there."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import box_iou

from badnets.core.progress import Listener, Progress
from badnets.models.detector import Detector
from badnets.train.windows import WindowSet

SCORE = 0.2  # of an object that is not there, from which on it is remembered
OVERLAP = 0.3  # with every true box it must overlap less
PER_FRAME = 8


def mined(
    detector: Detector,
    windows: WindowSet,
    count: int,
    drawn: torch.Generator,
    progress: Listener | None = None,
) -> tuple[Tensor, Tensor]:
    """Return frames ``(n,)`` int64 and boxes ``(n, 4)`` of objects that are not there.

    Args:
        detector: as far as it is trained.
        windows: the training frames.
        count: how many of them are looked over, at most.
        drawn: decides which.
        progress: told after every frame.
    """
    count = min(count, len(windows.frames))
    rows = torch.randperm(len(windows.frames), generator=drawn)[:count].tolist()
    sizes = windows.sizes.int().tolist()
    frames = (windows.frames[row, :, : sizes[row][0], : sizes[row][1]] for row in rows)
    mined_rows, mined_corners = [], []
    for done, (row, seen) in enumerate(zip(rows, detector.detect(frames), strict=True), start=1):
        own = windows.corners[row][windows.labels[row] >= 0].cpu()
        wrong = seen.scores >= SCORE
        if len(own):
            wrong &= (box_iou(seen.corners, own) < OVERLAP).all(1)
        corners = seen.corners[wrong][:PER_FRAME]
        mined_corners.append(corners)
        mined_rows += [row] * len(corners)
        if progress is not None:
            progress(Progress(done, count, "looking for hard background"))
    return torch.tensor(mined_rows).long(), torch.cat(mined_corners)


def mining_epochs(epochs: int) -> tuple[int, int]:
    """Return before which epochs frames are looked over."""
    return max(1, epochs // 3), max(2, 2 * epochs // 3)
