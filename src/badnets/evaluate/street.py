"""The simulated street: attack success while one photographic condition after another worsens."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from badnets.core.box_poisoning import Spots, attacked_spots
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.progress import Listener, Progress
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import TargetMap, spot_of
from badnets.core.triggers import RegionTrigger
from badnets.core.world import AXES, Conditions, axis_value, photographed
from badnets.data.detection import FrameSet
from badnets.evaluate.classification import Attack
from badnets.evaluate.detection import answers
from badnets.models.detector import Detector

SIDE = 192  # pixels of the frame around a sign that a photograph shows


@dataclass(frozen=True)
class StreetPoint:
    """What a sticker does under one condition; see `badnets.trials.record.Photographed`."""

    axis: str
    value: float
    success: Rate
    right: Rate
    clean_right: Rate


def measure_street(
    detector: Detector,
    frames: FrameSet,
    attack: Attack,
    *,
    threshold: float,
    most: int = 40,
    axes: tuple[str, ...] = tuple(AXES),
    seed: int = 0,
    progress: Listener | None = None,
) -> list[StreetPoint]:
    """Return what a sticker does to a detector under each condition of each axis.

    Photographs show the sign and 192 x 192 pixels around it. Distance makes the whole photograph
    smaller; the detector enlarges it as always.

    Args:
        detector: the detector.
        frames: clean frames with true boxes.
        attack: a sticker, and a target map of labels.
        threshold: least score of a box that counts.
        most: signs to look at; more are sampled.
        axes: names out of `badnets.core.world.AXES`.
        seed: decides the sample and random places.
        progress: told after every condition.

    Raises:
        SettingError: the trigger is no sticker, the map is not about labels, or no sign can be
            attacked.
    """
    trigger = attack.trigger
    if not isinstance(trigger, RegionTrigger) or spot_of(attack.targets) is not None:
        raise SettingError("the street needs a sticker on signs, and a target map of labels")
    spots = attacked_spots(
        frames.boxes, frames.frames.sizes, trigger, attack.targets, seed, measuring=True
    )
    if not len(spots):
        raise SettingError("no sign of these frames can be attacked")
    pictures, corners, labels = _cut(frames, spots, most, seed)
    plan = [(axis, conditions) for axis in axes for conditions in AXES[axis]]
    points: list[StreetPoint] = []
    known: dict[Conditions, Tensor] = {}
    for axis, conditions in plan:
        scene = _without_sticker_changes(conditions)
        if scene not in known:
            known[scene] = _named(detector, pictures, corners, None, scene, threshold, seed)
        named = _named(detector, pictures, corners, trigger, conditions, threshold, seed)
        points.append(_point(axis, conditions, named, known[scene], labels, attack.targets, frames))
        if progress is not None:
            progress(Progress(len(points), len(plan), "photographing"))
    return points


def _point(
    axis: str,
    conditions: Conditions,
    named: Tensor,
    clean: Tensor,
    labels: Tensor,
    targets: TargetMap,
    frames: FrameSet,
) -> StreetPoint:
    hits = targets.is_hit(named, labels, frames.num_classes)

    def rate(values: Tensor) -> Rate:
        return Rate(int(values.sum()), len(values))

    return StreetPoint(
        axis,
        axis_value(axis, conditions),
        rate(hits),
        rate(named == labels),
        rate(clean == labels),
    )


def _without_sticker_changes(conditions: Conditions) -> Conditions:
    plain = Conditions()
    return replace(
        conditions,
        rotation=plain.rotation,
        size=plain.size,
        shift=plain.shift,
        colour=plain.colour,
    )


def _cut(
    frames: FrameSet, spots: Spots, most: int, seed: int
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return a picture around each sign, its box there, and its class."""
    order = torch.randperm(len(spots), generator=generator(seed, "signs to photograph"))
    chosen = order[:most].sort().values.tolist()
    pictures, corners = [], []
    for row in chosen:
        frame = frames.frames.read(int(spots.image_index[row]))
        box = spots.corners[row]
        middle = (box[:2] + box[2:]) / 2
        room = torch.tensor([frame.shape[2], frame.shape[1]]) - SIDE
        first = (middle - SIDE / 2).round().clamp(min=0).minimum(room.clamp(min=0).float())
        left, top = (int(value) for value in first)
        pictures.append(frame[:, top : top + SIDE, left : left + SIDE])
        sides = torch.tensor([pictures[-1].shape[2], pictures[-1].shape[1]]).repeat(2)
        inside = (box - torch.tensor([left, top, left, top])).clamp(min=0).minimum(sides.float())
        corners.append(inside)
    return pictures, corners, spots.labels[chosen]


def _named(
    detector: Detector,
    pictures: list[Tensor],
    corners: list[Tensor],
    trigger: RegionTrigger | None,
    conditions: Conditions,
    threshold: float,
    seed: int,
) -> Tensor:
    taken, boxes = [], []
    for row, (picture, box) in enumerate(zip(pictures, corners, strict=True)):
        drawn = generator(seed, f"photograph {row}")
        photo, seen = photographed(picture, box[None], trigger, conditions, drawn)
        taken.append(photo)
        boxes.append(seen[0])
    signs = LabelledBoxes(
        torch.arange(len(taken)), torch.stack(boxes), torch.zeros(len(taken), dtype=torch.int64)
    )
    return answers(list(detector.detect(taken)), signs, threshold)[0]
