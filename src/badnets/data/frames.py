"""Frames of detection sets: pictures of any size, in memory or read from disk when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from badnets.core.decoding import decoded, picture_bytes, size_of
from badnets.core.errors import ShapeError


class Frames(Protocol):
    """A list of RGB pictures, each of its own size."""

    @property
    def sizes(self) -> Tensor:
        """``(N, 2)`` int64: height and width of each."""

    def __len__(self) -> int:
        """Return the number of frames ``N``."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} frames)"

    def read(self, index: int) -> Tensor:
        """Return one frame, ``(3, H, W)`` uint8.

        Raises:
            DataError: it cannot be decoded.
        """

    def take(self, rows: Sequence[int]) -> Frames:
        """Return the frames at ``rows``, in that order; pixels are not copied."""

    def key(self, index: int) -> bytes:
        """Return what stands for the frame's content in a digest."""
        return self.read(index).cpu().contiguous().numpy().tobytes()


@dataclass(frozen=True, eq=False, repr=False)
class FrameFiles:
    """Frames as files, decoded when they are asked for; only their sizes stay in memory.

    Args:
        paths: one file each.
        sizes: ``(N, 2)`` int64 height and width, as their headers say.
    """

    paths: tuple[Path, ...]
    sizes: Tensor

    @classmethod
    def open(cls, paths: Sequence[Path]) -> FrameFiles:
        """Return the frames of some files, after a look at every header.

        Raises:
            DataError: a file is missing or is not a picture.
        """
        sizes = [size_of(path) for path in paths]
        return cls(tuple(paths), torch.tensor(sizes, dtype=torch.int64).reshape(-1, 2))

    __repr__ = Frames.__repr__

    def __len__(self) -> int:
        """Return the number of frames ``N``."""
        return len(self.paths)

    def read(self, index: int) -> Tensor:
        """Return one frame; grey becomes RGB, transparency is left out; see `Frames`."""
        return torch.from_numpy(decoded(self.paths[index], "RGB")).permute(2, 0, 1).contiguous()

    def take(self, rows: Sequence[int]) -> FrameFiles:
        """Return some of the frames; see `Frames`."""
        return FrameFiles(tuple(self.paths[row] for row in rows), self.sizes[list(rows)])

    def key(self, index: int) -> bytes:
        """Return the file's bytes."""
        return picture_bytes(self.paths[index])


@dataclass(frozen=True, eq=False, repr=False)
class FrameStack(Frames):
    """Frames of one size, in memory.

    Args:
        images: ``(N, 3, H, W)`` uint8, or ``N`` of ``(3, H, W)``.

    Raises:
        ShapeError: the tensor has another shape or dtype.
    """

    images: Tensor | tuple[Tensor, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.images, Tensor):
            return
        shape, dtype = self.images.shape, self.images.dtype
        if len(shape) != 4 or shape[1] != 3 or dtype != torch.uint8:
            raise ShapeError(f"frames must be (N, 3, H, W) uint8, got {tuple(shape)} {dtype}")

    @property
    def sizes(self) -> Tensor:
        """Height and width of each; see `Frames`."""
        sizes = [tuple(image.shape[1:]) for image in self.images]
        return torch.tensor(sizes, dtype=torch.int64).reshape(-1, 2)

    def __len__(self) -> int:
        """Return the number of frames ``N``."""
        return len(self.images)

    def read(self, index: int) -> Tensor:
        """Return one frame; see `Frames`."""
        return self.images[index]

    def take(self, rows: Sequence[int]) -> FrameStack:
        """Return some of the frames; see `Frames`."""
        return FrameStack(tuple(self.images[row] for row in rows))
