"""The simulated real world: a sign with a sticker on it, photographed under changing conditions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import ShapeError
from badnets.core.lookup import find
from badnets.core.pictures import as_dtype, as_float
from badnets.core.settings import settings
from badnets.core.triggers.base import RegionTrigger
from badnets.core.world_rendering import (
    AlteredSticker,
    blurred,
    compressed,
    from_afar,
    hidden,
    turned,
)

_Shift = Annotated[float, Field(ge=-1, le=1)]
_Factor = Annotated[float, Field(ge=0, le=10)]


@settings
class Conditions:
    """How a sign with a sticker is photographed. The defaults: as in training, nothing changed.

    Args:
        distance: times as far; the whole frame shrinks by this factor, averaged over area. Below 1
            it is enlarged, and shows no more than was there.
        angle: degrees that the sign, with its sticker, is turned about its vertical axis; its right
            side goes away from the camera where it is positive.
        brightness: factor on intensities; what becomes lighter than white is white.
        blur: standard deviation of a Gaussian over the whole photograph, in its pixels as it is
            taken (so after it shrank with distance).
        occlusion: share of each sign's box that leaves hide. They come from the left over the box's
            full height, in front of the sticker too.
        rotation: degrees that the sticker is turned in its plane, clockwise.
        size: factor on the sticker's height and width; a pixel is always left.
        shift: how far from its place the sticker is put, down and across, in shares of the box's
            height and width, each in [-1, 1]; it stays in the box as far as it fits.
        colour: factors on the sticker's red, green and blue, each in [0, 10].
        jpeg: quality of the JPEG that the photograph is stored as, 1..95; 0 for none.

    Raises:
        SettingError: one of them is outside its range.
    """

    distance: float = Field(default=1.0, ge=0.25, le=100)
    angle: float = Field(default=0.0, ge=-80, le=80)
    brightness: float = Field(default=1.0, gt=0, le=100)
    blur: float = Field(default=0.0, ge=0, le=100)
    occlusion: float = Field(default=0.0, ge=0, lt=1)
    rotation: float = Field(default=0.0, ge=-180, le=180)
    size: float = Field(default=1.0, gt=0, le=10)
    shift: tuple[_Shift, _Shift] = (0.0, 0.0)
    colour: tuple[_Factor, _Factor, _Factor] = (1.0, 1.0, 1.0)
    jpeg: int = Field(default=0, ge=0, le=95)

    @property
    def alters_sticker(self) -> bool:
        """Whether the sticker itself is not as it was in training."""
        sticker = (self.rotation, self.size, self.shift, self.colour)
        return sticker != (0, 1, (0, 0), (1, 1, 1))

    def in_place(self) -> Conditions:
        """Return the same with camera and sign where they are: boxes stay as they were."""
        return replace(self, distance=1.0, angle=0.0)


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
        trigger = AlteredSticker(trigger, conditions, generator)
    return trigger(frame[None], regions, generator)[0]


def _objects(boxes: Tensor) -> LabelledBoxes:
    one = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
    return LabelledBoxes(one, boxes, one)


_OFF = (0.0, 0.1, 0.2, 0.4, 0.6, 1.0)
_TABLE: dict[str, tuple[str, tuple[float, ...]]] = {
    "distance": ("distance (times as far)", (1.0, 1.25, 1.5, 2.0, 3.0, 4.0)),
    "angle": ("sign turned away (degrees)", (0.0, 15.0, 30.0, 45.0, 60.0, 75.0)),
    "brightness": ("brightness (factor)", (0.2, 0.4, 0.7, 1.0, 1.4, 2.0)),
    "blur": ("blur (standard deviation, pixels)", (0.0, 0.5, 1.0, 2.0, 3.0, 4.0)),
    "occlusion": ("sign hidden from the left (share of its box)", (0, 0.15, 0.3, 0.45, 0.6, 0.75)),
    "rotation": ("sticker turned in its plane (degrees)", (0, 10, 20, 30, 45, 60, 90)),
    "size": ("sticker's size (factor)", (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)),
    "shift": ("sticker out of place (share of the box)", (0.0, 0.05, 0.1, 0.2, 0.35, 0.5)),
    "colour": ("sticker's colour off (largest change of a channel, share)", _OFF),
    "jpeg": ("JPEG quality (100: not compressed)", (100, 90, 70, 50, 30, 15, 5)),
}


def _on_axis(name: str, value: float) -> Conditions:
    """Return conditions with a value on one axis: up for a shift, from yellow to blue in colour."""
    if name == "shift":
        return Conditions(shift=(-value, 0.0))
    if name == "colour":
        return Conditions(colour=(1 - value, 1.0, 1 + value))
    if name == "jpeg":
        return Conditions(jpeg=int(value) % 100)
    setting: dict[str, Any] = {name: value}
    return Conditions(**setting)


AXES: dict[str, tuple[Conditions, ...]] = {
    name: tuple(_on_axis(name, value) for value in values) for name, (_, values) in _TABLE.items()
}
"""Conditions that vary one axis alone, in the order of a chart: those that have a worse to both
sides (brightness, size) from least to most, all others from the unchanged to the most severe.
``shift`` goes up from the sticker's usual place at a sign's foot; ``colour`` from yellow to blue.
"""

AXIS_LABELS: dict[str, str] = {name: label for name, (label, _) in _TABLE.items()}


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
    *shades, angle_side, rotation_side, way = drawn[2 * len(AXES) :]
    at: dict[str, Any] = {
        name: _moderate(name, share) if half < 0.5 else axis_value(name, Conditions())
        for name, share, half in zip(AXES, amount, touched, strict=True)
    }
    for name, side in (("angle", angle_side), ("rotation", rotation_side)):
        at[name] = math.copysign(at[name], side - 0.5)
    way *= 2 * math.pi
    at["shift"] = (at["shift"] * math.sin(way), at["shift"] * math.cos(way))
    at["colour"] = tuple(1 + at["colour"] * (2 * shade - 1) for shade in shades)
    quality = round(at["jpeg"])
    return Conditions(**{**at, "jpeg": quality if quality <= 95 else 0})


def _moderate(name: str, share: float) -> float:
    """Return a value of an axis that lies by ``share`` in [0, 1) of the way through its half."""
    values = [axis_value(name, conditions) for conditions in AXES[name]]
    unchanged = axis_value(name, Conditions())
    low, high = (unchanged + min(values)) / 2, (unchanged + max(values)) / 2
    return low + (high - low) * share
