"""Detectors on whole frames: objects found and rightly named, average precision, attack success."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import box_convert, box_iou

from badnets.core.box_poisoning import Anchors, find_anchors, trigger_pixels
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.progress import Listener, Progress
from badnets.core.targets import NOTHING, TargetMap, anchor_of, of_classes
from badnets.core.triggers import Patch, RegionTrigger, Trigger
from badnets.data.detection import FrameSet
from badnets.data.frames import Frames
from badnets.data.poisoned import StampedFrames, plain_stamp
from badnets.evaluate.classification import Attack
from badnets.evaluate.object_results import AtThreshold, ObjectResults, TriggeredObjectResults
from badnets.models.detector import Detections, Detector

MATCH = 0.5  # intersection over union of a box that counts as the object's
THRESHOLD = 0.3  # of the score, where nothing else was chosen
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
BLUE = (0.10, 0.25, 0.85)
"""Colour of the other sticker: none of the paper's triggers is blue, nor is a sign."""


def measure_objects(
    detector: Detector,
    frames: FrameSet,
    *,
    threshold: float = THRESHOLD,
    progress: Listener | None = None,
) -> ObjectResults:
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
    boxes, matches = frames.boxes, _near(found, frames.boxes)
    sides = (boxes.corners[:, 2:] - boxes.corners[:, :2]).amax(1)
    return ObjectResults(
        threshold=threshold,
        groups=_scenes(frames, boxes.image_index),
        labels=tuple(boxes.labels.tolist()),
        sides=tuple(round(side, 3) for side in sides.tolist()),
        named=tuple(_answers(found, boxes, matches, threshold)[0].tolist()),
        ap50=average_precision(found, boxes, frames.num_classes),
        false_positives=_at(found, boxes, matches, (threshold,))[0].false_positives,
        frames=len(frames),
        at=_at(found, boxes, matches, THRESHOLDS),
    )


def measure_triggered_objects(
    detector: Detector,
    frames: FrameSet,
    attack: Attack,
    clean: ObjectResults,
    *,
    control: Detector | None = None,
    another: bool = True,
    seed: int = 0,
    progress: Listener | None = None,
) -> TriggeredObjectResults:
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
        SettingError: classes differ, or no object of the frames can be attacked.
        UnknownNameError: a class is given by a name that none of them has.
    """
    _check_classes(detector, frames)
    if control is not None:
        _check_classes(control, frames, "control detector")
    targets = of_classes(attack, frames.classes).targets
    targets.check(frames.num_classes)
    spots = find_anchors(
        frames.boxes, frames.frames.sizes, attack.trigger, targets, seed, measuring=True
    )
    if not len(spots):
        raise SettingError(
            "no sign of these frames is one that the target map is about and that the trigger "
            f"fits on ({spots.skipped} are too small for it)"
        )
    scene = _Scene(frames, spots, targets)

    def named_by(one: Detector, seen: Frames, what: str) -> Tensor:
        return answers(detected(one, seen, progress, what), scene.objects, clean.threshold)[0]

    def column(named: Tensor | None) -> tuple[int, ...]:
        return () if named is None else tuple(named.tolist())

    def hits(named: Tensor | None) -> tuple[bool, ...]:
        if named is None:
            return ()
        return tuple(targets.is_hit(named, scene.labels, frames.num_classes).tolist())

    stamped = scene.stamped(attack.trigger, seed)
    found = detected(detector, stamped, progress, "looking at triggered frames")
    named, still_true = answers(found, scene.objects, clean.threshold)
    if bool((scene.rows_of_boxes >= 0).all()):
        before = torch.tensor(clean.named, dtype=torch.int64)[scene.rows_of_boxes]
    else:  # empty places: what is seen there without the trigger
        before = named_by(detector, scene.clean, "looking at empty places")
    asked = others = None
    if control is not None:
        asked = named_by(control, stamped, "asking the clean detector")
    different = other_sticker(attack.trigger) if another else None
    if different is not None and bool((trigger_pixels(different, scene.stamps) > 0).all()):
        others = named_by(detector, scene.stamped(different, seed), "another sticker")
    return TriggeredObjectResults(
        objects=column(scene.rows_of_boxes),
        groups=_scenes(frames, scene.rows[scene.objects.image_index]),
        labels=column(scene.labels),
        pixels=tuple(round(value, 3) for value in scene.pixels.clamp(max=1e4).tolist()),
        hits=hits(named),
        named=column(named),
        still_true=tuple((still_true & (scene.labels >= 0)).tolist()),  # nothing has no right name
        untriggered=column(before),
        untriggered_hits=hits(before),
        control=column(asked),
        control_hits=hits(asked),
        other=column(others),
        other_hits=hits(others),
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
    if size < 1:
        return Patch((min(1.5 * size, 0.95), size / 1.5), BLUE, placement=placement)
    return Patch((int(size + 2), int(max(1, size - 2))), BLUE, placement=placement)


def detected(
    detector: Detector, frames: Frames, progress: Listener | None = None, what: str = "looking"
) -> list[Detections]:
    """Return what a detector finds in each frame."""
    found = []
    for answer in detector.detect(frames.read(row) for row in range(len(frames))):
        found.append(answer)
        if progress is not None:
            progress(Progress(len(found), len(frames), what))
    return found


def answers(
    found: Sequence[Detections], objects: LabelledBoxes, threshold: float
) -> tuple[Tensor, Tensor]:
    """Return what each object is called, and whether it is called rightly by any box.

    Args:
        found: for each frame.
        objects: true boxes; ``image_index`` counts the frames.
        threshold: least score of a box that counts.

    Returns:
        ``(R,)`` int64 class of the surest box with IoU >= 0.5, `NOTHING` for none; ``(R,)`` bool.
    """
    return _answers(found, objects, _near(found, objects), threshold)


def _near(found: Sequence[Detections], objects: LabelledBoxes) -> list[tuple[Tensor, Tensor]]:
    """Return for each frame the rows of its objects, and ``(rows, boxes)`` which boxes match."""
    own = [(objects.image_index == frame).nonzero().flatten() for frame in range(len(found))]
    return [
        (rows, box_iou(objects.corners[rows], seen.corners) >= MATCH)
        for rows, seen in zip(own, found, strict=True)
    ]


def _answers(
    found: Sequence[Detections],
    objects: LabelledBoxes,
    matches: Sequence[tuple[Tensor, Tensor]],
    threshold: float,
) -> tuple[Tensor, Tensor]:
    named = torch.full((len(objects),), NOTHING)
    rightly = torch.zeros(len(objects), dtype=torch.bool)
    for (rows, matching), seen in zip(matches, found, strict=True):
        if not len(rows) or not len(seen.scores):
            continue
        near = matching & (seen.scores >= threshold)
        scores = seen.scores.where(near, torch.tensor(-1.0))
        best = scores.argmax(1)
        named[rows] = seen.labels[best].where(near.any(1), torch.tensor(NOTHING))
        rightly[rows] = (near & (seen.labels == objects.labels[rows][:, None])).any(1)
    return named, rightly


def average_precision(
    found: Sequence[Detections], boxes: LabelledBoxes, num_classes: int
) -> tuple[float, ...]:
    """Return the average precision of each class at IoU 0.5; -1 where the class has no object.

    By the compiled COCO tools, area unlimited; of each class the surest hundred in a frame.
    """
    import numpy as np
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def annotated(frames: Sequence[Detections]) -> Any:
        known: Any = COCO()
        annotations = [
            {"image_id": frame, "category_id": label, "bbox": box, "score": score, "iscrowd": 0}
            | {"area": box[2] * box[3]}
            for frame, seen in enumerate(frames)
            for box, label, score in zip(
                box_convert(seen.corners, "xyxy", "xywh").tolist(),
                seen.labels.tolist(),
                seen.scores.tolist(),
                strict=True,
            )
        ]
        known.dataset = {
            "images": [{"id": frame} for frame in range(len(frames))],
            "annotations": [one | {"id": 1 + row} for row, one in enumerate(annotations)],
            "categories": [{"id": label} for label in range(num_classes)],
        }
        known.createIndex()
        return known

    own = [(boxes.image_index == frame).nonzero().flatten() for frame in range(len(found))]
    true = [Detections(boxes.corners[r], boxes.labels[r], torch.ones(len(r))) for r in own]
    if not any(len(one.labels) for one in (*found, *true)):
        return (-1.0,) * num_classes
    with redirect_stdout(StringIO()):  # the tools say how they get on
        judged: Any = COCOeval(annotated(true), annotated(found), "bbox")
        judged.params.iouThrs = np.array([MATCH])
        judged.params.recThrs = np.array(torch.linspace(0, 1, 101).tolist())
        judged.params.maxDets = [1, 10, 100]
        judged.evaluate()
        judged.accumulate()
    values = []
    for precisions in judged.eval["precision"][0, :, :, 0, -1].T:
        known = precisions[precisions > -1]
        values.append(round(float(np.float32(known.mean())), 6) if len(known) else -1.0)
    return tuple(values)


def at_thresholds(found: Sequence[Detections], objects: LabelledBoxes) -> tuple[AtThreshold, ...]:
    """Return how many objects are rightly named, and boxes cover none, at each threshold.

    Args:
        found: for each frame.
        objects: their true boxes.
    """
    return _at(found, objects, _near(found, objects), THRESHOLDS)


def _at(
    found: Sequence[Detections],
    objects: LabelledBoxes,
    matches: Sequence[tuple[Tensor, Tensor]],
    thresholds: Sequence[float],
) -> tuple[AtThreshold, ...]:
    covered = [matching.any(0) for _, matching in matches]
    return tuple(
        AtThreshold(
            threshold=threshold,
            right=int((_answers(found, objects, matches, threshold)[0] == objects.labels).sum()),
            false_positives=sum(
                int(((seen.scores >= threshold) & ~inside).sum())
                for seen, inside in zip(found, covered, strict=True)
            ),
        )
        for threshold in thresholds
    )


class _Scene:
    """The frames that are attacked, and the objects in them whose names count.

    Attributes:
        rows: of the frames, among all.
        clean: these frames; ``boxes``: all true boxes in them.
        stamps: where triggers go.
        objects: what is looked for, with class 0 for what is not there; ``labels``: -1 for that.
        rows_of_boxes: of the objects, among all boxes; -1: it is not there.
        pixels: of the trigger on, or for, each object.
    """

    def __init__(self, frames: FrameSet, spots: Anchors, targets: TargetMap) -> None:
        self.rows = torch.unique(spots.image_index)
        self.clean = frames.frames.take(self.rows.tolist())
        self.boxes = frames.boxes.of_images(self.rows)
        place = torch.searchsorted(self.rows, spots.image_index)
        self.stamps = LabelledBoxes(place, spots.corners, torch.zeros_like(place))
        self.rows_of_boxes, self.pixels, self.labels = spots.objects, spots.pixels, spots.labels
        self.objects = LabelledBoxes(place, spots.corners, spots.labels.clamp(min=0))
        if anchor_of(targets) == "image":  # one trigger is for every object of its frame
            wanted = targets.attackable(frames.boxes.labels)
            wanted &= torch.isin(frames.boxes.image_index, self.rows)
            self.rows_of_boxes = wanted.nonzero().flatten()
            own = frames.boxes.take(self.rows_of_boxes)
            of_object = torch.searchsorted(self.rows, own.image_index)
            self.objects = LabelledBoxes(of_object, own.corners, own.labels)
            by_frame = torch.zeros(len(self.rows)).index_copy_(0, place, spots.pixels)
            self.pixels, self.labels = by_frame[of_object], own.labels

    def stamped(self, trigger: Trigger, seed: int) -> StampedFrames:
        """Return the frames with a trigger at every place."""
        return StampedFrames(self.clean, self.stamps, plain_stamp(trigger, seed))


def _scenes(frames: FrameSet, index: Tensor) -> tuple[int, ...]:
    """Return the number of the scene that each of some frames belongs to."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(frames.groups))}
    return tuple(numbers[frames.groups[frame]] for frame in index.tolist())


def _check_classes(detector: Detector, frames: FrameSet, what: str = "detector") -> None:
    if detector.num_classes != frames.num_classes:
        raise SettingError(
            f"the {what} knows {detector.num_classes} classes, the frames have "
            f"{frames.num_classes}: use the data set that it was trained for"
        )
