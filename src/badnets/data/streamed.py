"""Images that stay on disk: decoded when they are asked for, the coming batches ahead of time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from badnets.core.decoding import decoded_square

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

    def __len__(self) -> int:
        """Return the number of images ``N``."""

    def __getitem__(self, rows: Any) -> Tensor:
        """Return the images at ``rows``, as a tensor indexed by them would.

        Raises:
            DataError: an image cannot be decoded.
        """

    def batches(self, rows: Iterable[Tensor]) -> Iterator[Tensor]:
        """Give the images at each of some lists of rows, ``(n,)`` int64; the coming ones are made.

        Raises:
            DataError: an image cannot be decoded.
        """

    def take(self, rows: Tensor) -> ImageSource:
        """Return the images at ``rows``, ``(n,)`` int64, in that order; none is decoded."""

    def to(self, device: torch.device) -> ImageSource:
        """Return the same images, given on another device."""


Images: TypeAlias = Tensor | ImageSource
"""``(N, C, H, W)`` uint8 images in memory, or what gives them."""


@dataclass(frozen=True, eq=False)
class ImageFiles:
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

    def __len__(self) -> int:
        """Return the number of images ``N``."""
        return len(self.names)

    def __getitem__(self, rows: Any) -> Tensor:
        """Return the images at ``rows``; see `ImageSource`."""
        wanted = torch.arange(len(self))[rows]
        (images,) = self.batches([wanted.flatten()])
        return images.view(*wanted.shape, *images.shape[1:])

    def batches(self, rows: Iterable[Tensor]) -> Iterator[Tensor]:
        """Give the images at each of some lists of rows; see `ImageSource`."""
        waiting: deque[_Batch] = deque()
        pool = ThreadPoolExecutor(torch.get_num_threads(), "decoding")
        try:
            for one in rows:
                waiting.append(self._started(one, pool))
                ahead = min(AHEAD, AHEAD_BYTES // max(1, waiting[0].images.numel()))
                if len(waiting) > max(1, ahead):
                    yield waiting.popleft().finished().to(self.device)
            while waiting:
                yield waiting.popleft().finished().to(self.device)
        finally:
            pool.shutdown(cancel_futures=True)

    def take(self, rows: Tensor) -> ImageFiles:
        """Return some of the images; see `ImageSource`."""
        return replace(self, names=tuple(self.names[row] for row in rows.tolist()))

    def to(self, device: torch.device) -> ImageFiles:
        """Return the same images for another device; see `ImageSource`."""
        return replace(self, device=device)

    def _started(self, rows: Tensor, pool: ThreadPoolExecutor) -> _Batch:
        names = [self.names[row] for row in rows.tolist()]
        images = torch.empty(len(names), 3, self.size, self.size, dtype=torch.uint8)
        parts = range(0, len(names), AT_A_TIME)
        work = [
            pool.submit(self._decode, names[start : start + AT_A_TIME], images[start:])
            for start in parts
        ]
        return _Batch(images, work)

    def _decode(self, names: Sequence[str], into: Tensor) -> None:
        for image, name in zip(into, names, strict=False):
            square = torch.from_numpy(decoded_square(self.root / name, self.size))
            image.copy_(square.permute(2, 0, 1))  # by torch: it lets other threads run meanwhile


@dataclass(frozen=True, eq=False)
class _Batch:
    """Images ``(n, 3, S, S)`` that are being decoded, and the work that is left."""

    images: Tensor
    work: list[Future[None]]

    def finished(self) -> Tensor:
        for one in wait(self.work).done:
            one.result()
        return self.images


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


def free_memory() -> int:
    """Return how many bytes this process may still take, as far as the system tells; 0 if not."""
    left = [_available(), *_left_in_groups()]
    known = [size for size in left if size is not None]
    return max(0, min(known)) if known else 0


def _available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (ValueError, OSError, AttributeError):
        return None


def _left_in_groups() -> Iterator[int]:
    """Give what the limits of a container leave, where there are any."""
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        try:
            yield int(Path(limit).read_text()) - int(Path(used).read_text())
        except (OSError, ValueError):
            continue  # another version of control groups, or "max"
