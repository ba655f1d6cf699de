"""Activation clustering: a class that falls into two clouds, of which the smaller is suspected."""

from __future__ import annotations

import torch
from torch import Tensor

from badnets.audit.sets.base import DataMethod, Points, Scorer, principal

DIRECTIONS = 10  # principal ones of a class that images are clustered along
STEPS = 50


class ActivationClustering(DataMethod):
    """How much nearer images lie to the smaller cloud of their class, times how far both are apart.

    References:
        Chen et al., "Detecting backdoor attacks on deep neural networks by activation clustering",
        arXiv:1811.03728. Principal directions take the place of independent components, and what
        the clouds' distance is to their own spread that of the silhouette, which compares all pairs
        of images.
    """

    kind = "activation-clustering"

    def scorer(self, suspects: Points, clean: Points) -> Scorer:
        clouds: dict[int, tuple[Tensor, Tensor, Tensor, float]] = {}
        for label in torch.unique(suspects.labels).tolist():
            own = suspects.features[suspects.labels == label]
            if len(own) > DIRECTIONS:
                clouds[label] = _clouds(own)

        def scores(points: Points) -> Tensor:
            found = torch.full((len(points.labels),), torch.nan)
            for label, (middle, directions, (larger, smaller), apart) in clouds.items():
                rows = (points.labels == label).nonzero()[:, 0]
                along = (points.features[rows] - middle) @ directions
                far, near = ((along - one).norm(dim=1) for one in (larger, smaller))
                found[rows] = (far - near) * apart
            return found

        return scores


def _clouds(own: Tensor) -> tuple[Tensor, Tensor, Tensor, float]:
    """Return a class's mean, directions, centres of the larger and the smaller cloud, and a weight.

    The weight is the distance of the clouds in their own spread, in units of that distance.
    """
    middle = own.mean(0)
    apart = own - middle
    directions = principal(apart, DIRECTIONS)
    along = apart @ directions
    first = along[:, -1]
    is_second = first > first.median() + first.std()  # poison is the smaller part
    for _ in range(STEPS):
        if not 0 < int(is_second.sum()) < len(own):
            is_second = torch.arange(len(own)) == int(first.argmax())
        centres = torch.stack([along[~is_second].mean(0), along[is_second].mean(0)])
        nearest = torch.cdist(along, centres).argmin(1).bool()
        if torch.equal(nearest, is_second):
            break
        is_second = nearest
    if 2 * int(is_second.sum()) > len(own):
        centres, is_second = centres.flip(0), ~is_second
    spread = float((along - centres[is_second.long()]).norm(dim=1).mean())
    distance = float((centres[0] - centres[1]).norm())
    return middle, directions, centres, 1 / max(spread, 1e-9) if distance else 0.0
