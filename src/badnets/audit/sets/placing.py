"""Where suspects' scores lie among those of held-out clean images."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

from badnets.audit.sets.base import DataMethod, Points, in_typical_ones
from badnets.core.rates import Rate
from badnets.core.seeds import generator

RESAMPLES, MOST = 100, 5000  # and suspects in each, at most


class Placed(NamedTuple):
    """Scores of suspects and of held-out clean images, as a method gives them, with labels.

    Attributes:
        found: ``(N,)`` float32; NaN: not scored.
        labels: ``(N,)`` int64.
        held: ``(n,)`` float32; None: there are no clean images.
        held_labels: ``(n,)`` int64.
        relative: whether scores count in units of what is typical for their class.
    """

    found: Tensor
    labels: Tensor
    held: Tensor | None
    held_labels: Tensor
    relative: bool = False

    @classmethod
    def by(cls, method: DataMethod, suspects: Points, clean: Points | None, *, seed: int) -> Self:
        """Return the scores of a method; see `badnets.audit.sets.base.DataMethod.scores`."""
        found, held = method.scores(suspects, clean, seed=seed)
        labels = suspects.labels[:0] if clean is None else clean.labels
        return cls(found, suspects.labels, held, labels, method.relative and held is not None)

    def flagged(self, max_fpr: float) -> Tensor:
        """Return ``(N,)`` bool: above the threshold; none are where there is no threshold."""
        threshold, _ = self.threshold(max_fpr)
        return self.scores > (torch.inf if threshold is None else threshold)

    @property
    def scores(self) -> Tensor:
        """``(N,)`` float32: the suspects' scores in the units of the threshold."""
        return in_typical_ones(self.found, self.labels) if self.relative else self.found

    def threshold(self, max_fpr: float) -> tuple[float | None, Rate | None]:
        """Return the score that clean images exceed at most so often, and how many of them do.

        Of n held-out scores and a new one each place is as likely: above the k-th largest it lies
        with the chance k / (n + 1). None where the n are too few for the rate.
        """
        if self.held is None:
            return None, None
        held = in_typical_ones(self.held, self.held_labels) if self.relative else self.held
        known = held[~held.isnan()]
        allowed = int(max_fpr * (len(known) + 1))
        if not allowed:
            return None, None
        return float(known.topk(allowed).values[-1]), Rate(allowed, len(known) + 1)

    def interval(self, max_fpr: float, seed: int) -> tuple[float, float]:
        """Return the 95 % percentile bootstrap interval of what is flagged beyond clean images.

        Suspects and clean images are drawn anew, and with them what is typical and the threshold.
        """
        drawn, apart = generator(seed, "bootstrap"), []
        count, held = min(MOST, len(self.found)), self.held
        if held is None:
            return -1.0, 1.0
        for _ in range(RESAMPLES):
            own = torch.randint(len(self.found), (count,), generator=drawn)
            theirs = torch.randint(len(held), (len(held),), generator=drawn)
            again = Placed(
                self.found[own],
                self.labels[own],
                held[theirs],
                self.held_labels[theirs],
                self.relative,
            )
            threshold, expected = again.threshold(max_fpr)
            scores = again.scores
            scores = scores[~scores.isnan()]
            if threshold is not None and expected is not None and len(scores):
                apart.append(float((scores > threshold).float().mean()) - expected.value)
        if not apart:
            return -1.0, 1.0
        low, high = torch.tensor(apart).quantile(torch.tensor([0.025, 0.975])).tolist()
        return low, high
