"""A labelled set of 8-bit images, and a data set: such a set to train on and one to test on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from badnets.bundles.digests import canonical_json
from badnets.core.errors import DataError, SettingError, ShapeError
from badnets.core.examples import Examples, sizes
from badnets.core.pictures import as_grey_batch, as_tensor, channels_last_hint
from badnets.core.rates import Rate
from badnets.data.catalogue import DATASETS
from badnets.data.layouts import check_class_names
from badnets.data.names import DataName
from badnets.data.splitting import held_back_clean, shuffled
from badnets.data.streamed import Images, in_order

if TYPE_CHECKING:
    from badnets.data.detection import FrameSet

SHOWN = 5  # class names that a line shows
AT_A_TIME = 1000  # streamed images whose pixels are in memory at a time


@dataclass(frozen=True, eq=False)
class ImageSet(Examples):
    """Images with their labels and the names of their classes; all three are checked.

    It is a data set of torch's too: ``images[0]`` is a float image in [0, 1] and its label, and a
    ``DataLoader`` takes it as it is.

    Args:
        stored: the images, ``(N, C, H, W)`` uint8, ``N >= 1``: a tensor, an array of numpy's, or
            what gives them.
        labels: ``(N,)`` whole numbers in ``0..K-1``, on the same device.
        classes: the ``K >= 2`` class names, each its own.
        groups: ``(N,)`` int64: images of one number show the same thing, so a split keeps them
            together; None: each stands for itself.
        is_poisoned: ``(N,)`` bool: images that are known to carry a trigger, as where the manifest
            of a poisoned folder says so: they, and what is in one group with them, are never held
            back; None: nothing is known.
        data: name of the data set that they are from; None: they are from none that has one.

    Raises:
        ShapeError: a tensor has another shape or dtype than stated.
        DataError: no image, fewer than two classes, a label without a class, or a class name that
            is not printable.
    """

    stored: Images
    labels: Tensor
    classes: tuple[str, ...]
    groups: Tensor | None = None
    is_poisoned: Tensor | None = None
    data: str | None = None

    def __post_init__(self) -> None:
        for name, what in (("stored", "images"), ("labels", "labels"), ("groups", "groups")):
            if isinstance(getattr(self, name), np.ndarray):
                object.__setattr__(self, name, as_tensor(getattr(self, name), what))
        object.__setattr__(self, "classes", tuple(self.classes))
        _check_images(self.stored)
        object.__setattr__(self, "labels", _whole(self.labels))
        _check_labels(self.labels, len(self.stored), len(self.classes))
        if self.groups is not None and self.groups.shape != self.labels.shape:
            raise ShapeError(f"there are {len(self)} images but {len(self.groups)} groups")
        if self.is_poisoned is not None and self.is_poisoned.shape != self.labels.shape:
            raise ShapeError(f"there are {len(self)} images but {len(self.is_poisoned)} flags")
        if len(set(self.classes)) != len(self.classes):
            raise DataError(f"class names must differ from one another, got {self.classes}")
        check_class_names(self.classes, "the set")

    @classmethod
    def from_float(cls, images: Tensor, labels: Tensor, classes: Sequence[str]) -> ImageSet:
        """Return the set of float ``images`` in [0, 1], each value rounded to 8 bits.

        Raises:
            ShapeError: the images are not float, or lie outside [0, 1].
            DataError: an image holds NaN or infinity.
        """
        if not images.is_floating_point():
            raise ShapeError(f"from_float takes float images in [0, 1], got {images.dtype}")
        if not bool(images.isfinite().all()):
            bad = (~images.isfinite()).reshape(len(images), -1).any(1).nonzero().flatten().tolist()
            raise DataError(
                f"{len(bad)} of {len(images)} images hold NaN or infinity, the first is image "
                f"{bad[0]}: remove or repair them"
            )
        if images.numel() and (images.min() < 0 or images.max() > 1):
            low, high = float(images.min()), float(images.max())
            raise ShapeError(
                f"float images must lie in [0, 1], got {low:g} to {high:g}: "
                "divide 8-bit ones by 255"
            )
        return cls((images * 255).round().to(torch.uint8), labels, tuple(classes))

    def __repr__(self) -> str:
        what = f"{len(self):,} images of {sizes(self.shape)}, {_listed(self.classes)}"
        return f"ImageSet({what})"

    def images_at(self, rows: Tensor) -> Tensor:
        """Return the images at ``rows``, ``(n,)`` int64: uint8."""
        return self.stored[rows.to(self.stored.device)]

    @property
    def images(self) -> Tensor:
        """The images as one tensor ``(N, C, H, W)`` uint8; streamed ones are all decoded anew."""
        return self.stored[:]

    @property
    def num_classes(self) -> int:
        """Number of classes ``K``, also of those that no image here belongs to."""
        return len(self.classes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape ``(C, H, W)`` of one image."""
        _, channels, height, width = self.stored.shape
        return channels, height, width

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Number of images of each class."""
        return tuple(torch.bincount(self.labels, minlength=self.num_classes).tolist())

    @property
    def poisoned_share(self) -> Rate | None:
        """Images that are known to carry a trigger / all; None where nothing is known."""
        if self.is_poisoned is None:
            return None
        return Rate(int(self.is_poisoned.sum()), len(self))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over shape and class names (as JSON), pixels and labels (64 bit), in hex."""
        head = {"shape": list(self.stored.shape), "classes": list(self.classes)}
        state = hashlib.sha256(canonical_json(head))
        for part in in_order(self.stored, AT_A_TIME):
            state.update(part.cpu().contiguous().numpy().data)
        state.update(self.labels.cpu().contiguous().numpy().astype("<i8").data)
        return state.hexdigest()

    def take(self, indices: Tensor | Sequence[int]) -> ImageSet:
        """Return the images at ``indices``, in that order.

        Args:
            indices: ``(n,)`` integers in ``0..N-1``, ``n >= 1``.

        Raises:
            SettingError: an index lies outside, or the indices are no list of integers.
            DataError: there is no index, so the set would be empty.
        """
        rows = rows_within(indices, len(self)).to(self.labels.device)
        stored = self.stored[rows] if isinstance(self.stored, Tensor) else self.stored.take(rows)
        groups, flags = (
            None if own is None else own[rows] for own in (self.groups, self.is_poisoned)
        )
        return ImageSet(stored, self.labels[rows], self.classes, groups, flags, self.data)

    def sample(self, n: int, seed: int) -> ImageSet:
        """Return ``n`` images drawn without replacement, the same ones for the same seed.

        Raises:
            SettingError: ``n`` lies outside ``1..N``.
        """
        if not 1 <= n <= len(self):
            raise SettingError(f"n must lie in 1..{len(self)}, the size of the set, got {n}")
        return self.take(shuffled(len(self), seed)[:n])

    def split(self, count: int, seed: int, *, stratified: bool = True) -> tuple[ImageSet, ImageSet]:
        """Return ``(rest, held_back)``: ``count`` images at random apart from all others.

        Both keep the order of the set, so the same seed gives the same two sets. Where images
        belong to groups, whole groups are held back, so ``count`` is met as nearly as they allow.

        Args:
            count: images to hold back, in ``1..N-1``.
            seed: which images.
            stratified: hold back the same share of each class (to within one image), or draw
                from the whole set without regard to class.

        Raises:
            SettingError: ``count`` lies outside its range, no class has two groups, or all is
                poisoned.
        """
        is_held = self.held_back(count, seed, stratified=stratified)
        return self.take((~is_held).nonzero().flatten()), self.take(is_held.nonzero().flatten())

    def held_back(self, count: int, seed: int, *, stratified: bool = True) -> Tensor:
        """Return ``(N,)`` bool: which images `split` holds back; it has the same arguments.

        Raises:
            SettingError: see `split`.
        """
        if not 1 <= count < len(self):
            raise SettingError(
                f"count must lie in 1..{len(self) - 1}, so that images remain, got {count}"
            )
        labels = self.labels.cpu()
        groups, flags = (
            None if own is None else own.cpu() for own in (self.groups, self.is_poisoned)
        )
        strata = labels if stratified else torch.zeros_like(labels)
        return held_back_clean(strata, count, seed, groups, flags)

    def in_grey(self) -> ImageSet:
        """Return the luma of the images, ``(N, 1, H, W)`` in memory; grey images as they are."""
        if self.shape[0] == 1:
            return self
        parts = [as_grey_batch(part) for part in in_order(self.stored, AT_A_TIME)]
        return replace(self, stored=torch.cat(parts))

    def in_the_middle(self, side: int) -> ImageSet:
        """Return the middle ``side`` x ``side`` pixels of the images, in memory.

        Raises:
            ShapeError: the images are smaller.
        """
        height, width = self.shape[1:]
        if not 1 <= side <= min(height, width):
            raise ShapeError(f"images of {height} x {width} pixels have no {side} x {side} in them")
        top, left = (height - side) // 2, (width - side) // 2
        parts = [
            part[:, :, top : top + side, left : left + side].clone()
            for part in in_order(self.stored, AT_A_TIME)
        ]
        return replace(self, stored=torch.cat(parts))

    def among(self, classes: Sequence[str]) -> ImageSet:
        """Return the same images; labels are counted among these classes, its own among them."""
        if tuple(classes) == self.classes:
            return self
        place = torch.tensor([classes.index(name) for name in self.classes])
        own = place.to(self.labels.device)[self.labels]
        return replace(self, labels=own, classes=tuple(classes))

    def of_classes(self, labels: Sequence[int]) -> ImageSet:
        """Return the images of some classes; their labels are counted from 0, in that order.

        Raises:
            DataError: there is no image of them.
        """
        place = torch.full((self.num_classes,), -1, device=self.labels.device)
        place[list(labels)] = torch.arange(len(labels), device=place.device)
        own = place[self.labels]
        rows = (own >= 0).nonzero().flatten()
        if not len(rows):
            raise DataError(f"no image belongs to the classes {', '.join(map(str, labels))}")
        classes = tuple(self.classes[label] for label in labels)
        kept = self.take(rows)
        return replace(kept, labels=own[rows], classes=classes)


Part = TypeVar("Part", ImageSet, "FrameSet")


@dataclass(frozen=True, eq=False, repr=False)
class NamedData(Generic[Part]):
    """A named data set: what to train on, what to test on, and where it comes from.

    Args:
        name: the name it is found by.
        train: the training part.
        test: the test part, of the same classes.
        source: who made it, where it is published.
        licence: under which terms.
        notes: what else a reader has to know, a line each: how it was split, what was left out.

    Raises:
        DataError: the two parts differ in classes.
    """

    name: str
    train: Part
    test: Part
    source: str
    licence: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.train.classes != self.test.classes:
            raise DataError(f"data set {self.name!r}: training and test classes differ")

    @classmethod
    def known(cls, name: str, train: Part, test: Part) -> Self:
        """Return the set ``name`` of `badnets.data.DATASETS`, which says where it comes from."""
        entry = DATASETS[name]
        return cls(name, train, test, entry.source, entry.licence)

    def __repr__(self) -> str:
        parts = f"{len(self.train):,} to train on, {len(self.test):,} to test on"
        return f"{type(self).__name__}({self.name!r}, {parts}, {_listed(self.classes)})"

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.train.classes

    @property
    def num_classes(self) -> int:
        """Number of classes ``K``; of boxes, background is none of them."""
        return len(self.train.classes)

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each part, by its name."""
        return {"train": self.train.digest, "test": self.test.digest}


@dataclass(frozen=True, eq=False, repr=False)
class DataSet(NamedData[ImageSet]):
    """A named set of labelled images; see `NamedData`.

    Raises:
        DataError: the two parts differ in classes or image shape, or all training images
            belong to a single class.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.train.shape != self.test.shape:
            raise DataError(
                f"data set {self.name!r}: training images are {self.train.shape}, "
                f"test images {self.test.shape}"
            )
        if sum(count > 0 for count in self.train.counts) < 2:
            raise DataError(
                f"data set {self.name!r}: all training images belong to a single class, "
                "at least two are needed"
            )
        for name in ("train", "test"):
            if (part := getattr(self, name)).data != self.name:
                object.__setattr__(self, name, replace(part, data=self.name))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape ``(C, H, W)`` of one image."""
        return self.train.shape

    def hold_back(
        self, count: int, seed: int, *, stratified: bool = True
    ) -> tuple[ImageSet, ImageSet]:
        """Return ``(rest, held_back)`` of the training images; see `ImageSet.split`.

        Raises:
            SettingError: ``count`` lies outside ``1..N-1``.
        """
        return self.train.split(count, seed, stratified=stratified)

    def of_classes(self, name: DataName) -> DataSet:
        """Return the images of the classes that a name picks, under that name.

        Raises:
            SettingError: the set has fewer classes.
            DataError: there is no training or test image of them.
        """
        name.check_classes(self.num_classes)
        train, test = (part.of_classes(name.classes) for part in (self.train, self.test))
        named = name.text
        if name.kind == "folder":  # says what it is called, never where it lies
            named = self.name + named.removeprefix(name.whole.text)
        return replace(self, name=named, train=train, test=test)

    def in_channels(self, channels: int) -> DataSet:
        """Return the same images, in grey (and a note says so) if one channel is wanted."""
        if channels != 1 or self.shape[0] == 1:
            return self
        notes = (*self.notes, "read in grey, as the network takes them")
        train, test = self.train.in_grey(), self.test.in_grey()
        return replace(self, train=train, test=test, notes=notes)


def rows_within(indices: Tensor | Sequence[int], count: int) -> Tensor:
    """Return indices as ``(n,)`` int64, ``n >= 1``, all in ``0..count-1``.

    Raises:
        SettingError: an index lies outside, or the indices are no list of integers.
        DataError: there is no index.
    """
    rows = torch.as_tensor(indices)
    if rows.numel() == 0:
        raise DataError("no image was asked for: a set of images must not be empty")
    if rows.ndim != 1 or rows.is_floating_point() or rows.dtype == torch.bool:
        raise SettingError(
            f"indices must be a list of integers, got {tuple(rows.shape)} {rows.dtype}"
        )
    if rows.min() < 0 or rows.max() >= count:
        outside = int(rows.min() if rows.min() < 0 else rows.max())
        raise SettingError(f"index {outside} lies outside 0..{count - 1}")
    return rows.long()


def _check_images(images: Images) -> None:
    if len(images.shape) != 4:
        raise ShapeError(f"images must be (N, C, H, W), got shape {tuple(images.shape)}")
    if hint := channels_last_hint(images.shape):
        raise ShapeError(f"images must be (N, C, H, W), got shape {tuple(images.shape)}{hint}")
    if isinstance(images, Tensor) and images.dtype != torch.uint8:
        hint = ": use ImageSet.from_float" if images.is_floating_point() else ""
        raise ShapeError(f"images must be uint8, got {images.dtype}{hint}")
    if len(images) == 0:
        raise DataError("the set is empty: at least one image is needed")
    if 0 in images.shape:
        raise ShapeError(f"images must have pixels, got shape {tuple(images.shape)}")


def _listed(classes: Sequence[str]) -> str:
    some = ", ".join(classes[:SHOWN])
    return f"{len(classes)} classes: {some}{', ...' if len(classes) > SHOWN else ''}"


def _whole(labels: Tensor) -> Tensor:
    """Return labels of any whole type as int64; others as they are."""
    if not isinstance(labels, Tensor):
        raise ShapeError(f"labels must be a tensor or an array, got {type(labels).__name__}")
    is_whole = not (labels.is_floating_point() or labels.is_complex())
    return labels.long() if is_whole and labels.dtype != torch.bool else labels


def _check_labels(labels: Tensor, images: int, classes: int) -> None:
    if labels.ndim != 1 or labels.dtype != torch.int64:
        hint = ": of one-hot labels, give labels.argmax(1)" if labels.ndim == 2 else ""
        raise ShapeError(
            f"labels must be (N,) whole numbers, got {tuple(labels.shape)} {labels.dtype}{hint}"
        )
    if len(labels) != images:
        raise ShapeError(f"there are {images} images but {len(labels)} labels")
    if classes < 2:
        raise DataError(f"at least two classes are needed, got {classes}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        outside = low if low < 0 else high
        raise DataError(
            f"label {outside} lies outside 0..{classes - 1}, there are {classes} classes"
        )
