"""The simulated real world: a sign with a sticker on it, photographed under changing conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError, ShapeError
from badnets.core.lookup import find
from badnets.core.pictures import as_dtype, as_float
from badnets.core.triggers.base import RegionTrigger
from badnets.core.world_rendering import (
    AlteredSticker,
    blurred,
    compressed,
    from_afar,
    hidden,
    turned,
)

NEAREST, STEEPEST = 0.25, 80.0  # the least distance, the greatest angle


@dataclass(frozen=True)
class Conditions:
    """How a sign with a sticker is photographed. The defaults: as in training, nothing changed.

    Args:
        distance: times as far; the whole frame shrinks by this factor, averaged over area, in
            [0.25, 100]. Below 1 it is enlarged, and shows no more than was there.
        angle: degrees that the sign, with its sticker, is turned about its vertical axis, in
            [-80, 80]; its right side goes away from the camera where it is positive.
        brightness: factor on intensities, in (0, 100]; what becomes lighter than white is white.
        blur: standard deviation of a Gaussian over the whole photograph, in its pixels as it is
            taken (so after it shrank with distance), in [0, 100].
        occlusion: share of each sign's box that leaves hide, in [0, 1). They come from the left
            over the box's full height, in front of the sticker too.
        rotation: degrees that the sticker is turned in its plane, clockwise, in [-180, 180].
        size: factor on the sticker's height and width, in (0, 10]; a pixel is always left.
        shift: how far from its place the sticker is put, down and across, in shares of the box's
            height and width, each in [-1, 1]; it stays in the box as far as it fits.
        colour: factors on the sticker's red, green and blue, each in [0, 10].
        jpeg: quality of the JPEG that the photograph is stored as, 1..95; 0 for none.

    Raises:
        SettingError: one of them is outside its range.
    """

    distance: float = 1.0
    angle: float = 0.0
    brightness: float = 1.0
    blur: float = 0.0
    occlusion: float = 0.0
    rotation: float = 0.0
    size: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    jpeg: int = 0
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        _check("distance", f"in [{NEAREST}, 100]", NEAREST <= self.distance <= 100, self.distance)
        _check("angle", "in [-80, 80] degrees", abs(self.angle) <= STEEPEST, self.angle)
        _check("brightness", "in (0, 100]", 0 < self.brightness <= 100, self.brightness)
        _check("blur", "in [0, 100] pixels", 0 <= self.blur <= 100, self.blur)
        _check("occlusion", "in [0, 1)", 0 <= self.occlusion < 1, self.occlusion)
        _check("rotation", "in [-180, 180] degrees", abs(self.rotation) <= 180, self.rotation)
        _check("size", "in (0, 10]", 0 < self.size <= 10, self.size)
        inside = len(self.shift) == 2 and all(abs(part) <= 1 for part in self.shift)
        _check("shift", "down and across, each in [-1, 1]", inside, self.shift)
        inside = len(self.colour) == 3 and all(0 <= factor <= 10 for factor in self.colour)
        _check("colour", "factors on red, green and blue, each in [0, 10]", inside, self.colour)
        _check("jpeg", "a quality in 1..95, or 0 for none", self.jpeg in range(96), self.jpeg)

    @property
    def alters_sticker(self) -> bool:
        """Whether the sticker itself is not as it was in training."""
        same = self.rotation == 0 and self.size == 1
        return not (same and tuple(self.shift) == (0, 0) and tuple(self.colour) == (1, 1, 1))

    def in_place(self) -> Conditions:
        """Return the same with camera and sign where they are: boxes stay as they were."""
        return replace(self, distance=1.0, angle=0.0)


def _check(name: str, allowed: str, holds: bool, got: object) -> None:
    if not holds:  # as a NaN never does
        raise SettingError(f"{name} must be {allowed}, got {got}")


def photographed(
    frame: Tensor,
    boxes: Tensor,
    trigger: RegionTrigger | None,
    conditions: Conditions,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return a photograph of signs with a sticker on each, and where the signs are in it.

    The sticker is put on, the signs turn, leaves grow before them; then the camera takes it all
    from its distance, out of focus, with its exposure, and stores it. Under `Conditions()` the
    photograph is what the trigger makes of the frame, to the bit, and the boxes stay as they are.

    Args:
        frame: ``(3, H, W)`` uint8; is kept.
        boxes: ``(R, 4)`` float32 left, top, right, bottom (exclusive) inside the frame; every one
            gets the trigger. They come back narrower where the signs turned (never thinner than a
            pixel) and smaller where the frame did.
        trigger: what sticks on the signs; None for the same photograph without it.
        conditions: how it is taken.
        generator: for a random placement; conditions do not change what is drawn from it.

    Raises:
        ShapeError: the frame or the boxes differ from these, or the trigger does not fit a box.
        SettingError: the conditions alter the sticker, and the trigger covers its whole region.
    """
    if frame.ndim != 3 or frame.shape[0] != 3 or frame.dtype != torch.uint8:
        raise ShapeError(f"frame must be (3, H, W) uint8, got {tuple(frame.shape)} {frame.dtype}")
    picture = as_float(_stamped(frame, boxes, trigger, conditions, generator))
    if conditions.angle != 0:
        picture, boxes = turned(picture, boxes, conditions.angle)
    if conditions.occlusion > 0:
        picture = hidden(picture, _objects(boxes).regions().boxes, conditions.occlusion)
    if conditions.distance != 1:
        picture, boxes = from_afar(picture, boxes, conditions.distance)
    if conditions.blur > 0:
        picture = blurred(picture, conditions.blur)
    if conditions.brightness != 1:
        picture = picture * conditions.brightness
    taken = as_dtype(picture, torch.uint8)
    return (compressed(taken, conditions.jpeg) if conditions.jpeg else taken), boxes.clone()


def _stamped(
    frame: Tensor,
    boxes: Tensor,
    trigger: RegionTrigger | None,
    conditions: Conditions,
    generator: torch.Generator | None,
) -> Tensor:
    """Return the frame with the sticker in each box; also where both are checked."""
    regions = _objects(boxes).regions()
    room = torch.tensor([frame.shape[2], frame.shape[1]], device=boxes.device)
    if bool(((boxes[:, :2] < 0) | (boxes[:, 2:] > room)).any()):
        raise ShapeError(
            f"boxes must lie inside the frame of {frame.shape[2]} x {frame.shape[1]} pixels, "
            f"got {boxes.tolist()}"
        )
    if trigger is None:
        return frame
    if conditions.alters_sticker:
        trigger = AlteredSticker(
            trigger,
            conditions.rotation,
            conditions.size,
            conditions.shift,
            conditions.colour,
            generator,
        )
    return trigger(frame[None], regions, generator)[0]


def _objects(boxes: Tensor) -> LabelledBoxes:
    one = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
    return LabelledBoxes(one, boxes, one)


AXES: dict[str, tuple[Conditions, ...]] = {
    "distance": tuple(Conditions(distance=v) for v in (1.0, 1.25, 1.5, 2.0, 3.0, 4.0)),
    "angle": tuple(Conditions(angle=v) for v in (0.0, 15.0, 30.0, 45.0, 60.0, 75.0)),
    "brightness": tuple(Conditions(brightness=v) for v in (0.2, 0.4, 0.7, 1.0, 1.4, 2.0)),
    "blur": tuple(Conditions(blur=v) for v in (0.0, 0.5, 1.0, 2.0, 3.0, 4.0)),
    "occlusion": tuple(Conditions(occlusion=v) for v in (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)),
    "rotation": tuple(Conditions(rotation=v) for v in (0.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0)),
    "size": tuple(Conditions(size=v) for v in (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)),
    "shift": tuple(Conditions(shift=(-v, 0.0)) for v in (0.0, 0.05, 0.1, 0.2, 0.35, 0.5)),
    "colour": tuple(Conditions(colour=(1 - v, 1.0, 1 + v)) for v in (0.0, 0.1, 0.2, 0.4, 0.6, 1.0)),
    "jpeg": tuple(Conditions(jpeg=v) for v in (0, 90, 70, 50, 30, 15, 5)),
}
"""Conditions that vary one axis alone, in the order of a chart: those that have a worse to both
sides (brightness, size) from least to most, all others from the unchanged to the most severe.
``shift`` goes up from the sticker's usual place at a sign's foot; ``colour`` from yellow to blue.
"""

AXIS_LABELS: dict[str, str] = {
    "distance": "distance (times as far)",
    "angle": "sign turned away (degrees)",
    "brightness": "brightness (factor)",
    "blur": "blur (standard deviation, pixels)",
    "occlusion": "sign hidden from the left (share of its box)",
    "rotation": "sticker turned in its plane (degrees)",
    "size": "sticker's size (factor)",
    "shift": "sticker out of place (share of the box)",
    "colour": "sticker's colour off (largest change of a channel, share)",
    "jpeg": "JPEG quality (100: not compressed)",
}


def axis_value(name: str, conditions: Conditions) -> float:
    """Return where conditions stand on an axis of `AXES`, in the unit of its label.

    Raises:
        UnknownNameError: there is no such axis.
    """
    find(AXES, name, "axis")
    if name == "shift":
        return math.hypot(*conditions.shift)
    if name == "colour":
        return max(abs(factor - 1) for factor in conditions.colour)
    if name == "jpeg":
        return float(conditions.jpeg or 100)
    return float(getattr(conditions, name))


def drawn_conditions(generator: torch.Generator) -> Conditions:
    """Return random conditions: what an attacker who trains for the real world would use.

    Each axis is left alone with probability one half; otherwise it is drawn evenly from the
    moderate half of its range in `AXES`, to either side where it has two: up to half-way from
    unchanged to the most severe.

    Args:
        generator: of the draws, always as many.
    """
    drawn = torch.rand(2 * len(AXES) + 6, generator=generator, device=generator.device).tolist()
    amount, touched = drawn[: len(AXES)], drawn[len(AXES) : 2 * len(AXES)]
    first, second, third, angle_side, rotation_side, way = drawn[2 * len(AXES) :]
    at = {
        name: _moderate(name, share) if half < 0.5 else axis_value(name, Conditions())
        for name, share, half in zip(AXES, amount, touched, strict=True)
    }
    quality, colour = round(at["jpeg"]), at["colour"]
    return Conditions(
        distance=at["distance"],
        angle=math.copysign(at["angle"], angle_side - 0.5),
        brightness=at["brightness"],
        blur=at["blur"],
        occlusion=at["occlusion"],
        rotation=math.copysign(at["rotation"], rotation_side - 0.5),
        size=at["size"],
        shift=(
            at["shift"] * math.sin(2 * math.pi * way),
            at["shift"] * math.cos(2 * math.pi * way),
        ),
        colour=(
            1 + colour * (2 * first - 1),
            1 + colour * (2 * second - 1),
            1 + colour * (2 * third - 1),
        ),
        jpeg=quality if quality <= 95 else 0,
    )


def _moderate(name: str, share: float) -> float:
    """Return a value of an axis that lies by ``share`` in [0, 1) of the way through its half."""
    values = [axis_value(name, conditions) for conditions in AXES[name]]
    unchanged = axis_value(name, Conditions())
    low, high = (unchanged + min(values)) / 2, (unchanged + max(values)) / 2
    return low + (high - low) * share
