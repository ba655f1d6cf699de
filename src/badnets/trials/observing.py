"""What a trial records beyond rates: pictures with answers, filters, units, ablation."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.seeds import generator
from badnets.data import ImageSet
from badnets.explain import silence, unit_responses
from badnets.models.subject import Subject
from badnets.trials.record import Ablation, ArrayRef, Attributed, DataSeen, LayerUnits, Variation
from badnets.trials.workspace import Workspace

PROBES = 1000  # training images that units are ranked by
COUNTS = (1, 2, 4, 8, 16, 32, 64)  # how many of the strongest units are silenced


class Seen(NamedTuple):
    """What was observed."""

    arrays: dict[str, ArrayRef]
    units: tuple[LayerUnits, ...] = ()
    ablations: tuple[Ablation, ...] = ()
    variations: tuple[Variation, ...] = ()
    attributed: tuple[Attributed, ...] = ()
    data: DataSeen | None = None

    def plus(self, other: Seen) -> Seen:
        """Return both together."""
        return Seen(
            self.arrays | other.arrays,
            self.units + other.units,
            self.ablations + other.ablations,
            self.variations + other.variations,
            self.attributed + other.attributed,
            other.data or self.data,
        )


def observe_examples(
    subject: Subject,
    control: Subject | None,
    validation: ImageSet,
    backdoor: Backdoor | None,
    workspace: Workspace,
    seed: int,
) -> Seen:
    """Keep the first validation image of each class, clean and triggered, with both answers.

    Arrays: ``examples`` ``(n, 2, C, H, W)`` uint8, clean then triggered (clean twice without a
    backdoor); ``examples_labels`` ``(n,)``; ``examples_answers`` ``(n, 2, K)`` probabilities of
    the network, ``examples_control`` of the clean one beside it.
    """
    first = [int((validation.labels == k).nonzero()[0]) for k in _present(validation.labels)]
    images = validation.take(first).images
    triggered = images
    if backdoor is not None:
        triggered = backdoor.trigger(images, generator=generator(seed, "trigger places"))
    pairs = torch.stack([images, triggered], 1)
    arrays = {
        "examples": pairs,
        "examples_labels": validation.labels[first],
        "examples_answers": answers_to_pairs(subject, pairs),
    }
    if control is not None:
        arrays["examples_control"] = answers_to_pairs(control, pairs)
    return Seen({name: workspace.put_array(array.numpy()) for name, array in arrays.items()})


def observe_units(
    subject: Subject,
    train: ImageSet,
    validation: ImageSet,
    backdoor: Backdoor | None,
    workspace: Workspace,
    seed: int,
) -> Seen:
    """Keep the first layer's filters and, with a backdoor, each layer's answer to the trigger.

    Units are ranked on training images; ablation is measured on validation images. Arrays:
    ``filters`` float32, the first layer's weights.
    """
    weights = dict(subject.network.named_modules())[subject.layers[0]].weight
    arrays = {"filters": workspace.put_array(weights.detach().cpu().float().numpy())}
    if backdoor is None:
        return Seen(arrays)
    probes = train.sample(min(PROBES, len(train)), seed=seed)
    eligible = backdoor.targets.attackable(probes.labels)
    if not bool(eligible.any()):
        return Seen(arrays)  # a class so rare that none of its images was drawn
    images = probes.images[eligible]
    triggered = backdoor.trigger(images, generator=generator(seed, "probe places"))
    layers = subject.layers
    responses = unit_responses(subject, images, triggered, layers)
    units = tuple(
        LayerUnits(
            layer=seen.layer,
            clean=tuple(seen.clean.tolist()),
            triggered=tuple(seen.triggered.tolist()),
            response=tuple(seen.response.tolist()),
            marked=seen.marked,
        )
        for seen in responses
    )
    ablations = []
    for seen in responses[:-1]:  # silencing logits would only say that classes are gone
        ranked = seen.ranked
        rest = generator(seed, f"ablation {seen.layer}")
        for count in sorted({*COUNTS, len(seen.marked)} - {0}):
            if count > len(ranked) // 2:
                continue
            others = torch.tensor(ranked[count:])
            drawn = others[torch.randperm(len(others), generator=rest)[:count]].tolist()
            picks: dict[Literal["strongest", "random"], tuple[int, ...]] = {
                "strongest": ranked[:count],
                "random": tuple(drawn),
            }
            for choice, chosen in picks.items():
                out = silence(subject, seen.layer, chosen, validation, backdoor, seed=seed)
                ablations.append(
                    Ablation(
                        layer=seen.layer,
                        choice=choice,
                        silenced=out.units,
                        clean=out.clean,
                        success=out.success,
                    )
                )
    return Seen(arrays, units, tuple(ablations))


def answers_to_pairs(subject: Subject, pairs: Tensor) -> Tensor:
    """Return ``(n, 2, K)`` probabilities for pairs of images, ``(n, 2, C, H, W)``."""
    return torch.stack([subject.probabilities(pairs[:, which]) for which in (0, 1)], 1).cpu()


def _present(labels: Tensor) -> list[int]:
    return [int(k) for k in torch.unique(labels)]
