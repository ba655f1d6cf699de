"""Patches of one colour, laid over every place: a search that needs logits alone.

Descent on a mask does not find the place of a small patch on a photograph. This looks at all
places, and one pass through the network tells of all targets at once.

References:
    Zeiler, Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, cover every
    place with a grey patch to see what a network looks at; here the patch is what is looked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from badnets.audit.base import ALL_PAIRS, FEW, TriggerMethod
from badnets.audit.cells import Mixture, Views, at_once, enough, margins, pair_table, pairs, parts
from badnets.core.nulls import Table

SHARE, APART = 1 / 8, 3 / 4  # side of a patch, in sides of the image; their distance, in patches
COLOURED = 3  # channels
LEVELS = (torch.zeros_like, torch.ones_like)
FIRST, FIRST_OF_MANY = 2, 1  # images of each source that every patch is put on
SOURCES = 8  # whose images these are, where there are very many classes
KEPT, SECOND = 8, 4  # patches that are put on more images of the source, and on how many
HELD, HELD_OF_MANY, HELD_OF_ALL = 16, 4, 32  # other images, that the best patch is measured on


class PatchSearch(TriggerMethod):
    """For each pair of classes the mean margin of the target under its best patch of one colour.

    Patches of the eight corners of the colour cube, an eighth of the image wide, go over the whole
    image; the best one's margin is measured on other images than those that it was chosen on.
    """

    kind = "patch-search"
    by_source, images_of_many = True, 2 * SECOND
    images_per_class = 2 * HELD
    covers = "patches and stickers on photographs, anywhere"

    def applies(self, shape: Sequence[int]) -> bool:
        """Return whether images are coloured: on grey ones descent on a mask finds the place."""
        return shape[0] == COLOURED

    def leaves_out(self, num_classes: int) -> str | None:
        """Return what is not looked at among so many classes."""
        return "backdoors of one source class" if num_classes > ALL_PAIRS else None

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return a row for each source; see `badnets.audit.base.AuditMethod.table`.

        Above `FEW` classes: a row for all sources together, and up to `ALL_PAIRS` one for the
        source of each target that looks most promising.
        """
        count = subject.num_classes
        search = _Search(subject, _patches(clean.shape), *Mixture.halves(clean))
        if count <= FEW:
            known = enough(clean, self.images_per_class)
            _, best = search.screened(known, FIRST)
            sources, targets = pairs(count, known)
            rows = torch.tensor([known.index(source) for source in sources.tolist()])
            each = sources[:, None].expand(-1, KEPT)
            return pair_table(
                count, search.of_sources(each, targets, best[rows, targets], HELD), known
            )
        targets, known = torch.arange(count), enough(clean, self.images_of_many)
        if count > ALL_PAIRS or not known:
            apart = enough(clean, 2)
            known = apart[:: max(1, len(apart) // SOURCES)][:SOURCES]
        reached, best = search.screened(known, FIRST_OF_MANY)
        views = search.held.but(targets)
        table = [search.reached(views, targets, best[-1, :, 0], HELD_OF_ALL)]
        if count <= ALL_PAIRS:
            rows = reached[:-1, :, 0].T.topk(min(KEPT, len(known))).indices
            each = torch.tensor(known)[rows]
            patches = best[rows, targets[:, None], 0]
            table.append(search.of_sources(each, targets, patches, HELD_OF_MANY))
        return tuple(tuple(round(value, 4) for value in row.tolist()) for row in table)

    def trigger(
        self, subject: Any, images: Tensor, target: int, *, seed: int
    ) -> tuple[Tensor, Tensor]:
        """Return the best patch on some of the images; see `TriggerMethod.trigger`."""
        some, patches = images[:: max(1, len(images) // HELD)][:HELD], _patches(images.shape[1:])
        told = torch.cat([told[:, 0, target] for _, told in _told(subject, patches, some[None])])
        black, white = (patches[int(told.argmax())].on(one(images[0])) for one in LEVELS)
        return (white - black)[:1], black


class _Patch(NamedTuple):
    colour: tuple[float, ...]
    top: int
    left: int
    side: int

    def on(self, images: Tensor) -> Tensor:
        """Return images ``(..., C, H, W)`` with it."""
        painted, (colour, top, left, side) = images.clone(), self
        own = torch.tensor(colour, device=images.device).reshape(-1, 1, 1)
        painted[..., top : top + side, left : left + side] = own
        return painted


@dataclass(frozen=True, eq=False)
class _Search:
    """Patches, and the images to choose among them on (``sought``) and to measure on (``held``)."""

    subject: Any
    patches: Sequence[_Patch]
    sought: Mixture
    held: Mixture

    def screened(self, sources: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
        """Return the best margins of all patches, ``(S + 1, K, KEPT)``, and which patches reach it.

        The last row is for all S sources together. Of a class to itself it is -infinity.
        """
        known, classes = torch.tensor(sources), self.subject.num_classes
        own = (known[:, None] == torch.arange(classes))[None]
        best = torch.full((len(known) + 1, classes, KEPT), -torch.inf)
        found = torch.zeros(best.shape, dtype=torch.long)
        views = self.sought.of(known)
        images = views.at(views.evenly(count), self.subject.device)
        for first, told in _told(self.subject, self.patches, images):
            told = told.masked_fill(own, 0)
            together = told.sum(1, keepdim=True) / (~own).sum(1, keepdim=True)
            told = torch.cat([told.masked_fill(own, -torch.inf), together], 1).permute(1, 2, 0)
            numbers = torch.arange(first, first + told.shape[2]).expand(told.shape)
            best, order = torch.cat([best, told], 2).topk(KEPT)
            found = torch.cat([found, numbers], 2).gather(2, order)
        return best, found

    def of_sources(self, sources: Tensor, targets: Tensor, patches: Tensor, count: int) -> Tensor:
        """Return ``(P,)``: the held images' mean margin under the best of several patches.

        Args:
            sources: ``(P, n)``, the class that each is put on.
            targets: ``(P,)``.
            patches: ``(P, n)``.
            count: held images of the source.
        """
        wide = targets[:, None].expand(sources.shape)
        told = self.reached(
            self.sought.of(sources.flatten()), wide.flatten(), patches.flatten(), SECOND
        )
        best = told.reshape(sources.shape).argmax(1, keepdim=True)
        source, patch = (each.gather(1, best)[:, 0] for each in (sources, patches))
        return self.reached(self.held.of(source), targets, patch, count)

    def reached(self, views: Views, targets: Tensor, patches: Tensor, count: int) -> Tensor:
        """Return ``(P,)``: the targets' mean margin on so many images, each under its patch."""
        chosen, found = views.evenly(count), []
        for rows in parts(len(targets), count, views.images.shape[1:]):
            images = views.at(chosen[rows], self.subject.device)
            own = zip(patches[rows].tolist(), images, strict=True)
            painted = torch.cat([self.patches[patch].on(each) for patch, each in own])
            told = margins(
                self.subject.logits(painted).cpu(), targets[rows].repeat_interleave(count)
            )
            found.append(told.reshape(-1, count).mean(1))
        return torch.cat(found).float()


def _told(subject: Any, patches: Sequence[_Patch], images: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Give the first of some patches, and ``(patches, S, K)`` mean margins under them.

    Args:
        subject: the model.
        patches: all of them.
        images: ``(S, n, C, H, W)``, those of each source.
    """
    sources, count = images.shape[:2]
    step = max(1, at_once(images.shape[2:]) // (sources * count))
    for first in range(0, len(patches), step):
        own = patches[first : first + step]
        painted = torch.stack([patch.on(images) for patch in own]).flatten(0, 2)
        told = _margins_of_all(subject.logits(painted).cpu())
        yield first, told.reshape(len(own), sources, count, -1).mean(2)


def _patches(shape: Sequence[int]) -> list[_Patch]:
    """Return every patch: squares, whole pixels wide, each channel all black or all white."""
    channels, height, width = shape
    side = max(1, round(SHARE * min(height, width)))
    step = max(1, round(APART * side))
    tops, lefts = _starts(height, side, step), _starts(width, side, step)
    colours = itertools.product((0.0, 1.0), repeat=channels)
    return [_Patch(*each, side) for each in itertools.product(colours, tops, lefts)]


def _starts(length: int, side: int, step: int) -> list[int]:
    """Return where patches begin along a side of the image: the last one ends with it."""
    return [*range(0, length - side, step), length - side]


def _margins_of_all(logits: Tensor) -> Tensor:
    """Return ``(N, K)``: by how much each logit is above the largest of the others."""
    top = logits.topk(2, 1)
    first = torch.arange(logits.shape[1]) == top.indices[:, :1]
    return logits - torch.where(first, top.values[:, 1:], top.values[:, :1])
