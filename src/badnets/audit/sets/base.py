"""The contract of methods that look for poisoned images among a network's features.

A method gives scores alone: what they mean, scores of held-out clean images say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from badnets.audit.whitening import Whitening
from badnets.core.registry import Registry
from badnets.core.seeds import generator

FOLDS = 5  # parts of the clean images: each is scored by what the others give
TYPICAL = 0.25  # quantile of a class's scores that is typical, with up to three quarters poisoned


class Points(NamedTuple):
    """Images as the last hidden layer of a network sees them.

    Attributes:
        features: ``(N, F)`` float32: what the head makes logits of; never logits.
        labels: ``(N,)`` int64 in 0..K-1, as the data says them.
        num_classes: K.
    """

    features: Tensor
    labels: Tensor
    num_classes: int

    def at(self, rows: Tensor) -> Points:
        """Return some of them; rows are ``(n,)`` int64, or ``(N,)`` bool."""
        return Points(self.features[rows], self.labels[rows], self.num_classes)

    @property
    def means(self) -> Tensor:
        """``(K, F)`` mean of each class; NaN for one without images."""
        sums = self.features.new_zeros(self.num_classes, self.features.shape[1])
        counts = self.labels.bincount(minlength=self.num_classes)
        return sums.index_add_(0, self.labels, self.features) / counts[:, None]


Scorer = Callable[[Points], Tensor]
"""Scores images: ``(N,)`` float32, higher is more suspicious; NaN where it cannot say."""


class DataMethod(ABC):
    """One way to tell poisoned images from others.

    Attributes:
        kind: its name in `DATA_METHODS`.
        version: raised when the same features would get other scores.
        needs_clean: whether it needs clean images.
        relative: whether a score counts in units of what is typical for its class: suspects in
            those of their own class's suspects, clean images in those of its clean ones. So a class
            whose clean images show less than the suspect ones, as of other tracks, is not flagged.
        finds: the least share of poisoned images that it flagged, over six kinds of poisoning on
            MNIST at a false-positive rate of 1 %; 0: it missed one kind.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    needs_clean: ClassVar[bool] = False
    relative: ClassVar[bool] = False
    finds: ClassVar[float] = 0.0

    @abstractmethod
    def scorer(self, suspects: Points, clean: Points) -> Scorer:
        """Return what scores images: suspects themselves, and clean ones that it has not seen.

        Args:
            suspects: the set that is audited.
            clean: images with right labels; none of them where it needs none.
        """

    def scores(
        self, suspects: Points, clean: Points | None, *, seed: int
    ) -> tuple[Tensor, Tensor | None]:
        """Return the suspects' scores, and those of clean images that were held out for each.

        Clean images are scored by what the other four fifths of them give: suspects, scored by all
        of them, come out a little lower, which errs towards fewer flags.

        Args:
            suspects: the set that is audited.
            clean: images with right labels; None: there are none.
            seed: which fifths.
        """
        none = suspects.at(torch.zeros(0, dtype=torch.int64))
        scorer = self.scorer(suspects, none if clean is None else clean)
        found = scorer(suspects)
        if clean is None:
            return found, None
        if not self.needs_clean:
            return found, scorer(clean)
        held = torch.full((len(clean.labels),), torch.nan)
        fold = torch.randperm(len(held), generator=generator(seed, "folds")) % FOLDS
        for number in range(FOLDS):
            own = fold == number
            if bool(own.any()) and not bool(own.all()):
                held[own] = self.scorer(suspects, clean.at(~own))(clean.at(own))
        return found, held


def in_typical_ones(scores: Tensor, labels: Tensor) -> Tensor:
    """Return ``(N,)`` scores in units of what is typical for their class."""
    typical = torch.full((int(labels.max()) + 1,), torch.nan)
    for label in torch.unique(labels).tolist():
        typical[label] = scores[labels == label].nanquantile(TYPICAL)
    return scores / typical.clamp(min=1e-9)[labels]


def principal(apart: Tensor, count: int) -> Tensor:
    """Return ``(F, count)``: the directions along which rows vary most, the last one the most."""
    squares = apart.double()  # of few images many directions are alike, which takes precision
    directions: Tensor = torch.linalg.eigh(squares.T @ squares).eigenvectors
    return directions[:, -count:].float()


def whitened(clean: Points) -> Scorer:
    """Return what gives ``(N, F)``: how far images lie from their class's clean mean."""
    own = Whitening.of(clean.features, clean.labels, clean.num_classes)
    return lambda points: own.apart(points.features, points.labels)


DATA_METHODS: Registry[DataMethod] = Registry(
    "method of data audits",
    {
        "mahalanobis": "badnets.audit.sets.methods.mahalanobis:Mahalanobis",
        "two-groups": "badnets.audit.sets.methods.two_groups:TwoGroups",
        "nearest-clean": "badnets.audit.sets.methods.nearest:NearestClean",
        "spectral-signatures": "badnets.audit.sets.methods.spectral:SpectralSignatures",
        "activation-clustering": "badnets.audit.sets.methods.clustering:ActivationClustering",
    },
)
"""A new method: a file here, and one line ``"kind": "module:Class"``."""
