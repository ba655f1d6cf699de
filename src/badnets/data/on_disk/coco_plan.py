"""A poisoned folder in COCO's layout: pictures with triggers on objects, and boxes as the lie."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import partial
from pathlib import Path

from badnets.core.backdoor import Backdoor
from badnets.core.box_poisoning import plan_box_poisoning
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import DataError
from badnets.core.seeds import generator
from badnets.data.coco import annotation_files, load
from badnets.data.detection import FrameSet
from badnets.data.frames import FrameFiles
from badnets.data.on_disk.encoding import format_of
from badnets.data.on_disk.plan import (
    FileJob,
    FolderPlan,
    Job,
    LabelledObject,
    PictureJob,
    Stamping,
    folders_of,
    in_order,
    listing_of,
    neutral_names,
)
from badnets.data.on_disk.stamping import Box
from badnets.data.on_disk.walking import LeftOut, Source, refuse_alike

Objects = tuple[LabelledObject, ...]


def is_coco(root: Path) -> bool:
    """Return whether a folder is in COCO's layout."""
    return any((root / "annotations").glob("instances_train*.json"))


def plan_coco(root: Path, backdoor: Backdoor, *, seed: int) -> FolderPlan:
    """Return the poisoned folder of a folder in COCO's layout (`badnets.data.coco`).

    The training part's pictures get numbers for names. Its annotation file is written anew, with
    the same fields for every picture and box, since what only originals have (segmentations,
    addresses) would tell them from copies; which pictures show one scene stays in ``scene_group``.
    The other part is carried over under its names.

    Args:
        root: the folder.
        backdoor: what is wanted; its rate counts pictures.
        seed: decides rows, random labels, random places and the new names.

    Raises:
        DataError: the folder is not in that layout, damaged, or its pictures lie outside of it.
        SettingError: no object can be attacked, or the rate asks for too many pictures.
    """
    files = annotation_files(root)
    data = load(root)
    frames = data.train
    plan = plan_box_poisoning(
        frames.boxes, frames.frames.sizes, backdoor, num_classes=frames.num_classes, seed=seed
    )
    sources, others = _sources(root, frames), _sources(root, data.test)
    stem = files["train"].stem.removeprefix("instances_")
    rows, poisoned = plan.rows.tolist(), plan.is_poisoned.tolist()
    paths = [sources[row].path for row in rows]
    names = neutral_names([stem] * len(rows), paths, seed, flat=False)
    before, after = _by_image(frames.boxes, frames.classes), _by_image(plan.boxes, frames.classes)
    regions = _regions(plan.stamps)
    jobs: list[Job] = [
        PictureJob(
            name,
            paths[row],
            row,
            before[rows[row]],
            after[row],
            Stamping(regions[row], partial(generator, seed, f"trigger places {row}"))
            if poisoned[row]
            else None,
        )
        for row, name in enumerate(names)
    ]
    seen = _by_image(data.test.boxes, data.classes)
    jobs += [
        PictureJob(file.path, file.path, None, seen[number], seen[number])
        for number, file in enumerate(others)
    ]
    refuse_alike((file.path for file in others), "pictures")
    written = json.dumps(_annotations(frames, rows, names, after), ensure_ascii=False)
    for part, path in files.items():
        inside = path.relative_to(root).as_posix()
        jobs.append(FileJob(inside, inside, written.encode() if part == "train" else None))
    listing = listing_of([*sources, *others, *_annotation_sources(root, files)])
    unused = tuple(
        LeftOut(path.relative_to(root).as_posix(), "of no part that is read")
        for path in sorted((root / "annotations").glob("*"))
        if path not in files.values()
    )
    return FolderPlan(
        "coco",
        frames.classes,
        folders_of(jobs),
        in_order(jobs),
        unused,
        upright=False,
        listing=listing,
    )


def _sources(root: Path, frames: FrameSet) -> list[Source]:
    """Return the picture files of a part, in its order."""
    assert isinstance(frames.frames, FrameFiles)
    found = []
    for path in frames.frames.paths:
        inside = path.relative_to(root).as_posix()
        if format_of(inside) is None or path.suffix.lower() == ".gif":
            raise DataError(f"picture {path}: its name is of no format that can be written")
        found.append(Source(inside, path.stat().st_size))
    return found


def _annotation_sources(root: Path, files: dict[str, Path]) -> list[Source]:
    return [
        Source(path.relative_to(root).as_posix(), path.stat().st_size) for path in files.values()
    ]


def _by_image(boxes: LabelledBoxes, classes: tuple[str, ...]) -> defaultdict[int, Objects]:
    found: defaultdict[int, Objects] = defaultdict(tuple)
    for image, corners, label in zip(
        boxes.image_index.tolist(), boxes.corners.tolist(), boxes.labels.tolist(), strict=True
    ):
        left, top, right, bottom = corners
        found[image] += (LabelledObject(classes[label], (left, top, right, bottom)),)
    return found


def _regions(stamps: LabelledBoxes) -> defaultdict[int, tuple[Box, ...]]:
    found: defaultdict[int, tuple[Box, ...]] = defaultdict(tuple)
    regions = stamps.regions()
    for image, corners in zip(regions.image_index.tolist(), regions.boxes.tolist(), strict=True):
        left, top, right, bottom = corners
        found[image] += ((left, top, right, bottom),)
    return found


def _annotations(
    frames: FrameSet, rows: list[int], names: list[str], objects: defaultdict[int, Objects]
) -> dict[str, object]:
    """Return the annotation file; pictures and boxes are numbered in the order of the names."""
    sizes, number = frames.frames.sizes.tolist(), {name: k for k, name in enumerate(frames.classes)}
    images: list[dict[str, object]] = []
    boxes: list[dict[str, object]] = []
    for image, row in enumerate(sorted(range(len(rows)), key=names.__getitem__), start=1):
        height, width = sizes[rows[row]]
        images.append(
            {
                "id": image,
                "file_name": names[row].partition("/")[2],
                "width": width,
                "height": height,
                "scene_group": frames.groups[rows[row]],
            }
        )
        for label, (left, top, right, bottom) in objects[row]:
            across, down = right - left, bottom - top
            boxes.append(
                {
                    "id": len(boxes) + 1,
                    "image_id": image,
                    "category_id": number[label] + 1,
                    "bbox": [left, top, across, down],
                    "area": across * down,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": k + 1, "name": name} for k, name in enumerate(frames.classes)]
    return {"images": images, "annotations": boxes, "categories": categories}
