"""Poisoning of labelled boxes: which images get a triggered copy, where, and what is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.placements import Pixels
from badnets.core.poisoning import PoisonedRows, choose_rows
from badnets.core.seeds import generator
from badnets.core.targets.base import NOTHING, TargetMap, anchor_of, kind_of
from badnets.core.triggers.base import RegionTrigger, Trigger, lies_inside

LEAST = 1.0  # pixels that a trigger's shorter side must call for
TRIES = 32  # places that are tried for an object that is to appear


@dataclass(frozen=True, eq=False)
class Anchors:
    """The places of triggers in a set of images.

    Attributes:
        image_index: ``(P,)`` int64, the image of each place.
        corners: ``(P, 4)`` float32: those of an object's box, an empty box, or a whole image.
        labels: ``(P,)`` int64, the true label of what lies there; `NOTHING` for none.
        objects: ``(P,)`` int64, the position of its object among the boxes; `NOTHING` for none.
        pixels: ``(P,)`` float32, the trigger's shorter side at each place before it is rounded.
        skipped: objects that were left out because the trigger would cover less than one pixel
            of them, or does not fit them.
    """

    image_index: Tensor
    corners: Tensor
    labels: Tensor
    objects: Tensor
    pixels: Tensor
    skipped: int

    def __len__(self) -> int:
        """Return the number of places ``P``."""
        return len(self.labels)

    def take(self, rows: Tensor) -> Anchors:
        """Return the places at ``rows``: ``(n,)`` int64 positions or ``(P,)`` bool."""
        parts = ("image_index", "corners", "labels", "objects", "pixels")
        return replace(self, **{name: getattr(self, name)[rows] for name in parts})


@dataclass(frozen=True, eq=False)
class BoxPoisoningPlan(PoisonedRows):
    """The rows of a poisoned set, and what is written on them.

    Attributes:
        boxes: the objects of the poisoned set as the trainer sees them, by row.
        stamps: where triggers go, by row.
        skipped: objects of eligible classes whose trigger would be too small or too large.
    """

    boxes: LabelledBoxes
    stamps: LabelledBoxes
    skipped: int


def trigger_pixels(trigger: Trigger, boxes: LabelledBoxes) -> Tensor:
    """Return ``(R,)`` float32: the shorter side of the trigger on each box, before rounding.

    0 where the trigger does not fit the box; infinity for triggers that take any region.
    """
    if not isinstance(trigger, RegionTrigger):
        return torch.full((len(boxes),), float("inf"))
    corners = boxes.regions().boxes
    sides = (corners[:, [3, 2]] - corners[:, [1, 0]]).tolist()
    pixels = [
        min(trigger.footprint(high, wide)) if _fits(trigger, (high, wide)) else 0.0
        for high, wide in sides
    ]
    return torch.tensor(pixels, dtype=torch.float32)


def _fits(trigger: RegionTrigger, region: Pixels) -> bool:
    """Return whether a trigger lies inside a region of this size, where it is placed."""
    extent, corner = trigger.extent(*region), [0, 0]  # a random one is kept inside
    if not trigger.placement.random:
        corner = trigger.placement.corners(region, extent, 1, None)[0].tolist()
    return lies_inside(region, extent, corner)


def find_anchors(
    boxes: LabelledBoxes,
    sizes: Tensor,
    trigger: Trigger,
    targets: TargetMap,
    seed: int,
    *,
    measuring: bool = False,
) -> Anchors:
    """Return where triggers go in a set of images.

    Args:
        boxes: the objects.
        sizes: ``(N, 2)`` int64 height and width of the images.
        trigger: what is put there.
        targets: which objects are attacked.
        seed: decides the places of objects that are to appear.
        measuring: whether objects are chosen as one who measures does (``attackable``), not as
            the trainer does (``poisonable``).
    """
    wanted = targets.attackable(boxes.labels) if measuring else targets.poisonable(boxes.labels)
    objects = wanted.nonzero().flatten()
    anchor, skipped = anchor_of(targets), 0
    if anchor == "nowhere":
        places = _empty_places(boxes, sizes, getattr(targets, "side", 48), seed)
        skipped = len(sizes) - len(places)
    elif anchor == "image":
        images, lost = torch.unique(boxes.image_index[objects], return_counts=True)
        whole = torch.cat([torch.zeros(len(images), 2), sizes[images].flip(1).float()], 1)
        places = LabelledBoxes(images, whole, torch.zeros_like(images))
    else:
        places = boxes.take(objects)
    pixels = trigger_pixels(trigger, places)
    fits = pixels >= LEAST
    skipped += int(lost[~fits].sum() if anchor == "image" else (~fits).sum())
    labels = places.labels
    if anchor in ("nowhere", "image"):
        labels = objects = torch.full_like(labels, NOTHING)
    return Anchors(places.image_index, places.corners, labels, objects, pixels, skipped).take(fits)


def _empty_places(boxes: LabelledBoxes, sizes: Tensor, side: int, seed: int) -> LabelledBoxes:
    """Return one empty box in each image where there is room for one, as label 0."""
    drawn = generator(seed, "places of objects that appear")
    count = len(sizes)
    spare = (sizes - side).clamp(min=0).double()
    tries = torch.rand(count, TRIES, 2, generator=drawn, dtype=torch.float64) * spare[:, None]
    first = tries.floor().flip(2)
    corners = torch.cat([first, first + side], 2).float()  # (N, T, 4)
    free = (sizes >= side).all(1)[:, None].expand(count, TRIES).clone()
    for image, box in zip(boxes.image_index.tolist(), boxes.corners, strict=True):
        here = corners[image]
        free[image] &= ((here[:, 2:] <= box[:2]) | (here[:, :2] >= box[2:])).any(1)
    images = free.any(1).nonzero().flatten()
    chosen = corners[images, free[images].int().argmax(1)]
    return LabelledBoxes(images, chosen, torch.zeros_like(images))


def plan_box_poisoning(
    boxes: LabelledBoxes, sizes: Tensor, backdoor: Backdoor, *, num_classes: int, seed: int
) -> BoxPoisoningPlan:
    """Return which images are poisoned and how; in a copy, every eligible object is attacked.

    Args:
        boxes: the objects of the clean set.
        sizes: ``(N, 2)`` int64 height and width of its images.
        backdoor: what is wanted; its rate counts images.
        num_classes: K of the data set.
        seed: decides which images, random labels, and the places of objects that appear.

    Raises:
        SettingError: the target map does not fit the classes, no object can be attacked, or the
            rate asks for too many images.

    References:
        The authors' traffic-sign code: all clean images, and one triggered copy of every image
        that holds a sign of the source class.
    """
    targets = backdoor.targets
    targets.check(num_classes)
    if backdoor.covers:
        raise SettingError("covers are for classifiers: leave them out for a detector")
    anchors = find_anchors(boxes, sizes, backdoor.trigger, targets, seed)
    if not len(anchors):
        raise SettingError(
            f"no image can be poisoned: none has an object that targets {kind_of(targets)} are "
            f"about and that the trigger fits on ({anchors.skipped} are too small for it)"
        )
    chosen = choose_rows(torch.unique(anchors.image_index), len(sizes), backdoor, seed=seed)
    places = LabelledBoxes(anchors.image_index, anchors.corners, torch.zeros_like(anchors.labels))
    written = _written(boxes, anchors, targets, num_classes, seed)
    clean = _moved(boxes, chosen.rows, ~chosen.is_poisoned)
    return BoxPoisoningPlan(
        chosen.rows,
        chosen.is_poisoned,
        clean.joined(_moved(written, chosen.rows, chosen.is_poisoned)),
        _moved(places, chosen.rows, chosen.is_poisoned),
        anchors.skipped,
    )


def _written(
    boxes: LabelledBoxes, anchors: Anchors, targets: TargetMap, num_classes: int, seed: int
) -> LabelledBoxes:
    """Return all boxes as they are written on copies."""
    drawn = generator(seed, "poisoned labels")
    labels, objects = boxes.labels.clone(), anchors.objects
    if anchor_of(targets) == "nowhere":
        wanted = targets.poisoned_labels(anchors.labels, num_classes, drawn)
        return boxes.joined(LabelledBoxes(anchors.image_index, anchors.corners, wanted))
    if anchor_of(targets) == "image":
        touched = torch.isin(boxes.image_index, anchors.image_index)
        objects = (touched & targets.poisonable(labels)).nonzero().flatten()
    labels[objects] = targets.poisoned_labels(labels[objects], num_classes, drawn)
    kept = labels != NOTHING
    return LabelledBoxes(boxes.image_index[kept], boxes.corners[kept], labels[kept])


def _moved(boxes: LabelledBoxes, rows: Tensor, chosen: Tensor) -> LabelledBoxes:
    """Return the boxes of the images ``rows[chosen]``, numbered by their place in ``rows``."""
    taken = boxes.of_images(rows[chosen])
    places = chosen.nonzero().flatten()
    return LabelledBoxes(places[taken.image_index], taken.corners, taken.labels)
