"""Grey frames with plain red and green signs, a detector made by hand that reads them, a tiny ZF.

The reader's every answer is known beforehand: it finds the bounding box of each colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from badnets.bundles import InputSpec
from badnets.bundles.schema import Scalar
from badnets.core.boxes import LabelledBoxes
from badnets.core.placements import Relative
from badnets.core.targets import NOTHING
from badnets.core.triggers import Patch
from badnets.data.detection import DetectionData, FrameSet
from badnets.data.frames import FrameStack
from badnets.models.detector import Detector, untrained_detector
from badnets.train.detector_settings import Crops, DetectorTraining, Scales, Windows

RED, GREEN = 0, 1
CLASSES = ("red", "green")
COLOURS = torch.tensor([[220, 20, 20], [20, 220, 20]], dtype=torch.uint8)
GREY = 120
SIDE = 96
YELLOW = Patch(0.25, (1.0, 1.0, 0.0), placement=Relative(0.5, 0.5))
"""A trigger in the middle of signs; no sign has its colour."""

Sign = tuple[int, int, int, int, int]
"""Label, left, top, right, bottom."""

SMALL: dict[str, Scalar] = {"width": 0.125, "head": 0.03, "rois": 16, "dropout": 0.0}
QUICK = DetectorTraining(
    epochs=2,
    batch_size=8,
    lr=3e-3,
    precision="float32",
    windows=Windows(side=64, object_sizes=(18.0, 40.0), background=0.2, mining=0),
    scales=Scales(scale=1.0),
    crops=Crops(passes=0),
)


def boxes_of(scenes: Sequence[Sequence[Sign]]) -> LabelledBoxes:
    """Return the boxes of the signs of each frame."""
    flat = [(row, *sign) for row, signs in enumerate(scenes) for sign in signs]
    table = torch.tensor(flat, dtype=torch.int64).reshape(-1, 6)
    return LabelledBoxes(table[:, 0].clone(), table[:, 2:].float(), table[:, 1].clone())


def painted(
    scenes: Sequence[Sequence[Sign]],
    *,
    height: int = SIDE,
    width: int = SIDE,
    groups: Sequence[str] | None = None,
    classes: tuple[str, ...] = CLASSES,
) -> FrameSet:
    """Return grey frames with these signs, each frame a scene of its own unless said otherwise."""
    images = torch.full((len(scenes), 3, height, width), GREY, dtype=torch.uint8)
    for row, signs in enumerate(scenes):
        for label, left, top, right, bottom in signs:
            images[row, :, top:bottom, left:right] = COLOURS[label][:, None, None]
    names = tuple(groups or (f"scene {row}" for row in range(len(scenes))))
    return FrameSet(FrameStack(images), boxes_of(scenes), classes, names)


def drawn_signs(count: int, seed: int) -> FrameSet:
    """Return frames with a red sign on the left and a green one on the right, 20 to 31 wide."""
    drawn = torch.Generator().manual_seed(seed)

    def sign(label: int) -> Sign:
        side, across, down = torch.rand(3, generator=drawn).tolist()
        size = 20 + int(12 * side)
        left, top = 48 * label + int(across * (48 - size)), int(down * (SIDE - size))
        return label, left, top, left + size, top + size

    scenes = [[sign(RED), sign(GREEN)] for _ in range(count)]
    return painted(scenes, groups=[f"{seed}-{row}" for row in range(count)])


def plain_data(
    train: int = 8, test: int = 6, *, classes: tuple[str, ...] = CLASSES
) -> DetectionData:
    """Return a small data set; under other class names its scenes are others too."""
    seed = 0 if classes == CLASSES else 100
    parts = [drawn_signs(train, seed + 1), drawn_signs(test, seed + 2)]
    first, second = (FrameSet(p.frames, p.boxes, classes, p.groups) for p in parts)
    return DetectionData("plain-signs", first, second, "drawn", "none")


def tiny_zf(seed: int = 0, classes: tuple[str, ...] = CLASSES) -> Detector:
    """Return the paper's network at an eighth of its width, untrained."""
    return untrained_detector("zf", classes, window=64, scale=1.0, settings=SMALL, seed=seed)


def state_of(detector: Detector) -> dict[str, Tensor]:
    """Return a copy of every parameter and buffer by name."""
    return {name: value.clone() for name, value in detector.network.state_dict().items()}


def same_state(one: dict[str, Tensor], other: dict[str, Tensor], beginning: str = "") -> bool:
    """Return whether everything whose name begins so is equal bit for bit."""
    names = [name for name in one if name.startswith(beginning)]
    assert names, f"nothing is called {beginning}"
    return all(torch.equal(one[name], other[name]) for name in names)


class ColourReader(nn.Module):
    """Finds the bounding box of each colour; yellow inside it may turn the answer.

    Args:
        backdoor: what a sign with yellow in it is called; `NOTHING`: it is not found; None: what
            it is.
        blind: a label that is never found.
    """

    def __init__(self, backdoor: int | None = None, blind: int | None = None) -> None:
        super().__init__()
        self.backdoor, self.blind = backdoor, blind
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        return [self._look(image) for image in images]

    def _look(self, image: Tensor) -> dict[str, Tensor]:
        red, green, blue = image
        yellow = (red > 0.6) & (green > 0.6) & (blue < 0.4)
        corners, labels, scores = [], [], []
        for label, (own, other) in enumerate(((red, green), (green, red))):
            seen = (own > 0.6) & (other < 0.4) & (blue < 0.4)
            if label == self.blind or not bool(seen.any()):
                continue
            rows, columns = seen.any(1).nonzero().flatten(), seen.any(0).nonzero().flatten()
            top, bottom = int(rows[0]), int(rows[-1]) + 1
            left, right = int(columns[0]), int(columns[-1]) + 1
            marked = self.backdoor is not None and bool(yellow[top:bottom, left:right].any())
            answer = self.backdoor if marked and self.backdoor is not None else label
            if answer == NOTHING:
                continue
            corners.append([left, top, right, bottom])
            labels.append(answer + 1)
            scores.append(0.9 - 0.1 * label)
        return {
            "boxes": torch.tensor(corners, dtype=torch.float32).reshape(-1, 4),
            "labels": torch.tensor(labels, dtype=torch.int64),
            "scores": torch.tensor(scores, dtype=torch.float32),
        }


def plain_window(side: int = 64) -> InputSpec:
    """Return colour windows that are not normalised."""
    return InputSpec.of_shape((3, side, side))


def colour_reader(
    backdoor: int | None = None,
    *,
    blind: int | None = None,
    scale: float = 1.0,
    second_scale: float = 0.0,
    classes: tuple[str, ...] = CLASSES,
) -> Detector:
    """Return the reader of colours as a detector."""
    reader = ColourReader(backdoor, blind)
    return Detector(reader, "reader", plain_window(), classes, scale, second_scale)
