"""Images that stay on disk: decoded when they are asked for, the coming batches ahead of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from badnets.core.decoding import decoded_square
from badnets.core.examples import sizes

AT_A_TIME = 16  # images that a thread decodes before it takes the next ones
AHEAD = 8  # batches that are decoded before they are asked for, at most
AHEAD_BYTES = 32 << 20  # and at most this much memory, except that one batch always is
CPU = torch.device("cpu")


class ImageSource(Protocol):
    """What may stand in for a tensor ``(N, C, H, W)`` of uint8 images that does not fit memory."""

    @property
    def shape(self) -> torch.Size:
        """``(N, C, H, W)``."""

    @property
    def device(self) -> torch.device:
        """Where the tensors are that it gives."""

    def batches(self, rows: Iterable[Tensor]) -> Iterator[Tensor]:
        """Give the images at each of some lists of rows, ``(n,)`` int64; the coming ones are made.

        Raises:
            DataError: an image cannot be decoded.
        """

    def take(self, rows: Tensor) -> ImageSource:
        """Return the images at ``rows``, ``(n,)`` int64, in that order; none is decoded."""

    def to(self, device: torch.device) -> ImageSource:
        """Return the same images, given on another device."""

    def __len__(self) -> int:
        """Return the number of images ``N``."""
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} images of {sizes(self.shape[1:])})"

    def __getitem__(self, rows: Any) -> Tensor:
        """Return the images at ``rows``, as a tensor indexed by them would.

        Raises:
            DataError: an image cannot be decoded.
        """
        wanted = torch.arange(len(self))[rows]
        (images,) = self.batches([wanted.flatten()])
        return images.view(*wanted.shape, *images.shape[1:])


Images: TypeAlias = Tensor | ImageSource
"""``(N, C, H, W)`` uint8 images in memory, or what gives them."""


@dataclass(frozen=True, eq=False, repr=False)
class ImageFiles(ImageSource):
    """Pictures in files, each as a square of RGB pixels; see `decoded_square`.

    Args:
        root: the folder that all of them lie in.
        names: one path each, relative to it.
        size: side of the squares, in pixels.
        device: where the tensors go.
    """

    root: Path
    names: tuple[str, ...]
    size: int
    device: torch.device = CPU

    @property
    def shape(self) -> torch.Size:
        """``(N, 3, size, size)``."""
        return torch.Size((len(self.names), 3, self.size, self.size))

    def batches(self, rows: Iterable[Tensor]) -> Iterator[Tensor]:
        """Give the images at each of some lists of rows; see `ImageSource`."""
        waiting: deque[tuple[Tensor, list[Future[None]]]] = deque()
        pool = ThreadPoolExecutor(torch.get_num_threads(), "decoding")

        def finished() -> Tensor:
            images, work = waiting.popleft()
            for one in wait(work).done:
                one.result()
            return images.to(self.device)

        try:
            for one in rows:
                waiting.append(self._started(one, pool))
                ahead = min(AHEAD, AHEAD_BYTES // max(1, waiting[0][0].numel()))
                if len(waiting) > max(1, ahead):
                    yield finished()
            while waiting:
                yield finished()
        finally:
            pool.shutdown(cancel_futures=True)

    def take(self, rows: Tensor) -> ImageFiles:
        """Return some of the images; see `ImageSource`."""
        return replace(self, names=tuple(self.names[row] for row in rows.tolist()))

    def to(self, device: torch.device) -> ImageFiles:
        """Return the same images for another device; see `ImageSource`."""
        return replace(self, device=device)

    def _started(self, rows: Tensor, pool: ThreadPoolExecutor) -> tuple[Tensor, list[Future[None]]]:
        """Return the images that are being decoded, and the work that is left."""
        names = [self.names[row] for row in rows.tolist()]
        images = torch.empty(len(names), *self.shape[1:], dtype=torch.uint8)
        starts = range(0, len(names), AT_A_TIME)
        parts = [(names[start : start + AT_A_TIME], images[start:]) for start in starts]
        return images, [pool.submit(self._decode, *part) for part in parts]

    def _decode(self, names: Sequence[str], into: Tensor) -> None:
        for image, name in zip(into, names, strict=False):
            square = torch.from_numpy(decoded_square(self.root / name, self.size))
            image.copy_(square.permute(2, 0, 1))  # by torch: it lets other threads run meanwhile


def in_batches(images: Images, rows: Iterable[Tensor]) -> Iterator[Tensor]:
    """Give the images at each of some lists of rows, ``(n,)`` int64, one list after the other.

    Raises:
        DataError: an image cannot be decoded.
    """
    if isinstance(images, Tensor):
        return (images[one.to(images.device)] for one in rows)
    return images.batches(rows)


def in_order(images: Images, size: int) -> Iterator[Tensor]:
    """Give all images in their order, ``size`` at a time and at last the rest.

    Raises:
        DataError: an image cannot be decoded.
    """
    if isinstance(images, Tensor):
        return iter(torch.split(images, size))
    return images.batches(torch.split(torch.arange(len(images)), size))
