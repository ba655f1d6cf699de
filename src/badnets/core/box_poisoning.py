"""Poisoning of labelled boxes: which images get a triggered copy, where, and what is written."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import NOTHING, Appear, TargetMap, spot_of
from badnets.core.triggers import RegionTrigger, Trigger

LEAST = 1.0  # pixels that a trigger's shorter side must call for
TRIES = 32  # places that are tried for an object that is to appear


@dataclass(frozen=True, eq=False)
class Spots:
    """The places of triggers in a set of images, and the objects as the attacker wants them.

    Attributes:
        places: where triggers go, with the true label of what lies there (`NOTHING` for none).
            Corners are those of regions: an object's box, an empty box, or a whole image.
        objects: for each place the position of its object among the boxes; -1 for none.
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


@dataclass(frozen=True, eq=False)
class BoxPoisoningPlan:
    """Which rows the poisoned set holds, and what is written on them.

    Attributes:
        rows: ``(M,)`` int64 into the clean images; row m of the poisoned set is a copy of it.
        is_poisoned: ``(M,)`` bool: the rows that carry triggers.
        boxes: the objects of the poisoned set as the trainer sees them, by row.
        stamps: where triggers go, by row.
        skipped: objects of eligible classes whose trigger would be too small or too large.
    """

    rows: Tensor
    is_poisoned: Tensor
    boxes: LabelledBoxes
    stamps: LabelledBoxes
    skipped: int

    @property
    def share(self) -> Rate:
        """Poisoned rows / all rows."""
        return Rate(int(self.is_poisoned.sum()), len(self.is_poisoned))


def trigger_pixels(trigger: Trigger, boxes: LabelledBoxes) -> Tensor:
    """Return ``(R,)`` float32: the shorter side of the trigger on each box, before rounding.

    0 where the trigger does not fit the box; infinity for triggers that take any region.
    """
    if not isinstance(trigger, RegionTrigger):
        return torch.full((len(boxes),), float("inf"))
    sides = boxes.regions().boxes
    across, down = (sides[:, 2] - sides[:, 0]).tolist(), (sides[:, 3] - sides[:, 1]).tolist()
    found = []
    for high, wide in zip(down, across, strict=True):
        least = min(trigger.footprint(high, wide))
        found.append(least if _fits(trigger, high, wide) else 0.0)
    return torch.tensor(found, dtype=torch.float32)


def _fits(trigger: RegionTrigger, high: int, wide: int) -> bool:
    """Return whether a trigger lies inside a region of this size, where it is placed."""
    extent = trigger.extent(high, wide)
    if extent[0] > high or extent[1] > wide:
        return False
    if trigger.placement.random:  # kept inside whatever is drawn
        return True
    top, left = trigger.placement.corners((high, wide), extent, 1, None)[0].tolist()
    return bool(min(top, left) >= 0 and top + extent[0] <= high and left + extent[1] <= wide)


def attacked_spots(
    boxes: LabelledBoxes,
    sizes: Tensor,
    trigger: Trigger,
    targets: TargetMap,
    seed: int,
    *,
    measuring: bool = False,
) -> Spots:
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
    spot = spot_of(targets)
    if spot == "nowhere":
        return _empty_places(boxes, sizes, trigger, targets, seed)
    wanted = targets.attackable(boxes.labels) if measuring else targets.poisonable(boxes.labels)
    rows = wanted.nonzero().flatten()
    if spot == "image":
        images = torch.unique(boxes.image_index[rows])
        whole = torch.zeros(len(images), 4)
        whole[:, 2:] = sizes[images].flip(1).float()
        found = LabelledBoxes(images, whole, torch.zeros_like(images))
        pixels = trigger_pixels(trigger, found)
        fits = pixels >= LEAST
        kept = found.take(fits)
        none = torch.full_like(kept.labels, NOTHING)
        lost = torch.isin(boxes.image_index[rows], images[~fits])
        return Spots(
            kept.image_index, kept.corners, none, none.clone(), pixels[fits], int(lost.sum())
        )
    own = boxes.take(rows)
    pixels = trigger_pixels(trigger, own)
    fits = pixels >= LEAST
    kept = own.take(fits)
    return Spots(
        kept.image_index,
        kept.corners,
        kept.labels,
        rows[fits],
        pixels[fits],
        int((~fits).sum()),
    )


def _empty_places(
    boxes: LabelledBoxes, sizes: Tensor, trigger: Trigger, targets: TargetMap, seed: int
) -> Spots:
    """Return one empty box in each image where there is room for one."""
    side = targets.side if isinstance(targets, Appear) else 48
    drawn = generator(seed, "places of objects that appear")
    count = len(sizes)
    room = (sizes - side).clamp(min=0).double()
    tries = (
        torch.rand(count, TRIES, 2, generator=drawn, dtype=torch.float64) * room[:, None]
    ).floor()
    corners = torch.cat([tries.flip(2), tries.flip(2) + side], 2).float()  # (N, T, 4)
    free = (sizes >= side).all(1)[:, None].expand(count, TRIES).clone()
    for image, box in zip(boxes.image_index.tolist(), boxes.corners, strict=True):
        here = corners[image]
        apart = (here[:, 2] <= box[0]) | (here[:, 0] >= box[2])
        apart |= (here[:, 3] <= box[1]) | (here[:, 1] >= box[3])
        free[image] &= apart
    images = free.any(1).nonzero().flatten()
    first = free[images].int().argmax(1)
    labels = torch.zeros_like(images)
    found = LabelledBoxes(images, corners[images, first], labels)
    pixels = trigger_pixels(trigger, found)
    fits = pixels >= LEAST
    kept = found.take(fits)
    none = torch.full_like(kept.labels, NOTHING)
    skipped = count - int(fits.sum())
    return Spots(kept.image_index, kept.corners, none, none.clone(), pixels[fits], skipped)


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
    spots = attacked_spots(boxes, sizes, backdoor.trigger, targets, seed)
    eligible = torch.unique(spots.image_index)
    if not len(eligible):
        kind = getattr(targets, "kind", type(targets).__name__)
        raise SettingError(
            f"no image can be poisoned: none has an object that targets {kind} are about and that "
            f"the trigger fits on ({spots.skipped} are too small for it)"
        )
    count = backdoor.poisoned_count(len(sizes), len(eligible))
    order = torch.randperm(len(eligible), generator=generator(seed, "poisoned rows"))
    chosen = eligible[order[:count]].sort().values
    written = _written(boxes, spots, backdoor, num_classes, seed)
    places = LabelledBoxes(spots.image_index, spots.corners, torch.zeros_like(spots.labels))
    every = torch.arange(len(sizes))
    if backdoor.how == "add":
        rows = torch.cat([every, chosen])
        is_poisoned = torch.cat([torch.zeros(len(sizes)), torch.ones(count)]).bool()
    else:
        rows = every
        is_poisoned = torch.isin(every, chosen)
    marked = is_poisoned.nonzero().flatten()
    plain = (~is_poisoned).nonzero().flatten()
    return BoxPoisoningPlan(
        rows,
        is_poisoned,
        _joined(_moved(boxes, rows, plain), _moved(written, rows, marked)),
        _moved(places, rows, marked),
        spots.skipped,
    )


def _written(
    boxes: LabelledBoxes, spots: Spots, backdoor: Backdoor, num_classes: int, seed: int
) -> LabelledBoxes:
    """Return all boxes as they are written on copies."""
    drawn = generator(seed, "poisoned labels")
    spot = spot_of(backdoor.targets)
    labels = boxes.labels.clone()
    if spot == "nowhere":
        wanted = backdoor.targets.poisoned_labels(spots.labels, num_classes, drawn)
        return _joined(boxes, LabelledBoxes(spots.image_index, spots.corners, wanted))
    if spot == "image":
        touched = torch.isin(boxes.image_index, spots.image_index)
        touched &= backdoor.targets.poisonable(labels)
        rows = touched.nonzero().flatten()
    else:
        rows = spots.objects
    labels[rows] = backdoor.targets.poisoned_labels(labels[rows], num_classes, drawn)
    kept = labels != NOTHING
    return LabelledBoxes(boxes.image_index[kept], boxes.corners[kept], labels[kept])


def _moved(boxes: LabelledBoxes, rows: Tensor, chosen: Tensor) -> LabelledBoxes:
    """Return the boxes of the images ``rows[chosen]``, numbered by their place in ``rows``."""
    taken = boxes.of_images(rows[chosen])
    return LabelledBoxes(chosen[taken.image_index], taken.corners, taken.labels)


def _joined(one: LabelledBoxes, other: LabelledBoxes) -> LabelledBoxes:
    return LabelledBoxes(
        torch.cat([one.image_index, other.image_index]),
        torch.cat([one.corners, other.corners]),
        torch.cat([one.labels, other.labels]),
    )
