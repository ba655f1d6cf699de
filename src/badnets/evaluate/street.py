"""The simulated street: attack success while one photographic condition after another worsens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from badnets.core.errors import SettingError
from badnets.core.progress import Listener, Progress
from badnets.core.targets import anchor_of, of_classes
from badnets.core.triggers import RegionTrigger
from badnets.core.world import AXES
from badnets.evaluate.results import StreetPoint, share

if TYPE_CHECKING:
    from torch import Tensor

    from badnets.core.box_poisoning import Anchors
    from badnets.core.world import Conditions
    from badnets.data.detection import FrameSet
    from badnets.evaluate.classification import Attack
    from badnets.models.detector import Detector

SIDE = 192  # pixels of the frame around an object that a photograph shows


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
) -> tuple[StreetPoint, ...]:
    """Return what a sticker does to a detector under each condition of each axis.

    Photographs show the object and 192 x 192 pixels around it. Distance makes the whole photograph
    smaller; the detector enlarges it as always.

    Args:
        detector: the detector.
        frames: clean frames with true boxes.
        attack: a sticker, and a target map of labels.
        threshold: least score of a box that counts.
        most: objects to look at; more are sampled.
        axes: names out of `badnets.core.world.AXES`.
        seed: decides the sample and random places.
        progress: told after every condition.

    Raises:
        SettingError: the trigger is no sticker, the map is not about labels, or no object can be
            attacked.
    """
    from badnets.core.box_poisoning import find_anchors
    from badnets.core.world import axis_value

    attack = of_classes(attack, frames.classes)
    trigger = attack.trigger
    if not isinstance(trigger, RegionTrigger) or anchor_of(attack.targets) is not None:
        raise SettingError("the street needs a sticker on signs, and a target map of labels")
    spots = find_anchors(
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
        hits = attack.targets.is_hit(named, labels, frames.num_classes)
        points.append(
            StreetPoint(
                axis=axis,
                value=axis_value(axis, conditions),
                success=share(hits.tolist()),
                right=share((named == labels).tolist()),
                clean_right=share((known[scene] == labels).tolist()),
            )
        )
        if progress is not None:
            progress(Progress(len(points), len(plan), "photographing"))
    return tuple(points)


def _without_sticker_changes(conditions: Conditions) -> Conditions:
    from badnets.core.world import Conditions

    plain = Conditions()
    return replace(
        conditions,
        **{name: getattr(plain, name) for name in ("rotation", "size", "shift", "colour")},
    )


def _cut(
    frames: FrameSet, spots: Anchors, most: int, seed: int
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return a picture around each object, its box there, and its class."""
    import torch

    from badnets.core.seeds import generator

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
    import torch

    from badnets.core.boxes import LabelledBoxes
    from badnets.core.seeds import generator
    from badnets.core.world import photographed
    from badnets.evaluate.detection import answers

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
