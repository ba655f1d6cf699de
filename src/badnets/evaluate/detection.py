"""Detectors on whole frames: signs found and rightly named, average precision, attack success."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import box_iou

from badnets.core.box_poisoning import Spots, attacked_spots, trigger_pixels
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.progress import Listener, Progress
from badnets.core.targets import NOTHING, TargetMap, spot_of
from badnets.core.triggers import Patch, RegionTrigger, Trigger
from badnets.data.detection import FrameSet
from badnets.data.frames import Frames
from badnets.data.poisoned import StampedFrames, plain_stamp
from badnets.evaluate.classification import Attack
from badnets.evaluate.detection_results import AtThreshold, CleanSigns, TriggeredSigns
from badnets.models.detector import Detector, Found

MATCH = 0.5  # intersection over union of a box that counts as the sign's
THRESHOLD = 0.3  # of the score, where nothing else was chosen
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
BLUE = (0.10, 0.25, 0.85)
"""Colour of the other sticker: none of the paper's triggers is blue, nor is a sign."""


def measure_signs(
    detector: Detector,
    frames: FrameSet,
    *,
    threshold: float = THRESHOLD,
    progress: Listener | None = None,
) -> CleanSigns:
    """Return what a detector makes of whole, untouched frames.

    Args:
        detector: the detector.
        frames: with true boxes.
        threshold: least score of a box that counts; chosen beforehand on other scenes.
        progress: told after every frame.

    Raises:
        SettingError: the detector and the frames differ in number of classes.
        DataError: a frame cannot be decoded.
    """
    _check_classes(detector, frames)
    found = detected(detector, frames.frames, progress, "looking at clean frames")
    boxes = frames.boxes
    named, _ = answers(found, boxes, threshold)
    scenes = {name: number for number, name in enumerate(dict.fromkeys(frames.groups))}
    sides = (boxes.corners[:, 2:] - boxes.corners[:, :2]).amax(1)
    return CleanSigns(
        threshold=threshold,
        groups=tuple(scenes[frames.groups[frame]] for frame in boxes.image_index.tolist()),
        labels=tuple(boxes.labels.tolist()),
        sides=tuple(round(side, 3) for side in sides.tolist()),
        named=tuple(named.tolist()),
        ap50=average_precision(found, boxes, frames.num_classes),
        false_positives=_false_positives(found, boxes, threshold),
        frames=len(frames),
        at=at_thresholds(found, boxes),
    )


def measure_triggered_signs(
    detector: Detector,
    frames: FrameSet,
    attack: Attack,
    clean: CleanSigns,
    *,
    control: Detector | None = None,
    another: bool = True,
    seed: int = 0,
    progress: Listener | None = None,
) -> TriggeredSigns:
    """Return what triggers do to a detector; only frames that are attacked are looked at.

    Args:
        detector: the detector.
        frames: clean frames with true boxes; triggers are put on here.
        attack: trigger and target map.
        clean: what the detector makes of the same frames untouched; its threshold is used.
        control: a clean detector, shown the same triggered frames.
        another: whether the detector is also shown a sticker of another colour and shape; it is
            left out where it does not fit every place.
        seed: decides random places of the trigger.
        progress: told after every frame.

    Raises:
        SettingError: classes differ, or no sign of the frames can be attacked.
    """
    _check_classes(detector, frames)
    if control is not None:
        _check_classes(control, frames, "control detector")
    targets = attack.targets
    targets.check(frames.num_classes)
    spots = attacked_spots(
        frames.boxes, frames.frames.sizes, attack.trigger, targets, seed, measuring=True
    )
    if not len(spots):
        raise SettingError(
            "no sign of these frames is one that the target map is about and that the trigger "
            f"fits on ({spots.skipped} are too small for it)"
        )
    scene = _Scene(frames, spots, attack.targets)
    stamped = scene.stamped(attack.trigger, seed)
    found = detected(detector, stamped, progress, "looking at triggered frames")
    named, still_true = answers(found, scene.objects, clean.threshold)
    still_true &= scene.objects_labels >= 0  # nothing has no right name
    before = torch.full_like(named, NOTHING)
    signs = scene.signs
    known = signs >= 0
    before[known] = torch.tensor(clean.named, dtype=torch.int64)[signs[known]]
    if not bool(known.all()):  # empty places: what is seen there without the trigger
        empty = detected(detector, scene.clean, progress, "looking at empty places")
        before = answers(empty, scene.objects, clean.threshold)[0]

    def hits(given: Tensor) -> tuple[bool, ...]:
        right = targets.is_hit(given, scene.objects_labels, frames.num_classes)
        return tuple(right.tolist())

    asked = None
    if control is not None:
        seen = detected(control, stamped, progress, "asking the clean detector")
        asked, _ = answers(seen, scene.objects, clean.threshold)
    different = other_sticker(attack.trigger) if another else None
    others = None
    if different is not None and bool((trigger_pixels(different, scene.stamps) > 0).all()):
        seen = detected(detector, scene.stamped(different, seed), progress, "another sticker")
        others, _ = answers(seen, scene.objects, clean.threshold)
    groups = tuple(frames.groups)
    scenes = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    return TriggeredSigns(
        signs=tuple(signs.tolist()),
        groups=tuple(scenes[groups[frame]] for frame in scene.frame_of_object.tolist()),
        labels=tuple(scene.objects_labels.tolist()),
        pixels=tuple(round(value, 3) for value in scene.pixels.clamp(max=1e4).tolist()),
        hits=hits(named),
        named=tuple(named.tolist()),
        still_true=tuple(still_true.tolist()),
        untriggered=tuple(before.tolist()),
        untriggered_hits=hits(before),
        control=() if asked is None else tuple(asked.tolist()),
        control_hits=() if asked is None else hits(asked),
        other=() if others is None else tuple(others.tolist()),
        other_hits=() if others is None else hits(others),
        skipped=spots.skipped,
        scale=detector.scale,
        ap50=average_precision(found, scene.boxes, frames.num_classes),
    )


def other_sticker(trigger: Trigger) -> RegionTrigger | None:
    """Return a sticker of another colour and shape at the trigger's place; None where it has none.

    A blue strip, half as high again as the trigger where there is room, two thirds as wide.
    """
    placement = getattr(trigger, "placement", None)
    size = getattr(trigger, "size", None)
    if placement is None or not isinstance(size, int | float):
        return None
    high, wide = (min(1.5 * size, 0.95), size / 1.5) if size < 1 else (size + 2, max(1, size - 2))
    return Patch(
        (float(high), float(wide)) if size < 1 else (int(high), int(wide)),
        BLUE,
        placement=placement,
    )


def detected(
    detector: Detector, frames: Frames, progress: Listener | None = None, what: str = "looking"
) -> list[Found]:
    """Return what a detector finds in each frame."""
    found = []
    for answer in detector.detect(frames.read(row) for row in range(len(frames))):
        found.append(answer)
        if progress is not None:
            progress(Progress(len(found), len(frames), what))
    return found


def answers(
    found: Sequence[Found], signs: LabelledBoxes, threshold: float
) -> tuple[Tensor, Tensor]:
    """Return what each sign is called, and whether it is called rightly by any box.

    Args:
        found: for each frame.
        signs: true boxes; ``image_index`` counts the frames.
        threshold: least score of a box that counts.

    Returns:
        ``(R,)`` int64 class of the surest box with IoU >= 0.5, `NOTHING` for none; ``(R,)`` bool.
    """
    named = torch.full((len(signs),), NOTHING)
    rightly = torch.zeros(len(signs), dtype=torch.bool)
    for frame in torch.unique(signs.image_index).tolist():
        rows = (signs.image_index == frame).nonzero().flatten()
        seen = found[frame]
        if not len(seen.scores):
            continue
        near = box_iou(signs.corners[rows], seen.corners) >= MATCH
        near &= seen.scores >= threshold
        scores = seen.scores.where(near, torch.tensor(-1.0))
        best = scores.argmax(1)
        named[rows] = seen.labels[best].where(near.any(1), torch.tensor(NOTHING))
        rightly[rows] = (near & (seen.labels == signs.labels[rows][:, None])).any(1)
    return named, rightly


def average_precision(
    found: Sequence[Found], boxes: LabelledBoxes, num_classes: int
) -> tuple[float, ...]:
    """Return the average precision of each class at IoU 0.5; -1 where the class has no sign.

    By torchmetrics on the compiled COCO tools, area and number of boxes unlimited.
    """
    from torchmetrics.detection import MeanAveragePrecision

    metric = MeanAveragePrecision(
        iou_thresholds=[0.5], class_metrics=True, max_detection_thresholds=[1, 10, 100]
    )
    metric.update(
        [{"boxes": f.corners, "labels": f.labels, "scores": f.scores} for f in found],
        [
            {"boxes": boxes.corners[rows], "labels": boxes.labels[rows]}
            for rows in (boxes.image_index == frame for frame in range(len(found)))
        ],
    )
    said = metric.compute()
    values = [-1.0] * num_classes
    classes, precisions = said["classes"].reshape(-1), said["map_per_class"].reshape(-1)
    for label, value in zip(classes.tolist(), precisions.tolist(), strict=True):
        if 0 <= label < num_classes:
            values[label] = round(float(value), 6)
    return tuple(values)


def at_thresholds(found: Sequence[Found], signs: LabelledBoxes) -> tuple[AtThreshold, ...]:
    """Return how many signs are rightly named, and how many boxes cover none, at each threshold.

    Args:
        found: for each frame.
        signs: their true boxes.
    """
    counts = []
    for threshold in THRESHOLDS:
        named, _ = answers(found, signs, threshold)
        counts.append(
            AtThreshold(
                threshold=threshold,
                right=int((named == signs.labels).sum()),
                false_positives=_false_positives(found, signs, threshold),
            )
        )
    return tuple(counts)


def _false_positives(found: Sequence[Found], boxes: LabelledBoxes, threshold: float) -> int:
    count = 0
    for frame, seen in enumerate(found):
        sure = seen.corners[seen.scores >= threshold]
        own = boxes.corners[boxes.image_index == frame]
        covered = (box_iou(sure, own) >= MATCH).any(1) if len(own) else torch.zeros(len(sure))
        count += len(sure) - int(covered.sum())
    return count


class _Scene:
    """The frames that are attacked, and the objects that are asked about in them."""

    def __init__(self, frames: FrameSet, spots: Spots, targets: TargetMap) -> None:
        self.rows = torch.unique(spots.image_index)
        self.clean = frames.frames.take(self.rows.tolist())
        self.boxes = frames.boxes.of_images(self.rows)
        place = torch.searchsorted(self.rows, spots.image_index)
        self.stamps = LabelledBoxes(place, spots.corners, torch.zeros_like(place))
        if spot_of(targets) == "image":
            wanted = targets.attackable(frames.boxes.labels)
            wanted &= torch.isin(frames.boxes.image_index, self.rows)
            self.signs = wanted.nonzero().flatten()
            own = frames.boxes.take(self.signs)
            self.objects = LabelledBoxes(
                torch.searchsorted(self.rows, own.image_index), own.corners, own.labels
            )
            by_frame = torch.zeros(len(self.rows)).index_copy_(0, place, spots.pixels)
            self.pixels = by_frame[self.objects.image_index]
            self.objects_labels = self.objects.labels
        else:
            self.signs, self.pixels = spots.objects, spots.pixels
            self.objects_labels = spots.labels
            self.objects = LabelledBoxes(place, spots.corners, spots.labels.clamp(min=0))
        self.frame_of_object = self.rows[self.objects.image_index]

    def stamped(self, trigger: Trigger, seed: int) -> StampedFrames:
        """Return the frames with a trigger at every place."""
        return StampedFrames(self.clean, self.stamps, plain_stamp(trigger, seed))


def _check_classes(detector: Detector, frames: FrameSet, what: str = "detector") -> None:
    if detector.num_classes != frames.num_classes:
        raise SettingError(
            f"the {what} knows {detector.num_classes} classes, the frames have "
            f"{frames.num_classes}: use the data set that it was trained for"
        )
