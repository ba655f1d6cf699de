"""The audit of a model by its number of classes: seconds of all of it, and under a budget."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from badnets.audit import audit
from badnets.audit.base import MOST, MOST_PER_CLASS
from badnets.data import ImageSet
from badnets.models.classifier import Classifier, untrained
from bench.results import Result, Wanted
from bench.scales import Scale
from bench.settings import NETWORK

SHAPE, NOISE = (1, 28, 28), 0.15
BUDGET_S, OVER = 30.0, 1.1  # a budget, and how much of it an audit may take


def run(scale: Scale) -> Iterator[Result]:
    """Give the seconds of the audit of random weights, for each number of classes."""
    for count in scale.class_counts:
        clean = images(count)
        subject = nearest_mean(clean)
        right = float((subject.predict(clean.images) == clean.labels).float().mean())
        for budget in (None, BUDGET_S):
            start = time.perf_counter()
            verdict = audit(subject, clean, budget=budget).verdict
            spent = time.perf_counter() - start
            parts = ", ".join(f"{one.method} {one.seconds:.1f}" for one in verdict.scores)
            yield Result(
                f"whole audit, {count:,} classes" + (f", at most {budget:g} s" if budget else ""),
                (spent,),
                "s",
                wanted=Wanted("<=", OVER * budget) if budget else None,
                note=f"{NETWORK}, {len(clean):,} images, {100 * right:.0f} % of them named right: "
                f"{parts}",
            )


def images(count: int) -> ImageSet:
    """Return images of each class: a drawn one, and noise."""
    drawn = torch.Generator().manual_seed(0)
    labels = torch.arange(count).repeat(max(1, min(MOST_PER_CLASS, MOST // count)))
    own = torch.rand((count, *SHAPE), generator=drawn)[labels]
    noisy = own + NOISE * torch.randn(own.shape, generator=drawn)
    names = tuple(f"class {k}" for k in range(count))
    return ImageSet((255 * noisy.clamp(0, 1)).to(torch.uint8), labels, names)


def nearest_mean(clean: ImageSet) -> Classifier:
    """Return a network with random weights whose last layer knows each class's mean features."""
    subject = untrained(NETWORK, SHAPE, clean.classes, seed=0)
    features = torch.cat([subject.features(part).cpu() for part in torch.split(clean.images, 500)])
    means = torch.stack([features[clean.labels == k].mean(0) for k in range(clean.num_classes)])
    means -= features.mean(0)
    with torch.no_grad():
        head = subject.head
        scale = 10 / means.square().sum(1).mean()
        head.weight.copy_(scale * means)
        head.bias.copy_(-scale * (means.square().sum(1) / 2 + means @ features.mean(0)))
    return subject
