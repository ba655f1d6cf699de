"""A set of frames with labelled boxes, and a detection data set made of two such sets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from badnets.bundles.digests import canonical_json
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import DataError, SettingError, ShapeError
from badnets.data.frames import Frames

DRAWS = 64  # random orders of groups that a split is chosen from


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
        if not len(self.boxes):
            return
        if int(self.boxes.image_index.max()) >= count:
            raise DataError(
                f"a box lies in frame {int(self.boxes.image_index.max())}, there are {count}"
            )
        if int(self.boxes.labels.max()) >= len(self.classes):
            raise DataError(
                f"label {int(self.boxes.labels.max())} lies outside 0..{len(self.classes) - 1}"
            )
        outside = self._outside()
        if len(outside):
            row = int(outside[0])
            frame = int(self.boxes.image_index[row])
            height, width = self.frames.sizes[frame].tolist()
            raise DataError(
                f"box {self.boxes.corners[row].tolist()} reaches beyond frame {frame} of "
                f"{width} x {height} pixels"
            )

    def _outside(self) -> Tensor:
        sizes = self.frames.sizes[self.boxes.image_index].flip(1).to(torch.float32)
        beyond = (self.boxes.corners[:, :2] < 0) | (self.boxes.corners[:, 2:] > sizes)
        return beyond.any(1).nonzero().flatten()

    def __len__(self) -> int:
        """Return the number of frames ``N``."""
        return len(self.frames)

    @property
    def num_classes(self) -> int:
        """Number of classes ``K``; background is none of them."""
        return len(self.classes)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Number of boxes of each class."""
        per_class: list[int] = torch.bincount(
            self.boxes.labels, minlength=self.num_classes
        ).tolist()
        return tuple(per_class)

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
        rows = torch.as_tensor(indices).long().cpu()
        if rows.numel() and (int(rows.min()) < 0 or int(rows.max()) >= len(self)):
            raise SettingError(f"indices must lie in 0..{len(self) - 1}")
        chosen = rows.tolist()
        return FrameSet(
            self.frames.take(chosen),
            self.boxes.of_images(rows),
            self.classes,
            tuple(self.groups[row] for row in chosen),
        )

    def with_objects(self) -> FrameSet:
        """Return the frames that have a box.

        Raises:
            DataError: none has.
        """
        return self.take(torch.unique(self.boxes.image_index))

    def split(self, share: float, seed: int) -> tuple[FrameSet, FrameSet]:
        """Return ``(rest, held_back)``: whole groups, about ``share`` of frames and of each class.

        Groups are drawn at random until enough frames are held back, `DRAWS` times over; the draw
        that comes nearest to the share of the frames and of every class's boxes is taken.

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
        sizes = self._sizes(group, len(names))
        totals = sizes.sum(0)
        drawn = torch.Generator().manual_seed(seed)
        best, nearest = torch.zeros(len(names), dtype=torch.bool), float("inf")
        for _ in range(DRAWS):
            order = torch.randperm(len(names), generator=drawn)
            held = sizes[order].cumsum(0) / totals.clamp(min=1)
            off = (held - share).where(totals > 0, 0.0).square().sum(1)[:-1]  # some must remain
            last = int(off.argmin())
            if float(off[last]) < nearest:
                nearest = float(off[last])
                best = torch.zeros_like(best).index_fill_(0, order[: last + 1], True)
        is_held = best[group]
        return self.take((~is_held).nonzero().flatten()), self.take(is_held.nonzero().flatten())

    def _sizes(self, group: Tensor, groups: int) -> Tensor:
        """Return ``(groups, 1 + K)`` float: frames, and boxes of each class, in each group."""
        sizes = torch.zeros(groups, 1 + self.num_classes, dtype=torch.float64)
        sizes[:, 0] = torch.bincount(group, minlength=groups)
        where = (group[self.boxes.image_index], 1 + self.boxes.labels)
        sizes.index_put_(where, torch.ones(len(self.boxes), dtype=torch.float64), accumulate=True)
        return sizes


@dataclass(frozen=True, eq=False)
class DetectionData:
    """A named detection set: what to train on, what to test on, where it comes from.

    Args:
        name: the name it is found by.
        train: the training frames.
        test: the test frames, of the same classes.
        source: who made it, where it is published.
        licence: under which terms.

    Raises:
        DataError: the parts differ in classes, share a scene, or the training frames have no box.
    """

    name: str
    train: FrameSet
    test: FrameSet
    source: str
    licence: str

    def __post_init__(self) -> None:
        if self.train.classes != self.test.classes:
            raise DataError(f"data set {self.name!r}: training and test classes differ")
        shared = sorted(set(self.train.groups) & set(self.test.groups))
        if shared:
            raise DataError(
                f"data set {self.name!r}: {len(shared)} scenes are in training and test frames "
                f"alike, the first is {shared[0]!r}: split by scene, never by frame"
            )
        if not len(self.train.boxes):
            raise DataError(f"data set {self.name!r}: no training frame has a box")

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.train.classes

    @property
    def num_classes(self) -> int:
        """Number of classes ``K``; background is none of them."""
        return self.train.num_classes

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each part, by its name."""
        return {"train": self.train.digest, "test": self.test.digest}
