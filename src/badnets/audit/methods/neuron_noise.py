"""Neuron noise and a feature mask: what is left of a backdoor when benign features are taken away.

References:
    Xu et al., "BAN: detecting backdoors activated by adversarial neuron noise", NeurIPS 2024: 9.99
    points above BTI-DBF on average. Theirs perturbs batch normalisation and thresholds one share;
    here the noise is on the units of any layer, and each class has its own null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from badnets.audit.base import AuditMethod
from badnets.audit.cells import gradients, margins, parts, some_of_each
from badnets.core.nulls import Table

IMAGES = 8  # of each class
MOST = 344  # of all classes, where there are many
LOUD, NOISE_STEPS = 0.3, 3  # the largest change of a unit, as a share of it; sign steps
MASK_STEPS, RATE, WEIGHT = 60, 0.1, 0.05


class NeuronNoise(AuditMethod):
    """For each class its mean margin where units are noisy and benign features are masked."""

    kind = "neuron-noise"
    needs = frozenset({"logits", "gradients", "units", "features"})
    images_per_class = IMAGES
    covers = "backdoors whose features are apart from the benign ones, whatever the trigger"
    tier = "thorough"

    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return one row; see `badnets.audit.base.AuditMethod.table`."""
        images, labels = (own.to(subject.device) for own in some_of_each(clean, IMAGES, MOST))
        head = subject.head
        weight = head.weight.detach().float()
        bias = None if head.bias is None else head.bias.detach().float()
        mask = self._benign(subject.features(images), labels, weight, bias)
        noisy = self._noisy(subject, images, labels)
        logits = functional.linear((1 - mask) * noisy, weight, bias)
        classes = torch.arange(subject.num_classes, device=logits.device)
        row = [margins(logits, one.expand(len(logits))).mean() for one in classes]
        return (tuple(round(float(value), 4) for value in row),)

    def _benign(
        self, features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        """Return a mask of the features that clean answers need and do not do without."""
        raw = torch.zeros(features.shape[1], device=features.device, requires_grad=True)
        steps = torch.optim.Adam([raw], lr=RATE)
        for _ in range(MASK_STEPS):
            mask = raw.sigmoid()
            kept = functional.cross_entropy(
                functional.linear(mask * features, weight, bias), labels
            )
            rest = functional.linear((1 - mask) * features, weight, bias)
            loss = kept - functional.cross_entropy(rest, labels) + WEIGHT * mask.mean()
            (raw.grad,) = gradients(loss, [raw])
            steps.step()
        return raw.detach().sigmoid()

    def _noisy(self, subject: Any, images: Tensor, labels: Tensor) -> Tensor:
        """Return features under the noise on units that hurts clean answers most."""
        layers = subject.layers[:-1]
        noise = {
            name: torch.zeros(subject.units(name), device=images.device, requires_grad=True)
            for name in layers
        }

        def change(name: str) -> Callable[[Tensor], Tensor]:
            def louder(output: Tensor) -> Tensor:
                axis = output.ndim - 1 if output.shape[1] != len(noise[name]) else 1
                shape = [1] * output.ndim
                shape[axis] = -1
                return output * (1 + noise[name].reshape(shape))

            return louder

        changes = {name: change(name) for name in layers}
        for _ in range(NOISE_STEPS):
            slopes = [torch.zeros_like(one) for one in noise.values()]
            for rows in parts(len(labels), 1, images.shape[1:]):
                with subject.changed(changes):
                    loss = functional.cross_entropy(subject.forward(images[rows]), labels[rows])
                loss = loss * (len(labels[rows]) / len(labels))
                more = torch.autograd.grad(loss, list(noise.values()), allow_unused=True)
                for slope, own in zip(slopes, more, strict=True):
                    slope += 0 if own is None else own
            with torch.no_grad():
                for one, slope in zip(noise.values(), slopes, strict=True):
                    one.add_(LOUD / NOISE_STEPS * slope.sign())
        with torch.no_grad(), subject.changed(changes):
            found: Tensor = subject.features(images)
        return found
