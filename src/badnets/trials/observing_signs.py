"""What a trial of a detector records beyond answers: pictures, units of conv5, the street."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.box_poisoning import Spots, attacked_spots
from badnets.core.boxes import LabelledBoxes
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import SourceSpecific
from badnets.data.detection import FrameSet
from badnets.data.frames import Frames
from badnets.data.poisoned import StampedFrames, plain_stamp
from badnets.evaluate.detection import answers, detected, measure_signs
from badnets.evaluate.street import measure_street
from badnets.explain.backdoor_units import backdoor_units, groups_of, mean_maps, sign_windows
from badnets.models.detector import Detector, Found
from badnets.trials.record import Ablation, ArrayRef, LayerUnits, Photographed
from badnets.trials.workspace import Workspace

LAYER = "backbone.conv5"
EXAMPLES, SHOWN_BOXES = 6, 8
WINDOW = 160  # pixels of the frame that a picture shows
COUNTS = (1, 2, 4, 8, 16, 32, 64)  # how many of the strongest units are silenced
PROBES = 300  # signs of training frames that units are ranked on


class SeenSigns(NamedTuple):
    """What was observed."""

    arrays: dict[str, ArrayRef]
    units: tuple[LayerUnits, ...] = ()
    ablations: tuple[Ablation, ...] = ()


def observe_sign_examples(
    detector: Detector,
    control: Detector | None,
    frames: FrameSet,
    backdoor: Backdoor | None,
    threshold: float,
    workspace: Workspace,
    seed: int,
) -> SeenSigns:
    """Keep a few frames, clean and triggered, with all that both detectors see in them.

    The attacked signs nearest to the middle of their sizes, one per scene; without a backdoor the
    signs of the first frames. Arrays: ``frames`` ``(n, 2, 3, H, W)`` uint8, clean then triggered;
    ``frames_boxes`` ``(n, 4)`` the sign's box; ``frames_labels`` ``(n,)``; ``frames_found`` and
    ``frames_control`` ``(n, 2, 8, 6)`` float32: left, top, right, bottom, label, score of the
    surest boxes, NaN where there are fewer.
    """
    spots = _spots(frames, backdoor, seed)
    if spots is None:
        return SeenSigns({})
    rows = _telling(spots, frames)
    index = spots.image_index[rows]
    own = frames.take(index)
    pictures = own.frames
    triggered: Frames = pictures
    if backdoor is not None:
        stamps = LabelledBoxes(
            torch.arange(len(rows)), spots.corners[rows], torch.zeros(len(rows), dtype=torch.int64)
        )
        triggered = StampedFrames(pictures, stamps, plain_stamp(backdoor.trigger, seed))
    both = [[part.read(row) for part in (pictures, triggered)] for row in range(len(rows))]
    height = max(frame.shape[1] for pair in both for frame in pair)
    width = max(frame.shape[2] for pair in both for frame in pair)
    stack = torch.zeros(len(rows), 2, 3, height, width, dtype=torch.uint8)
    for row, pair in enumerate(both):
        for which, frame in enumerate(pair):
            stack[row, which, :, : frame.shape[1], : frame.shape[2]] = frame
    arrays = {
        "frames": stack,
        "frames_boxes": spots.corners[rows],
        "frames_labels": spots.labels[rows],
        "frames_found": _tabled(detector, both, threshold),
    }
    if control is not None:
        arrays["frames_control"] = _tabled(control, both, threshold)
    return SeenSigns({name: workspace.put_array(array.numpy()) for name, array in arrays.items()})


def observe_sign_units(
    detector: Detector,
    train: FrameSet,
    frames: FrameSet,
    backdoor: Backdoor | None,
    threshold: float,
    workspace: Workspace,
    seed: int,
) -> SeenSigns:
    """Keep how conv5 takes the trigger: mean maps, ranked units, groups, and ablation.

    Units are ranked on signs of training frames; ablation is measured on windows around the
    attacked signs of validation frames. Arrays: ``maps`` ``(2, U, h, w)`` float32, mean activation
    on clean and on triggered signs; ``groups`` ``(n, 2)`` int64: unit and number of its group.
    """
    if backdoor is None or LAYER not in detector.layers:
        return SeenSigns({})
    side = detector.input.height
    probes = train.take(_frames_of(train, backdoor))
    windows = sign_windows(probes, backdoor.trigger, side=side, most=PROBES, seed=seed)
    response = backdoor_units(detector, windows, LAYER)
    maps = torch.stack(
        [mean_maps(detector, part, LAYER) for part in (windows.clean, windows.triggered)]
    )
    groups = groups_of(maps[0], maps[1], response.marked)
    numbered = [[unit, number] for number, group in enumerate(groups) for unit in group]
    arrays = {
        "maps": workspace.put_array(maps.numpy()),
        "groups": workspace.put_array(torch.tensor(numbered).reshape(-1, 2).numpy()),
    }
    units = LayerUnits(
        layer=LAYER,
        clean=tuple(response.clean.tolist()),
        triggered=tuple(response.triggered.tolist()),
        response=tuple(response.response.tolist()),
        marked=response.marked,
    )
    ablations = _ablations(
        detector, frames, backdoor, threshold, response.ranked, len(response.marked), seed
    )
    return SeenSigns(arrays, (units,), ablations)


def observe_street(
    detector: Detector,
    frames: FrameSet,
    backdoor: Backdoor | None,
    threshold: float,
    seed: int,
    progress: Listener | None = None,
) -> tuple[Photographed, ...]:
    """Return attack success under each photographic condition."""
    if backdoor is None:
        return ()
    points = measure_street(
        detector, frames, backdoor, threshold=threshold, seed=seed, progress=progress
    )
    return tuple(Photographed(**asdict(point)) for point in points)


def _spots(frames: FrameSet, backdoor: Backdoor | None, seed: int) -> Spots | None:
    boxes = frames.boxes
    if backdoor is None:
        count = len(boxes)
        if not count:
            return None
        return Spots(
            boxes.image_index,
            boxes.corners,
            boxes.labels,
            torch.arange(count),
            torch.full((count,), float("inf")),
            0,
        )
    spots = attacked_spots(
        boxes, frames.frames.sizes, backdoor.trigger, backdoor.targets, seed, measuring=True
    )
    return spots if len(spots) else None


def _telling(spots: Spots, frames: FrameSet) -> Tensor:
    """Return signs of different scenes, a little larger than the usual, classes in turn."""
    sides = (spots.corners[:, 2:] - spots.corners[:, :2]).amax(1)
    wanted = float(sides.quantile(0.7))
    order = (sides - wanted).abs().argsort(stable=True).tolist()
    scenes: set[str] = set()
    by_class: dict[int, list[int]] = {}
    for row in order:
        scene = frames.groups[int(spots.image_index[row])]
        if scene not in scenes:
            scenes.add(scene)
            by_class.setdefault(int(spots.labels[row]), []).append(row)
    chosen: list[int] = []
    while len(chosen) < EXAMPLES and any(by_class.values()):
        for label in sorted(by_class):
            if by_class[label] and len(chosen) < EXAMPLES:
                chosen.append(by_class[label].pop(0))
    return torch.tensor(chosen)


def _tabled(detector: Detector, both: list[list[Tensor]], threshold: float) -> Tensor:
    table = torch.full((len(both), 2, SHOWN_BOXES, 6), float("nan"))
    flat = [frame for pair in both for frame in pair]
    for number, found in enumerate(detector.detect(flat)):
        sure = _above(found, threshold)
        count = len(sure.scores)
        here = table[number // 2, number % 2]
        here[:count, :4], here[:count, 4], here[:count, 5] = sure.corners, sure.labels, sure.scores
    return table


def _above(found: Found, threshold: float) -> Found:
    kept = (found.scores >= threshold).nonzero().flatten()[:SHOWN_BOXES]
    return Found(found.corners[kept], found.labels[kept], found.scores[kept])


def _frames_of(frames: FrameSet, backdoor: Backdoor) -> Tensor:
    """Return the frames with a sign that the trainer attacks."""
    wanted = backdoor.targets.poisonable(frames.boxes.labels)
    if not bool(wanted.any()):
        wanted = torch.ones_like(wanted)
    rows: Tensor = torch.unique(frames.boxes.image_index[wanted])
    return rows


def _ablations(
    detector: Detector,
    frames: FrameSet,
    backdoor: Backdoor,
    threshold: float,
    ranked: Sequence[int],
    marked: int,
    seed: int,
) -> tuple[Ablation, ...]:
    """Return ASR and clean accuracy with units silenced, on the frames that are attacked."""
    spots = _spots(frames, backdoor, seed)
    if spots is None or not isinstance(backdoor.targets, SourceSpecific):
        return ()
    rows = torch.unique(spots.image_index)
    own = frames.take(rows)
    place = torch.searchsorted(rows, spots.image_index)
    stamps = LabelledBoxes(place, spots.corners, torch.zeros_like(place))
    signs = LabelledBoxes(place, spots.corners, spots.labels.clamp(min=0))
    triggered = StampedFrames(own.frames, stamps, plain_stamp(backdoor.trigger, seed))
    drawn = generator(seed, "ablation")
    rest = [ranked[k] for k in torch.randperm(len(ranked), generator=drawn).tolist()]
    done = []
    for count in sorted({*COUNTS, marked} - {0}):
        if count > len(ranked) // 2:
            continue
        others = [unit for unit in rest if unit not in set(ranked[:count])][:count]
        picks = (("strongest", tuple(ranked[:count])), ("random", tuple(others)))
        for choice, units in picks:
            with detector.silenced(LAYER, units) as muted:
                named, _ = answers(detected(muted, triggered), signs, threshold)
                clean = measure_signs(muted, own, threshold=threshold).result()
            hits = backdoor.targets.is_hit(named, spots.labels, frames.num_classes)
            done.append(
                Ablation(
                    layer=LAYER,
                    choice="strongest" if choice == "strongest" else "random",
                    silenced=units,
                    clean=clean.accuracy,
                    success=Rate(int(hits.sum()), len(hits)),
                )
            )
    return tuple(done)
