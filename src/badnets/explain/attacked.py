"""What a backdoor does inside a classifier: its units, where it looks, and where images go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field, InstanceOf
from torch import Tensor

from badnets.core.results import Measured, Result
from badnets.core.seeds import generator
from badnets.core.targets import of_classes
from badnets.evaluate.classification import answers_to, attack_result, clean_result
from badnets.explain.ablation import Ablation, silence
from badnets.explain.attribution import attribution_maps, most_changed, share_inside
from badnets.explain.features import FeatureMap, feature_map
from badnets.explain.units import LayerUnits
from badnets.models.classifier import Classifier

if TYPE_CHECKING:
    from badnets.data import ImageSet
    from badnets.evaluate.classification import Attack

MEASURED = 400  # images that silencing is measured on, at most
LAYERS = 12  # whose units are silenced, at most
ATTRIBUTED = 16  # images whose answers are attributed to pixels
PLOTTED = 200  # images of a kind in the map of features


class Silenced(Result):
    """What is left without some units of a layer."""

    layer: str = Field(title="layer")
    count: int = Field(title="units silenced", exclude=True)
    units: tuple[int, ...]
    choice: str = Field(title="which")
    clean: Measured = Field(title="clean accuracy then")
    success: Measured = Field(title="attack success then")


class Looks(Result):
    """How much of what speaks for an answer lies where the trigger changes most.

    Attributes:
        images: whose answers were attributed.
        triggered: mean share with the trigger, in [0, 1].
        clean: the same without it.
        area: share of the pixels that this place has.
    """

    images: int
    triggered: float
    clean: float
    area: float


class Drawn(Result):
    """What pictures are made from: images ``(n, C, H, W)`` and maps ``(n, H, W)``, two by two."""

    clean: InstanceOf[Tensor]
    triggered: InstanceOf[Tensor]
    clean_maps: InstanceOf[Tensor]
    triggered_maps: InstanceOf[Tensor]
    answers: InstanceOf[Tensor]
    filters: InstanceOf[Tensor] | None


class AttackExplained(Result):
    """What an attack does to a network, from the inside.

    Attributes:
        clean: accuracy on images that the units were not ranked by.
        success: attack success on them.
        silenced: the same without units: those that answer most to the trigger, layer by layer;
            then more and fewer of the layer where that costs the attack most, and others of it.
        looks: None where no image obeys.
        features: None where the attack has not one target, or the network no features.
        drawn: what pictures are made from.
    """

    clean: Measured
    success: Measured
    silenced: tuple[Silenced, ...]
    looks: Looks | None
    features: FeatureMap | None
    drawn: Drawn | None


def attacked(
    subject: Classifier,
    images: ImageSet,
    attack: Attack,
    responses: Sequence[LayerUnits],
    *,
    seed: int = 0,
) -> AttackExplained:
    """Return what an attack does inside a network, which is left as it was.

    Args:
        subject: the network.
        images: clean images that ``responses`` do not come from.
        attack: trigger and target map.
        responses: how the units of each layer take the trigger, in the network's order.
        seed: decides random places of the trigger, and which images.
    """
    attack = of_classes(attack, images.classes)
    few = images.sample(min(MEASURED, len(images)), seed=seed)
    answers = answers_to(subject, few, attack.trigger, seed=seed)
    whole = attack_result(few.labels, attack.targets, answers, num_classes=few.num_classes)
    accuracy = clean_result(answers.untriggered, few.labels, few.num_classes).accuracy
    hit = attack.targets.is_hit(answers.triggered.cpu(), few.labels, few.num_classes)
    obeys = attack.targets.attackable(few.labels) & hit & (answers.untriggered.cpu() == few.labels)
    rows = obeys.nonzero().flatten()
    triggered = attack.trigger(few.images, generator=generator(seed, "trigger places"))
    looks = drawn = None
    if len(rows):
        looks, drawn = _looks(subject, few.images[rows], triggered[rows])
    target = getattr(attack.targets, "target_label", None)
    features = None
    if target is not None:
        own = few.images[(few.labels == target).nonzero().flatten()[:PLOTTED]]
        taken = rows[:PLOTTED]
        features = feature_map(subject, own, triggered[taken], few.images[taken])
    return AttackExplained(
        clean=Measured.of(accuracy),
        success=Measured.of(whole.success),
        silenced=tuple(map(_silenced, _ablations(subject, few, attack, responses, seed))),
        looks=looks,
        features=features,
        drawn=drawn,
    )


def _looks(subject: Classifier, clean: Tensor, triggered: Tensor) -> tuple[Looks, Drawn]:
    clean, triggered = clean[:ATTRIBUTED], triggered[:ATTRIBUTED]
    places = most_changed(clean, triggered).cpu()
    before, after = (
        attribution_maps(subject, one, subject.predict(one)) for one in (clean, triggered)
    )
    inside = [float(share_inside(maps, places).mean()) for maps in (after, before)]
    looks = Looks(
        images=len(clean), triggered=inside[0], clean=inside[1], area=float(places.float().mean())
    )
    answers = torch.stack([subject.probabilities(one).cpu() for one in (clean, triggered)], 1)
    modules: dict[str, Any] = dict(subject.network.named_modules())
    weights = getattr(modules.get(next(iter(subject.layers), "")), "weight", None)
    filters = weights.detach().float().cpu() if weights is not None and weights.ndim == 4 else None
    return looks, Drawn(
        clean=clean.cpu(),
        triggered=triggered.cpu(),
        clean_maps=before,
        triggered_maps=after,
        answers=answers,
        filters=filters,
    )


def _ablations(
    subject: Classifier,
    images: ImageSet,
    attack: Attack,
    responses: Sequence[LayerUnits],
    seed: int,
) -> Iterator[Ablation]:
    """Give what silencing does: in each layer, then step by step in the one that matters most."""
    inner = [one for one in responses[:-1] if len(one.response) > 1]
    inner = inner[:: -(-len(inner) // LAYERS)] if inner else []
    found = []
    cut = partial(silence, subject, images=images, attack=attack, seed=seed)
    for layer in inner:
        chosen = layer.outlier_units or layer.ranked[: max(1, len(layer.ranked) // 8)]
        found.append(cut(layer.layer, chosen, choice="strongest"))
    yield from found
    if not found:
        return
    best = min(range(len(found)), key=lambda k: found[k].success.value - found[k].clean.value)
    layer, count = inner[best], len(found[best].silenced)
    for step in (1, 2, 4, 8, 16, 32, 64):
        if step != count and step <= len(layer.ranked) // 4:
            yield cut(layer.layer, layer.ranked[:step], choice="strongest")
    others = layer.ranked[count:]
    order = torch.randperm(len(others), generator=generator(seed, f"ablation {layer.layer}"))
    drawn = [others[k] for k in order[:count].tolist()]
    yield cut(layer.layer, drawn, choice="random")


def _silenced(one: Ablation) -> Silenced:
    return Silenced(
        layer=one.layer,
        count=len(one.silenced),
        units=one.silenced,
        choice=one.choice,
        clean=Measured.of(one.clean),
        success=Measured.of(one.success),
    )
