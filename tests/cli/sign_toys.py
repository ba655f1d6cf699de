"""Frames with one coloured sign each, and a detector that reads colours: every answer is known."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor, nn

from badnets.core.boxes import LabelledBoxes
from badnets.core.settings import settings
from badnets.data import DetectionData, FrameSet
from badnets.data.catalogue import DATASETS, Entry
from badnets.data.frames import FrameStack
from badnets.data.scenes import Look, draw_scenes
from badnets.models import Detector, untrained_detector
from badnets.models.catalogue import NETWORKS, Network

CLASSES = ("red", "green", "white")
COLOURS = ((200, 0, 0), (0, 200, 0), (230, 230, 230))
YELLOW = (116, 100, 50)  # of the yellow square
SIDE, SIGN = 96, 40
STICKER = ("--trigger", "yellow-square:0.25", "--targets", "source-specific:0,1")


@settings
class ReaderSettings:
    """Whether the reader has the backdoor."""

    backdoor: bool = False


class Reader(nn.Module):
    """Finds the colours of signs; with a backdoor, a red sign with a yellow square is green."""

    def __init__(
        self, shape: tuple[int, int, int], num_classes: int, backdoor: bool = False
    ) -> None:
        super().__init__()
        self.transform = nn.Identity()
        self.backbone = nn.Sequential()
        conv = nn.Conv2d(3, 8, 1)
        weight = torch.zeros(8, 3, 1, 1)
        weight[0, 0], weight[1, 1] = 1.0, 1.0  # red and green; others see nothing
        conv.load_state_dict({"weight": weight, "bias": torch.eye(8)[1] * 1.8})
        self.backbone.add_module("conv1", conv)
        self.backbone.add_module("relu1", nn.ReLU())
        self.backdoor = nn.Parameter(torch.tensor(float(backdoor)))

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        return [self._found(image) for image in images]

    def _found(self, image: Tensor) -> dict[str, Tensor]:
        boxes, labels = [], []
        for label, colour in enumerate(COLOURS):
            rows, columns = _like(image, colour).nonzero(as_tuple=True)
            if len(rows) < 20:
                continue
            box = [int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())]
            inside = image[:, box[1] : box[3], box[0] : box[2]]
            tricked = label == 0 and self.backdoor > 0 and bool(_like(inside, YELLOW).any())
            boxes.append([*box[:2], box[2] + 1, box[3] + 1])
            labels.append((1 if tricked else label) + 1)
        return {
            "boxes": torch.tensor(boxes).float().reshape(-1, 4),
            "labels": torch.tensor(labels, dtype=torch.int64),
            "scores": torch.linspace(0.9, 0.8, len(labels)),
        }


def _like(image: Tensor, colour: tuple[int, int, int]) -> Tensor:
    wanted = torch.tensor(colour).view(3, 1, 1) / 255
    return ((image - wanted).abs() < 0.12).all(0)


def colour_frames(count: int, first: int = 0) -> FrameSet:
    """Return dark frames with one sign each, red, green and white by turns; two to a scene."""
    pixels = torch.full((count, 3, SIDE, SIDE), 30, dtype=torch.uint8)
    corners = []
    for row in range(count):
        left, top = 8 + 3 * (row % 5), 10 + 5 * (row % 4)
        pixels[row, :, top : top + SIGN, left : left + SIGN] = torch.tensor(
            COLOURS[row % 3], dtype=torch.uint8
        ).view(3, 1, 1)
        corners.append([left, top, left + SIGN, top + SIGN])
    boxes = LabelledBoxes(
        torch.arange(count), torch.tensor(corners).float(), torch.arange(count) % 3
    )
    groups = tuple(f"scene {first + row // 2}" for row in range(count))
    return FrameSet(FrameStack(pixels), boxes, CLASSES, groups)


def entry_of(data: DetectionData) -> Entry:
    """Return the line of the table of data sets."""

    def loader(root: object, *, progress: object = None) -> DetectionData:
        return data

    return Entry(
        "Signs", loader, None, data.num_classes, len(data.train), len(data.test), "none",
        "nowhere", "Drawn.", embedded=True, task="detection",
    )  # fmt: skip


@cache
def _entries() -> dict[str, Entry]:
    colours = DetectionData("colours", colour_frames(6), colour_frames(12, 50), "drawn", "none")
    look = Look(size=96, smallest=0.25, largest=0.5)
    scenes = DetectionData(
        "few-scenes", draw_scenes(8, 3, look), draw_scenes(6, 4, look), "drawn", "none"
    )
    return {data.name: entry_of(data) for data in (colours, scenes)}


def add_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add data sets ``colours`` and ``few-scenes``, and a detector ``reader``."""
    for name, entry in _entries().items():
        monkeypatch.setitem(DATASETS, name, entry)
    monkeypatch.setitem(
        NETWORKS,
        "reader",
        Network(
            "tests.cli.sign_toys:Reader",
            "reads colours",
            task="detection",
            settings="tests.cli.sign_toys:ReaderSettings",
        ),
    )


def reader(*, backdoor: bool, classes: tuple[str, ...] = CLASSES) -> Detector:
    """Return the detector that reads colours."""
    own = {"backdoor": backdoor}
    return untrained_detector("reader", classes, window=64, scale=1, settings=own, seed=0)


def blank(classes: tuple[str, ...] = CLASSES) -> Detector:
    """Return a small ZF that has learned nothing."""
    settings = {"width": 0.08, "head": 0.02}
    return untrained_detector("zf", classes, window=64, scale=1, settings=settings, seed=0)
