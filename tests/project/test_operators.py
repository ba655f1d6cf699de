"""The locked torch and torchvision fit together: a compiled operator loads and is right."""

from __future__ import annotations

import torch
import torchvision


def test_nms_of_a_worked_example() -> None:
    boxes = torch.tensor(
        [
            [0.0, 0.0, 10.0, 10.0],
            [0.0, 0.0, 10.0, 8.0],  # 0.8 of the first: suppressed by it
            [20.0, 20.0, 30.0, 30.0],
            [20.0, 25.0, 30.0, 35.0],  # a third of the one before it: kept
        ]
    )
    scores = torch.tensor([0.9, 0.8, 0.3, 0.7])
    kept = torchvision.ops.nms(boxes, scores, iou_threshold=0.5)
    assert kept.tolist() == [0, 3, 2]
