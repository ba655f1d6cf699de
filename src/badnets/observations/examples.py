"""Pictures with the networks' answers: images, or whole frames with boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from badnets.observations.base import Case, Observation, ObservationResult

if TYPE_CHECKING:
    from torch import Tensor

    from badnets.core.box_poisoning import Anchors
    from badnets.data.detection import FrameSet
    from badnets.data.frames import Frames
    from badnets.models.detector import Detections

SHOWN = 6  # pictures of the attacked class that are kept, and frames
SHOWN_BOXES = 8


class Examples(Observation[ObservationResult]):
    """A few validation examples, clean and triggered, with what both networks say.

    Of images the first one of each class. Arrays: ``examples`` ``(n, 2, C, H, W)`` uint8, clean
    then triggered (clean twice without a backdoor); ``examples_labels`` ``(n,)``;
    ``examples_answers`` ``(n, 2, K)`` probabilities of the network, ``examples_control`` of the
    clean one beside it.

    Of frames the attacked objects nearest to the middle of their sizes, one per scene; without a
    backdoor the objects of the first frames. Arrays: ``frames`` ``(n, 2, 3, H, W)`` uint8, clean
    then triggered; ``frames_boxes`` ``(n, 4)`` the object's box; ``frames_labels`` ``(n,)``;
    ``frames_found`` and ``frames_control`` ``(n, 2, 8, 6)`` float32: left, top, right, bottom,
    label, score of the surest boxes, NaN where there are fewer.
    """

    kind = "examples"
    needs = frozenset({"backdoor"})
    Result = ObservationResult

    def observe(self, case: Case) -> ObservationResult:
        """Return the pictures and the answers."""
        arrays = _images(case) if case.task.kind == "classification" else _frames(case)
        return ObservationResult(arrays=case.kept(arrays))


class AttackedExamples(Observation[ObservationResult]):
    """The first validation images that the attack is about, clean and triggered.

    Arrays: as for `Examples`, ``attacked`` instead of ``examples``; none without a backdoor.
    """

    kind = "attacked"
    needs = frozenset({"logits", "backdoor"})
    tasks = frozenset({"classification"})
    Result = ObservationResult

    def observe(self, case: Case) -> ObservationResult:
        """Return the pictures and the answers."""
        import torch

        images = case.attackable(SHOWN)
        if images is None:
            return ObservationResult()
        pairs = torch.stack([images.images, case.triggered(images.images)], 1)
        arrays = {"attacked": pairs, "attacked_labels": images.labels}
        arrays |= case.answers_to_pairs(pairs, prefix="attacked")
        return ObservationResult(arrays=case.kept(arrays))


def _images(case: Case) -> dict[str, Tensor]:
    import torch

    labels = case.validation.labels
    first = [int((labels == k).nonzero()[0]) for k in torch.unique(labels)]
    images = case.validation.take(first).images
    pairs = torch.stack([images, case.triggered(images)], 1)
    arrays = {"examples": pairs, "examples_labels": labels[first]}
    return arrays | case.answers_to_pairs(pairs, prefix="examples")


def _frames(case: Case) -> dict[str, Tensor]:
    import torch

    from badnets.core.boxes import LabelledBoxes
    from badnets.data.poisoned import StampedFrames, plain_stamp

    frames: FrameSet = case.validation
    spots = attacked_places(case)
    if spots is None:
        return {}
    rows = _of_different_scenes(spots, frames)
    pictures = frames.take(spots.image_index[rows]).frames
    triggered: Frames = pictures
    if case.backdoor is not None:
        stamps = LabelledBoxes(
            torch.arange(len(rows)), spots.corners[rows], torch.zeros(len(rows), dtype=torch.int64)
        )
        stamp = plain_stamp(case.backdoor.trigger, case.seed)
        triggered = StampedFrames(pictures, stamps, stamp)
    pairs = [[part.read(row) for part in (pictures, triggered)] for row in range(len(rows))]
    height = max(frame.shape[1] for pair in pairs for frame in pair)
    width = max(frame.shape[2] for pair in pairs for frame in pair)
    stack = torch.zeros(len(rows), 2, 3, height, width, dtype=torch.uint8)
    for row, pair in enumerate(pairs):
        for which, frame in enumerate(pair):
            stack[row, which, :, : frame.shape[1], : frame.shape[2]] = frame
    arrays = {
        "frames": stack,
        "frames_boxes": spots.corners[rows],
        "frames_labels": spots.labels[rows],
        "frames_found": _surest(case.subject, pairs, case.threshold),
    }
    if case.control is not None:
        arrays["frames_control"] = _surest(case.control, pairs, case.threshold)
    return arrays


def attacked_places(case: Case) -> Anchors | None:
    """Return the places in validation frames that are attacked; all objects without a backdoor."""
    import torch

    from badnets.core.box_poisoning import Anchors, find_anchors

    frames: FrameSet = case.validation
    boxes, backdoor = frames.boxes, case.backdoor
    if backdoor is not None:
        spots = find_anchors(
            boxes,
            frames.frames.sizes,
            backdoor.trigger,
            backdoor.targets,
            case.seed,
            measuring=True,
        )
        return spots if len(spots) else None
    count = len(boxes)
    if not count:
        return None
    return Anchors(
        boxes.image_index,
        boxes.corners,
        boxes.labels,
        torch.arange(count),
        torch.full((count,), float("inf")),
        0,
    )


def _of_different_scenes(spots: Anchors, frames: FrameSet) -> Tensor:
    """Return objects of different scenes, a little larger than the usual, classes in turn."""
    import torch

    sides = (spots.corners[:, 2:] - spots.corners[:, :2]).amax(1)
    wanted = float(sides.quantile(0.7))
    scenes: set[str] = set()
    by_class: dict[int, list[int]] = {}
    for row in (sides - wanted).abs().argsort(stable=True).tolist():
        scene = frames.groups[int(spots.image_index[row])]
        if scene not in scenes:
            scenes.add(scene)
            by_class.setdefault(int(spots.labels[row]), []).append(row)
    chosen: list[int] = []
    while len(chosen) < SHOWN and any(by_class.values()):
        for label in sorted(by_class):
            if by_class[label] and len(chosen) < SHOWN:
                chosen.append(by_class[label].pop(0))
    return torch.tensor(chosen)


def _surest(detector: Any, pairs: list[list[Tensor]], threshold: float) -> Tensor:
    import torch

    table = torch.full((len(pairs), 2, SHOWN_BOXES, 6), float("nan"))
    flat = [frame for pair in pairs for frame in pair]
    one: Detections
    for number, one in enumerate(detector.detect(flat)):
        kept = (one.scores >= threshold).nonzero().flatten()[:SHOWN_BOXES]
        here = table[number // 2, number % 2, : len(kept)]
        here[:, :4], here[:, 4], here[:, 5] = one.corners[kept], one.labels[kept], one.scores[kept]
    return table
