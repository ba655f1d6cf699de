"""Where images lie in the space that a network's head reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from badnets.core.results import Result

if TYPE_CHECKING:
    from torch import Tensor

    from badnets.models.classifier import Classifier

Points = tuple[tuple[float, float], ...]


class FeatureMap(Result):
    """Images of one class, as the network says: its own, and those that a trigger brings there.

    Attributes:
        silhouette: how far the two lie apart, in [-1, 1]: about 0 for one cloud, near 1 for two
            (Rousseeuw's, over all features).
        shown: share of their variance that the plane of the points has.
        own: ``(n, 2)`` points of the class's own images in the plane of the largest variance.
        triggered: of images of other classes with the trigger.
        before: of these without it.
    """

    silhouette: float
    shown: float
    own: Points = Field(exclude=True)
    triggered: Points = Field(exclude=True)
    before: Points = Field(exclude=True)


def feature_map(
    subject: Classifier, own: Tensor, triggered: Tensor, before: Tensor
) -> FeatureMap | None:
    """Return where images lie among the features that the head makes logits of.

    None where the network has no such features, or there are fewer than two images of a kind.

    Args:
        subject: the network.
        own: ``(n, C, H, W)`` images of the class.
        triggered: ``(m, C, H, W)`` images of other classes that the trigger turns into it.
        before: the same without the trigger.

    References:
        Chen et al., "Detecting backdoor attacks on deep neural networks by activation clustering",
        arXiv:1811.03728: a backdoored class has two clouds.
    """
    import torch
    from sklearn.metrics import silhouette_score

    if "features" in subject.lacks or min(len(own), len(triggered)) < 2:
        return None
    parts = [subject.features(one).cpu().flatten(1) for one in (own, triggered, before)]
    both = torch.cat(parts[:2])
    middle = both.mean(0)
    _, spread, directions = torch.linalg.svd(both - middle, full_matrices=False)
    if not float(spread.sum()) > 0 or len(spread) < 2:
        return None
    kinds = [0] * len(parts[0]) + [1] * len(parts[1])
    points = [((one - middle) @ directions[:2].T).tolist() for one in parts]
    energy = spread.square()
    return FeatureMap(
        silhouette=float(silhouette_score(both.numpy(), kinds)),
        shown=float(energy[:2].sum() / energy.sum()),
        own=points[0],
        triggered=points[1],
        before=points[2],
    )
