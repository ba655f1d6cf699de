"""Pruning of units that a small push makes harmful.

References:
    Wu, Wang, "Adversarial neuron pruning purifies backdoored deep models", NeurIPS 2021 (ANP).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from badnets.core.settings import settings
from badnets.repair.base import Parts, Repair, Repaired

if TYPE_CHECKING:
    from badnets.core.progress import Listener

BATCH = 128  # images of a step


@settings
class NeuronPruning(Repair):
    """ANP: masks of units that hold up against an adversary who pushes all units are learnt.

    The mask m in [0, 1] of a unit multiplies its weights, the adversary's d does too: a unit puts
    out (m + d) w x + (1 + e) b with d and e in [-push, push]. Masks below ``threshold`` are pruned.

    Args:
        steps: of the masks, ``>= 1``.
        push: of weights and biases, ``> 0``.
        trade: share of the clean loss without the adversary, in [0, 1].
        lr: of the masks' SGD with momentum 0.9, ``> 0``.
        threshold: in (0, 1); the largest that keeps ``allowed`` is sought below it.
        allowed: by how much accuracy on the held clean images may fall, in [0, 1].
    """

    kind: Literal["neuron-pruning"] = "neuron-pruning"
    needs = frozenset({"logits", "gradients", "units"})
    steps: int = Field(default=500, ge=1)
    push: float = Field(default=0.4, gt=0)
    trade: float = Field(default=0.2, ge=0, le=1)
    lr: float = Field(default=0.2, gt=0)
    threshold: float = Field(default=0.9, gt=0, lt=1)
    allowed: float = Field(default=0.02, ge=0, le=1)

    def repaired(
        self, subject: Any, clean: Parts, *, seed: int, progress: Listener | None = None
    ) -> Repaired:
        """Return a pruned copy; see `Repair.repaired`."""
        import torch
        from torch import Tensor
        from torch.nn import functional

        from badnets.audit.cells import as_float
        from badnets.core.progress import Progress
        from badnets.core.seeds import generator
        from badnets.evaluate.classification import measure_clean
        from badnets.models.network_subject import evaluating
        from badnets.repair.pruning import most_that_hold, prune

        modules: dict[str, Any] = dict(subject.network.named_modules())
        layers = {name: modules[name] for name in subject.layers[:-1]}
        weights = {name: layer.weight.detach() for name, layer in layers.items()}
        biases = {
            name: layer.bias.detach() for name, layer in layers.items() if layer.bias is not None
        }
        drawn = generator(seed, "neuron pruning")
        sizes = {name: (len(weight), *[1] * (weight.ndim - 1)) for name, weight in weights.items()}
        device = subject.device
        masks = {
            name: torch.ones(size, device=device, requires_grad=True)
            for name, size in sizes.items()
        }
        optimizer = torch.optim.SGD(list(masks.values()), lr=self.lr, momentum=0.9)

        def loss(images: Tensor, labels: Tensor, pushes: dict[str, Tensor] | None) -> Tensor:
            own: dict[str, Tensor] = {}
            for name, weight in weights.items():
                more = 0.0 if pushes is None else pushes[f"{name}.weight"]
                own[f"{name}.weight"] = (masks[name] + more) * weight
                if name in biases:
                    many = 1.0 if pushes is None else 1.0 + pushes[f"{name}.bias"]
                    own[f"{name}.bias"] = many * biases[name]
            given = (subject.normalise(images),)
            with evaluating(subject.network):
                logits = torch.func.functional_call(subject.network, own, given)
            return functional.cross_entropy(logits, labels)

        for step in range(self.steps):
            rows = torch.randint(len(clean.used), (min(BATCH, len(clean.used)),), generator=drawn)
            images = as_float(clean.used.images_at(rows)).to(device)
            labels = clean.used.labels[rows.to(clean.used.labels.device)].to(device)
            pushes = {}
            for name, size in sizes.items():
                for part, shape in (("weight", size), ("bias", (size[0],))):
                    begun = self.push * (2 * torch.rand(shape, generator=drawn) - 1)
                    pushes[f"{name}.{part}"] = begun.to(device).requires_grad_()
            slopes = torch.autograd.grad(
                loss(images, labels, pushes), list(pushes.values()), allow_unused=True
            )
            pushes = {
                name: (push + (0 if slope is None else self.push * slope.sign()))
                .clamp(-self.push, self.push).detach()
                for (name, push), slope in zip(pushes.items(), slopes, strict=True)
            }  # fmt: skip
            whole = self.trade * loss(images, labels, None)
            whole = whole + (1 - self.trade) * loss(images, labels, pushes)
            found = torch.autograd.grad(whole, list(masks.values()))
            for mask, slope in zip(masks.values(), found, strict=True):
                mask.grad = slope
            optimizer.step()
            with torch.no_grad():
                for mask in masks.values():
                    mask.clamp_(0, 1)
            if progress is not None and step % 20 == 0:
                progress(Progress(step, self.steps, "pruning"))
        flat = {name: mask.detach().flatten().cpu() for name, mask in masks.items()}
        least = measure_clean(subject, clean.held).accuracy.value - self.allowed
        levels = sorted(
            {float(one) for mask in flat.values() for one in mask if one < self.threshold}
        )

        def pruned(count: int) -> Any:
            result = subject.copy()
            for name, mask in flat.items() if count else ():
                result = prune(result, name, (mask <= levels[count - 1]).nonzero()[:, 0].tolist())
            return result

        def holds(count: int) -> bool:
            return measure_clean(pruned(count), clean.held).accuracy.value >= least

        return Repaired(pruned(most_that_hold(len(levels), holds)))
