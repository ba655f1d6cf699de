"""What audit methods share: margins, pairs of classes, and clean images by class."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from badnets.audit.base import FEW
from badnets.models.network_subject import margins as margins

if TYPE_CHECKING:
    from badnets.core.nulls import Table
    from badnets.data.dataset import ImageSet

AT_ONCE = 512  # images that go through the network together: what fits a processor's cache
LARGE = 3 * 48 * 48  # numbers of an image; of larger ones fewer go through together
MIXED = 512  # images of all classes that are held, at most


def forward(subject: Any, images: Tensor) -> Tensor:
    """Return logits, laid out place by place: convolutions on a CPU are up to 1.5 times faster."""
    logits: Tensor = subject.forward(images.contiguous(memory_format=torch.channels_last))
    return logits


def pairs(num_classes: int, known: Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
    """Return sources and targets of all ``K (K - 1)`` pairs of two classes, source by source.

    Args:
        num_classes: K.
        known: the classes that are sources; None: all.
    """
    firsts = torch.tensor(range(num_classes) if known is None else known, dtype=torch.long)
    all_pairs = torch.cartesian_prod(firsts, torch.arange(num_classes))
    sources, targets = all_pairs[all_pairs[:, 0] != all_pairs[:, 1]].unbind(1)
    return sources, targets


def pair_table(num_classes: int, values: Tensor, known: Sequence[int] | None = None) -> Table:
    """Return one number for each of `pairs` as a table; a class is no source of its own."""
    rows: list[list[float | None]] = [[None] * num_classes for _ in range(num_classes)]
    sources, targets = pairs(num_classes, known)
    told = zip(sources.tolist(), targets.tolist(), values.tolist(), strict=True)
    for source, target, value in told:
        rows[source][target] = round(value, 4)
    return tuple(map(tuple, rows))


def enough(clean: ImageSet, count: int) -> list[int]:
    """Return the classes that have so many images or more."""
    return [label for label, own in enumerate(clean.counts) if own >= count]


def by_class(clean: ImageSet, count: int, skip: int = 0) -> Tensor:
    """Return ``(K, count, C, H, W)`` float32 in [0, 1]: images of each class, after some others.

    Those of a class that has fewer are black.
    """
    rows = [
        (clean.labels == label).nonzero()[skip : skip + count, 0]
        for label in range(clean.num_classes)
    ]
    known = [label for label, own in enumerate(rows) if len(own) == count]
    images = torch.zeros(clean.num_classes, count, *clean.shape)
    if known:
        found = as_float(clean.images_at(torch.cat([rows[label] for label in known])))
        images[known] = found.reshape(-1, count, *clean.shape).cpu()
    return images


def some_of_each(clean: ImageSet, count: int, most: int) -> tuple[Tensor, Tensor]:
    """Return images, ``(n, C, H, W)`` float32 in [0, 1], and their labels: ``count`` of each class.

    Above `FEW` classes at most so many in all, what there is of each.
    """
    if clean.num_classes > FEW:
        rows = spread(clean.labels, min(most, count * clean.num_classes))
        return as_float(clean.images_at(rows)), clean.labels[rows]
    labels = torch.arange(clean.num_classes).repeat_interleave(count)
    return by_class(clean, count).flatten(0, 1), labels


def as_float(images: Tensor) -> Tensor:
    """Return stored images as float32 in [0, 1]."""
    return images.float().div_(255) if images.dtype == torch.uint8 else images.float()


def turns(labels: Tensor) -> Tensor:
    """Return ``(N,)``: of how many images of its class each comes after, in their order."""
    order = labels.argsort(stable=True)
    counts = labels.bincount()
    firsts = (counts.cumsum(0) - counts)[labels[order]]
    found = torch.empty_like(order)
    found[order] = torch.arange(len(labels), device=labels.device) - firsts
    return found


def spread(labels: Tensor, most: int) -> Tensor:
    """Return the rows of at most so many images: the first of each class, then the second."""
    return turns(labels).argsort(stable=True)[:most]


@dataclass(frozen=True, eq=False)
class Views:
    """For each of P triggers the images that it is put on: a run of them, or all but a run.

    Attributes:
        images: ``(N, C, H, W)``, float in [0, 1] or as they are stored.
        sizes: ``(P,)``, how many images each has.
        cuts: ``(P,)``, from which on ``jumps`` rows are passed over.
        jumps: ``(P,)``.
    """

    images: Tensor
    sizes: Tensor
    cuts: Tensor
    jumps: Tensor

    @classmethod
    def of_each(cls, images: Tensor, sources: Tensor) -> Views:
        """Return those of each trigger's source; of images ``(K, n, C, H, W)``."""
        sizes = torch.full_like(sources, images.shape[1])
        return cls(images.flatten(0, 1), sizes, torch.zeros_like(sources), sources * sizes)

    def part(self, block: slice) -> Views:
        """Return those of some triggers."""
        return Views(self.images, self.sizes[block], self.cuts[block], self.jumps[block])

    def drawn(self, images: int, drawn: torch.Generator) -> Tensor:
        """Return ``(P, images)`` rows at random."""
        places = torch.randint(int(self.sizes.max()), (len(self.sizes), images), generator=drawn)
        return self._rows(places % self.sizes[:, None])

    def evenly(self, images: int) -> Tensor:
        """Return ``(P, images)`` rows that lie apart alike; some twice where there are too few."""
        return self._rows(torch.arange(images) * self.sizes[:, None] // images)

    def at(self, rows: Tensor, device: torch.device) -> Tensor:
        """Return the images at ``rows`` as float32 in [0, 1], on a device."""
        found = self.images[rows.flatten().to(self.images.device)].to(device)
        return as_float(found).reshape(*rows.shape, *self.images.shape[1:])

    def _rows(self, places: Tensor) -> Tensor:
        return places + self.jumps[:, None] * (places >= self.cuts[:, None])


class Mixture(NamedTuple):
    """Images of all classes, class by class.

    Attributes:
        images: ``(n, C, H, W)``, as they are stored.
        counts: ``(K,)``, how many of each class there are.
    """

    images: Tensor
    counts: Tensor

    @classmethod
    def halves(cls, clean: ImageSet) -> tuple[Mixture, Mixture]:
        """Return every other image, class by class, and those in between."""
        rows = spread(clean.labels, 2 * MIXED)
        rows = rows[clean.labels[rows].argsort(stable=True)]
        return cls._of(clean, rows[0::2]), cls._of(clean, rows[1::2])

    @classmethod
    def _of(cls, clean: ImageSet, rows: Tensor) -> Mixture:
        counts = clean.labels[rows].bincount(minlength=clean.num_classes)
        return cls(clean.images_at(rows), counts.cpu())

    def of(self, sources: Tensor) -> Views:
        """Return for each trigger the images of its source."""
        firsts = self.counts.cumsum(0) - self.counts
        return Views(self.images, self.counts[sources], torch.zeros_like(sources), firsts[sources])

    def but(self, targets: Tensor) -> Views:
        """Return for each trigger the images of all classes but its target."""
        firsts, own = self.counts.cumsum(0) - self.counts, self.counts[targets]
        return Views(self.images, len(self.images) - own, firsts[targets], own)


def gradients(value: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Return what backward would add to the parameters; those of the network gather nothing."""
    return list(torch.autograd.grad(value, list(parameters)))


def at_once(shape: Sequence[int]) -> int:
    """Return how many images of a shape go through the network together."""
    return max(1, AT_ONCE * LARGE // max(LARGE, math.prod(shape)))


def parts(count: int, images_each: int, shape: Sequence[int]) -> list[slice]:
    """Return slices of ``count`` items, each of which has at most `at_once` images of a shape."""
    step = max(1, at_once(shape) // images_each)
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def falling(first: float, last: float, steps: int) -> Callable[[int], float]:
    """Return a step's learning rate, from ``first`` to ``last`` in equal ratios."""
    return lambda step: first * (last / first) ** (step / max(1, steps - 1))
