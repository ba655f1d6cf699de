"""A set of frames with labelled boxes, and a detection data set made of two such sets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor

from badnets.bundles.digests import canonical_json
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import DataError, SettingError, ShapeError
from badnets.data.dataset import NamedData, rows_within
from badnets.data.frames import Frames
from badnets.data.layouts import check_class_names
from badnets.data.splitting import held_back_groups

Boxed: TypeAlias = tuple[int, tuple[float, float, float, float], int]
"""An object: its frame, left, top, right and bottom in pixels, and its class."""


def boxes_of(objects: Sequence[Boxed]) -> LabelledBoxes:
    """Return objects as labelled boxes, in that order."""
    return LabelledBoxes(
        torch.tensor([frame for frame, _, _ in objects], dtype=torch.int64),
        torch.tensor([corners for _, corners, _ in objects], dtype=torch.float32).reshape(-1, 4),
        torch.tensor([label for _, _, label in objects], dtype=torch.int64),
    )


@dataclass(frozen=True, eq=False)
class FrameSet:
    """Frames, the objects in them, and which frames belong together.

    Args:
        frames: ``N >= 1`` pictures.
        boxes: the objects; a frame may have none.
        classes: the class names, each its own.
        groups: for each frame, the scene or video track it comes from: frames of one group look
            alike, so no group may be on both sides of a split.

    Raises:
        DataError: no frame, no class, a label without a class, or a box beyond its frame.
        ShapeError: groups and frames differ in number.
    """

    frames: Frames
    boxes: LabelledBoxes
    classes: tuple[str, ...]
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.frames)
        if not count:
            raise DataError("the set is empty: at least one frame is needed")
        if len(self.groups) != count:
            raise ShapeError(f"there are {count} frames but {len(self.groups)} groups")
        if not self.classes or len(set(self.classes)) != len(self.classes):
            raise DataError(f"class names must differ from one another, got {self.classes}")
        check_class_names(self.classes, "the set")
        if len(self.boxes):
            self._check_boxes()

    def _check_boxes(self) -> None:
        index, corners, labels = self.boxes.image_index, self.boxes.corners, self.boxes.labels
        if int(index.max()) >= len(self):
            raise DataError(f"a box lies in frame {int(index.max())}, there are {len(self)}")
        if int(labels.max()) >= len(self.classes):
            raise DataError(f"label {int(labels.max())} lies outside 0..{len(self.classes) - 1}")
        sizes = self.frames.sizes[index].flip(1).to(torch.float32)
        outside = ((corners[:, :2] < 0) | (corners[:, 2:] > sizes)).any(1).nonzero().flatten()
        if len(outside):
            row = int(outside[0])
            height, width = self.frames.sizes[int(index[row])].tolist()
            raise DataError(
                f"box {corners[row].tolist()} reaches beyond frame {int(index[row])} of "
                f"{width} x {height} pixels"
            )

    def __len__(self) -> int:
        """Return the number of frames ``N``."""
        return len(self.frames)

    def __repr__(self) -> str:
        boxes = f"{len(self.boxes):,} boxes of {', '.join(self.classes)}"
        return f"FrameSet({len(self):,} frames, {boxes})"

    @property
    def num_classes(self) -> int:
        """Number of classes ``K``; background is none of them."""
        return len(self.classes)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Number of boxes of each class."""
        return tuple(torch.bincount(self.boxes.labels, minlength=self.num_classes).tolist())

    @cached_property
    def digest(self) -> str:
        """SHA-256 over class names, groups, frames, corners and labels, in hex."""
        head = {"classes": list(self.classes), "groups": list(self.groups)}
        state = hashlib.sha256(canonical_json(head))
        for index in range(len(self)):
            state.update(hashlib.sha256(self.frames.key(index)).digest())
        state.update(self.boxes.image_index.cpu().numpy().astype("<i8").tobytes())
        state.update(self.boxes.corners.cpu().numpy().astype("<f4").tobytes())
        state.update(self.boxes.labels.cpu().numpy().astype("<i8").tobytes())
        return state.hexdigest()

    def take(self, indices: Tensor | Sequence[int]) -> FrameSet:
        """Return the frames at ``indices`` with their boxes, in that order.

        Raises:
            SettingError: an index lies outside ``0..N-1``.
            DataError: there is no index.
        """
        rows = rows_within(indices, len(self)).cpu()
        chosen = rows.tolist()
        groups = tuple(self.groups[row] for row in chosen)
        return FrameSet(self.frames.take(chosen), self.boxes.of_images(rows), self.classes, groups)

    def with_objects(self) -> FrameSet:
        """Return the frames that have a box.

        Raises:
            DataError: none has.
        """
        return self.take(torch.unique(self.boxes.image_index))

    def split(self, share: float, seed: int) -> tuple[FrameSet, FrameSet]:
        """Return ``(rest, held_back)``: whole groups, about ``share`` of frames and of each class.

        See `badnets.data.splitting.held_back_groups`.

        Raises:
            SettingError: ``share`` is not in (0, 1), or there are fewer than two groups.
        """
        if not 0 < share < 1:
            raise SettingError(f"share must be in (0, 1), got {share}")
        names = sorted(set(self.groups))
        if len(names) < 2:
            raise SettingError("a split needs frames of at least two scenes")
        place = {name: number for number, name in enumerate(names)}
        group = torch.tensor([place[name] for name in self.groups])
        sizes = torch.zeros(len(names), 1 + self.num_classes, dtype=torch.float64)
        sizes[:, 0] = torch.bincount(group, minlength=len(names))
        where = (group[self.boxes.image_index], 1 + self.boxes.labels)
        sizes.index_put_(where, torch.ones(len(self.boxes), dtype=torch.float64), accumulate=True)
        is_held = held_back_groups(sizes, share, seed)[group]
        return self.take((~is_held).nonzero().flatten()), self.take(is_held.nonzero().flatten())


@dataclass(frozen=True, eq=False, repr=False)
class DetectionData(NamedData[FrameSet]):
    """A named set of frames with boxes; see `NamedData`.

    Raises:
        DataError: the parts differ in classes, share a scene, or the training frames have no box.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        shared = sorted(set(self.train.groups) & set(self.test.groups))
        if shared:
            raise DataError(
                f"data set {self.name!r}: {len(shared)} scenes are in training and test frames "
                f"alike, the first is {shared[0]!r}: split by scene, never by frame"
            )
        if not len(self.train.boxes):
            raise DataError(f"data set {self.name!r}: no training frame has a box")
