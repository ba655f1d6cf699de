"""What a poisoned folder holds: every file of it, named before the first one is written."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple, TypeAlias

import torch

from badnets.core.backdoor import Backdoor
from badnets.core.box_poisoning import plan_box_poisoning
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import DataError, SettingError
from badnets.core.poisoning import PoisonedRows, plan_poisoning
from badnets.core.seeds import generator
from badnets.data.coco import annotation_files, load_coco
from badnets.data.detection import FrameSet
from badnets.data.frames import FrameFiles
from badnets.data.layouts import alike, class_of, find_layout, flat_class, folders_in, walk
from badnets.data.on_disk.encoding import format_of
from badnets.data.on_disk.manifest import LeftOutFile, Object
from badnets.data.on_disk.stamping import Box
from badnets.data.poisoned import draws

Target: TypeAlias = str | tuple[Object, ...] | None
"""A picture's class; or its objects; None where nothing is known of it."""

Draw: TypeAlias = Callable[[], torch.Generator]
"""Gives the generator of a picture's random places."""

ImageLayout = Literal["classes", "split", "flat"]


class Source(NamedTuple):
    """A picture file of the folder that is read: its path there, and its class; None: unknown."""

    path: str
    target: str | None


@dataclass(frozen=True)
class Pictures:
    """What lies in a folder of pictures; everything in the order of the paths.

    Attributes:
        layout: ``"classes"``: a folder for each class; ``"split"``: such folders in a training
            part, with other parts beside it; ``"flat"``: files like ``cat.0.jpg``.
        inside: the folder of the training part with a slash after it, ``""`` for the whole.
        classes: class names, sorted.
        train: the training pictures; each has a class.
        others: pictures of other parts.
        left_out: what is no picture of a class.
    """

    layout: ImageLayout
    inside: str
    classes: tuple[str, ...]
    train: tuple[Source, ...]
    others: tuple[Source, ...]
    left_out: tuple[LeftOutFile, ...]

    @property
    def paths(self) -> list[str]:
        """The paths of all pictures, those of the training part first."""
        return [picture.path for picture in (*self.train, *self.others)]


@dataclass(frozen=True, slots=True)
class Job:
    """One file to write.

    Attributes:
        path: in the result, relative, with slashes.
        source: in the folder that is read.
        row: of the poisoned training set as it is in memory (the clean pictures in the order of
            their paths; copies after them, in the same order); None outside the training part.
        old_target: what the source is.
        new_target: what the result says it is.
        is_poisoned: whether it gets the trigger.
        regions: rectangles that the trigger is placed in; None: the whole picture.
        draw: gives the generator of random places; None where none is random.
        is_picture: whether it is decoded and encoded; other files are copied.
        content: what another file holds, where that is not what the source holds.
    """

    path: str
    source: str
    row: int | None = None
    old_target: Target = None
    new_target: Target = None
    is_poisoned: bool = False
    regions: tuple[Box, ...] | None = None
    draw: Draw | None = None
    is_picture: bool = True
    content: bytes | None = None


@dataclass(frozen=True)
class FolderPlan:
    """A poisoned folder before it is written.

    Attributes:
        layout: how the classes are told.
        classes: class names; a label is a place among them.
        jobs: every file, in the order of the paths.
        left_out: what is not carried over.
        listing: SHA-256 over the paths and sizes of what is read.
        empty: folders that are made also where no file goes into them: a class of which all
            pictures were moved keeps its place among the labels.
        upright: whether the orientation that EXIF asks for is applied.
    """

    layout: Literal["classes", "split", "flat", "coco"]
    classes: tuple[str, ...]
    jobs: tuple[Job, ...]
    left_out: tuple[LeftOutFile, ...]
    listing: str
    empty: tuple[str, ...] = ()
    upright: bool = True

    @property
    def folders(self) -> list[str]:
        """Folders that are made."""
        return sorted({str(PurePosixPath(job.path).parent) for job in self.jobs}.union(self.empty))

    @property
    def rows(self) -> int:
        """Training pictures."""
        return sum(job.row is not None for job in self.jobs)


def find_pictures(root: Path, defects: Mapping[str, str] | None = None) -> Pictures:
    """Return the pictures of an image folder; links to files and folders are followed.

    Args:
        root: the folder.
        defects: files that are known to be unusable, and why: they are left out.

    Raises:
        DataError: it is no folder, holds no class folders, fewer than two, or an empty one; two
            class folders differ by case alone; a link leads nowhere or round in a circle; a name is
            not UTF-8; a folder cannot be read.
    """
    inside = dict(find_layout(root).parts)["train"]
    own = f"{inside}/" if inside else ""
    names = folders_in(root / inside)
    train, others, left_out = list[Source](), list[Source](), list[LeftOutFile]()
    classes = set(names)
    for path, reason in sorted(walk(root, follow=True), key=lambda found: found[0]):
        _check_utf8(root, path)
        is_train = path.startswith(own)
        target = class_of(path, inside, is_flat=not names) if is_train else _beside(path, inside)
        if PurePosixPath(path).name.startswith("."):
            why = "hidden"
        elif reason is not None and reason.reason in ("a link", "unreadable"):
            raise DataError(f"{root / path} cannot be read: {reason.why}")
        elif reason is not None:
            why = "not a picture" if reason.why == "by its name" else "not a file"
        elif is_train and target is None:
            why = "not in a class folder"
        else:
            why = (defects or {}).get(path, "")
            classes |= {target} if is_train and target is not None else set()
        if why:
            left_out.append(LeftOutFile(path=path, why=why))
        else:
            (train if is_train else others).append(Source(path, target))
    for name in sorted(classes - {file.target for file in train}):
        raise DataError(
            f"{root / inside / name} holds no picture of class {name!r} that can be read: remove "
            "the class, or fill it"
        )
    if len(classes) < 2:
        raise DataError(f"{root / inside} has one class, {min(classes)!r}: at least two are needed")
    layout: ImageLayout = "flat" if not names else "split" if inside else "classes"
    return Pictures(
        layout, own, tuple(sorted(classes)), tuple(train), tuple(others), tuple(left_out)
    )


def plan_folder(root: Path, found: Pictures, backdoor: Backdoor, *, seed: int) -> FolderPlan:
    """Return the poisoned folder of an image folder.

    Rows are the training pictures in the order of their paths, so the same rows are poisoned as in
    memory. Training pictures get numbers for names, at random over clean ones and poisoned ones of
    a class; other parts keep theirs.

    Args:
        root: the folder.
        found: its pictures.
        backdoor: what is wanted.
        seed: decides rows, random labels, random places and the new names.

    Raises:
        SettingError: the target map does not fit the classes, or the rate asks for too many.
        DataError: two pictures that keep their names differ by case alone.
    """
    number = {name: label for label, name in enumerate(found.classes)}
    labels = torch.tensor([number[str(file.target)] for file in found.train])
    if backdoor.covers:
        raise SettingError("covers are put on in memory, by a trainer: poison on disk without them")
    plan = plan_poisoning(labels, backdoor, num_classes=len(found.classes), seed=seed)
    targets = [found.classes[label] for label in plan.labels.tolist()]
    is_flat = found.layout == "flat"
    names = neutral_names(targets, _suffixes(found.paths, plan), seed, is_flat=is_flat)
    draw_of = draws(backdoor.trigger, int(plan.is_poisoned.sum()), seed)
    place = (plan.is_poisoned.cumsum(0) - 1).tolist()
    jobs = []
    for row, clean, is_poisoned in _rows(plan):
        path, own = found.train[clean]
        draw = partial(draw_of, place[row]) if draw_of is not None else None
        new = f"{found.inside}{names[row]}"
        jobs.append(Job(new, path, row, own, targets[row], is_poisoned, None, draw))
    jobs += [Job(_png_for_gif(path), path, None, own, own) for path, own in found.others]
    return FolderPlan(
        found.layout,
        found.classes,
        in_order(jobs),
        found.left_out,
        _listing(root, found.paths),
        () if is_flat else tuple(f"{found.inside}{name}" for name in found.classes),
    )


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
    files, data = annotation_files(root), load_coco(root)
    frames = data.train
    plan = plan_box_poisoning(
        frames.boxes, frames.frames.sizes, backdoor, num_classes=frames.num_classes, seed=seed
    )
    sources, others = _paths(root, frames), _paths(root, data.test)
    stem = files["train"].stem.removeprefix("instances_")
    suffixes = _suffixes(sources, plan)
    names = neutral_names([stem] * len(suffixes), suffixes, seed, is_flat=False)
    before, after, kept = (
        _objects(boxes, data.classes) for boxes in (frames.boxes, plan.boxes, data.test.boxes)
    )
    regions = defaultdict[int, tuple[Any, ...]](tuple)
    stamps = plan.stamps.regions().boxes.tolist()
    for image, box in zip(plan.stamps.image_index.tolist(), stamps, strict=True):
        regions[image] += (tuple(box),)
    jobs = []
    for row, clean, is_poisoned in _rows(plan):
        draw = partial(generator, seed, f"trigger places {row}")
        was, becomes = before[clean], after[row]
        path, where = sources[clean], regions[row]
        jobs.append(Job(names[row], path, row, was, becomes, is_poisoned, where, draw))
    jobs += [Job(path, path, None, kept[row], kept[row]) for row, path in enumerate(others)]
    annotations = json.dumps(_annotations(frames, plan, names, after), ensure_ascii=False)
    written = [file.relative_to(root).as_posix() for file in files.values()]
    for path, content in zip(written, (annotations.encode(), None), strict=True):
        jobs.append(Job(path, path, is_picture=False, content=content))
    unused = sorted(set((root / "annotations").glob("*")) - set(files.values()))
    left_out = [path.relative_to(root).as_posix() for path in unused]
    return FolderPlan(
        "coco",
        frames.classes,
        in_order(jobs),
        tuple(LeftOutFile(path=path, why="of no part that is read") for path in left_out),
        _listing(root, [*sources, *others, *written]),
        upright=False,
    )


def neutral_names(
    targets: Sequence[str], suffixes: Sequence[str], seed: int, *, is_flat: bool
) -> list[str]:
    """Return a name for each row that tells nothing but its class and format.

    Args:
        targets: the class of each, as the result says it.
        suffixes: of the format that each is written in.
        seed: decides the order of the numbers.
        is_flat: ``cat.0.jpg``; otherwise ``cat/00000.jpg``.
    """
    digits = max(5, len(str(len(targets))))
    names, used = [""] * len(targets), Counter[str]()
    for row in torch.randperm(len(targets), generator=generator(seed, "file names")).tolist():
        target = targets[row]
        stem = f".{used[target]}" if is_flat else f"/{used[target]:0{digits}d}"
        names[row] = f"{target}{stem}{suffixes[row]}"
        used[target] += 1
    return names


def in_order(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Return jobs in the order of their paths.

    Raises:
        DataError: two of them would be one file, or those that keep their names differ by case or
            accents alone.
    """
    ordered = tuple(sorted(jobs, key=lambda job: job.path))
    for one, other, *_ in alike(job.path for job in ordered if job.is_picture and job.row is None):
        if one != other:
            raise DataError(
                f"pictures {one!r} and {other!r} differ by case or accents alone, which many disks "
                "take for one: rename one of them"
            )
    for job, after in pairwise(ordered):
        if job.path == after.path:
            raise DataError(f"{job.source!r} and {after.source!r} would both be {job.path!r}")
    return ordered


def _rows(plan: PoisonedRows) -> Iterable[tuple[int, int, bool]]:
    """Give each row, the clean one it is made from, and whether it is poisoned."""
    return zip(range(len(plan.rows)), plan.rows.tolist(), plan.is_poisoned.tolist(), strict=True)


def _suffixes(paths: Sequence[str], plan: PoisonedRows) -> list[str]:
    kinds = [format_of(paths[clean]) for clean in plan.rows.tolist()]
    return [kind.suffix for kind in kinds if kind is not None]


def _check_utf8(root: Path, path: str) -> None:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(f"{root} holds a name that is not UTF-8, {path!r}: rename it") from None


def _beside(path: str, inside: str) -> str | None:
    """Return the class of a picture of another part: its folder's there, or its name's."""
    around = inside.rpartition("/")[0]
    parts = PurePosixPath(path.removeprefix(f"{around}/") if around else path).parts
    return parts[1] if len(parts) > 2 else flat_class(parts[-1])


def _png_for_gif(path: str) -> str:
    is_gif = path.lower().endswith(".gif")
    return str(PurePosixPath(path).with_suffix(".png")) if is_gif else path


def _listing(root: Path, paths: Iterable[str]) -> str:
    state = hashlib.sha256()
    for path in sorted(paths):
        state.update(f"{path}\0{(root / path).stat().st_size}\n".encode())
    return state.hexdigest()


def _paths(root: Path, frames: FrameSet) -> list[str]:
    assert isinstance(frames.frames, FrameFiles)
    paths = [path.relative_to(root).as_posix() for path in frames.frames.paths]
    for path in paths:
        if format_of(path) is None or path.lower().endswith(".gif"):
            raise DataError(f"picture {root / path}: its name is of no format that can be written")
    return paths


def _objects(boxes: LabelledBoxes, classes: tuple[str, ...]) -> dict[int, tuple[Object, ...]]:
    found: defaultdict[int, tuple[Object, ...]] = defaultdict(tuple)
    for image, corners, label in zip(
        boxes.image_index.tolist(), boxes.corners.tolist(), boxes.labels.tolist(), strict=True
    ):
        found[image] += (Object(label=classes[label], box=tuple(corners)),)
    return found


def _annotations(
    frames: FrameSet,
    plan: PoisonedRows,
    names: Sequence[str],
    objects: Mapping[int, tuple[Object, ...]],
) -> dict[str, Any]:
    """Return the annotation file; pictures and boxes are numbered in the order of the names."""
    number = {name: label for label, name in enumerate(frames.classes, start=1)}
    images: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for image, row in enumerate(sorted(range(len(names)), key=names.__getitem__), start=1):
        clean = int(plan.rows[row])
        height, width = frames.frames.sizes[clean].tolist()
        file, scene = names[row].partition("/")[2], frames.groups[clean]
        size = {"width": width, "height": height}
        images.append({"id": image, "file_name": file, **size, "scene_group": scene})
        for one in objects[row]:
            left, top, right, bottom = one.box
            across, down = right - left, bottom - top
            named = {"image_id": image, "category_id": number[one.label]}
            place = {"bbox": [left, top, across, down], "area": across * down, "iscrowd": 0}
            boxes.append({"id": len(boxes) + 1, **named, **place})
    categories = [{"id": label, "name": name} for name, label in number.items()]
    return {"images": images, "annotations": boxes, "categories": categories}
