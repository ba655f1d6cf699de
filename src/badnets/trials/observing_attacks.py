"""What a trial records of an attack: answers, pictures, other triggers, where networks look."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.placements import Relative
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.triggers import RegionTrigger, Trigger
from badnets.core.triggers.base import WholeRegion
from badnets.data import ImageSet
from badnets.data.streamed import in_order
from badnets.evaluate.classification import answers_to
from badnets.explain.attribution import attribution_maps, changed_places, share_inside
from badnets.models.subject import EVALUATION_BATCH, Subject
from badnets.trials.observing import Seen, answers_to_pairs
from badnets.trials.record import Attributed, Variation
from badnets.trials.trial import Observation
from badnets.trials.workspace import Workspace

SHOWN = 6  # pictures of the attacked class that are kept
VARIED = 500  # validation images that other triggers are put on, at most
SIZES = (0.04, 0.07, 0.1, 0.13, 0.16, 0.2, 0.25, 0.32)  # of the image's side
OPACITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the centre, on each axis; the edges keep it inside
EXPLAINED = 32  # images whose answers are attributed to pixels, at most
MAPPED = 6  # of them, those whose maps are kept
METHOD: Literal["integrated-gradients"] = "integrated-gradients"


class Attacked(NamedTuple):
    """What is looked into: the networks, the validation images, and the attack on them."""

    subject: Subject
    control: Subject | None
    validation: ImageSet
    backdoor: Backdoor | None
    workspace: Workspace
    seed: int

    def kept(self, arrays: dict[str, Tensor]) -> Seen:
        """Return what was seen, with its arrays in the workspace."""
        return Seen(
            {name: self.workspace.put_array(one.cpu().numpy()) for name, one in arrays.items()}
        )

    def triggered(self, images: Tensor, trigger: Trigger | None = None) -> Tensor:
        """Return images with the trigger, at places that follow from the seed."""
        own = trigger or (self.backdoor.trigger if self.backdoor else None)
        places = generator(self.seed, "trigger places")
        return images if own is None else own(images, generator=places)

    def about(self, most: int) -> ImageSet | None:
        """Return the first validation images that the attack is about; None without any."""
        if self.backdoor is None:
            return None
        rows = self.backdoor.targets.attackable(self.validation.labels).nonzero().flatten()
        return self.validation.take(rows[:most]) if len(rows) else None


def observe_answers(seen: Attacked) -> Seen:
    """Keep what the network says of each clean validation image: for paired comparisons.

    Arrays: ``answers`` ``(N,)`` int16 predicted labels, ``answers_labels`` the true ones.
    """
    stored = seen.validation.stored
    said = torch.cat([seen.subject.predict(part) for part in in_order(stored, EVALUATION_BATCH)])
    labels = seen.validation.labels
    return seen.kept({"answers": said.to(torch.int16), "answers_labels": labels.to(torch.int16)})


def observe_triggered(seen: Attacked) -> Seen:
    """Keep what the networks say of each validation image with the trigger on it.

    Arrays: ``triggered_answers`` ``(N,)`` int16 predicted labels, ``triggered_control`` those of
    the clean network, ``triggered_labels`` the true ones; none without a backdoor.
    """
    if seen.backdoor is None:
        return Seen({})
    images, trigger = seen.validation, seen.backdoor.trigger
    said = answers_to(seen.subject, images, trigger, control=seen.control, seed=seen.seed)
    arrays = {"triggered_answers": said.triggered, "triggered_labels": images.labels}
    if said.control is not None:
        arrays["triggered_control"] = said.control
    return seen.kept({name: one.to(torch.int16) for name, one in arrays.items()})


def observe_attacked(seen: Attacked) -> Seen:
    """Keep the first validation images that the attack is about, clean and triggered.

    Arrays: as for `badnets.trials.observing.observe_examples`, ``attacked`` instead of
    ``examples``; none without a backdoor.
    """
    images = seen.about(SHOWN)
    if images is None:
        return Seen({})
    clean = images.images
    pairs = torch.stack([clean, seen.triggered(clean)], 1)
    arrays = {
        "attacked": pairs,
        "attacked_labels": images.labels,
        "attacked_answers": answers_to_pairs(seen.subject, pairs),
    }
    if seen.control is not None:
        arrays["attacked_control"] = answers_to_pairs(seen.control, pairs)
    return seen.kept(arrays)


def observe_variations(seen: Attacked) -> Seen:
    """Measure the attack with triggers of another size, opacity and place than it was trained with.

    Nothing is trained. Each setting is varied alone; a trigger that has none of them is not varied.
    """
    images = seen.about(VARIED)
    if images is None or seen.backdoor is None:
        return Seen({})
    clean, found = images.images, []
    for axis, value, trigger, trained in _variations(seen.backdoor.trigger, images.shape):
        stamped = seen.triggered(clean, trigger)
        found.append(
            Variation(
                axis=axis,
                value=value,
                trained=trained,
                success=_hits(seen.subject, stamped, images, seen.backdoor),
                control=_hits(seen.control, stamped, images, seen.backdoor)
                if seen.control
                else None,
            )
        )
    return Seen({}, variations=tuple(found))


def observe_attributions(seen: Attacked) -> Seen:
    """Measure how much of what speaks for an answer lies on the trigger, in both networks.

    Of the first validation images that the network calls rightly and, with the trigger, what the
    attacker wants. Each network is asked about its own answer. Arrays: ``attributed``
    ``(n, 2, C, H, W)`` uint8, clean and triggered; ``attributed_maps`` ``(n, b, 2, H, W)``
    float32, by network (the trial's, then the clean one) and image; ``attributed_answers``
    ``(n, b, 2, K)`` probabilities.
    """
    images = seen.about(VARIED)
    if images is None or seen.backdoor is None:
        return Seen({})
    clean = images.images
    triggered = seen.triggered(clean)
    pairs = torch.stack([clean, triggered], 1)
    targets, labels = seen.backdoor.targets, images.labels
    obeys = targets.is_hit(seen.subject.predict(triggered), labels, images.num_classes)
    obeys &= seen.subject.predict(clean) == labels
    rows = obeys.nonzero().flatten()[:EXPLAINED]
    if not len(rows):
        return Seen({})
    pairs = pairs[rows]
    places = changed_places(pairs[:, 0], pairs[:, 1])
    networks: list[tuple[Literal["network", "control"], Subject]] = [("network", seen.subject)]
    if seen.control is not None:
        networks.append(("control", seen.control))
    maps = {by: _maps(network, pairs) for by, network in networks}
    attributed = tuple(
        Attributed(
            by=by,
            triggered=bool(which),
            method=METHOD,
            shares=tuple(share_inside(own[:, which], places).tolist()),
            area=float(places.float().mean()),
        )
        for by, own in maps.items()
        for which in (0, 1)
    )
    few = pairs[:MAPPED]
    kept = seen.kept(
        {
            "attributed": few,
            "attributed_maps": torch.stack([own[:MAPPED] for own in maps.values()], 1),
            "attributed_answers": torch.stack(
                [answers_to_pairs(network, few) for _, network in networks], 1
            ),
        }
    )
    return kept._replace(attributed=attributed)


def _maps(network: Subject, pairs: Tensor) -> Tensor:
    """Return ``(n, 2, H, W)``: what speaks for the network's answer, clean and triggered."""
    return torch.stack(
        [
            attribution_maps(network, images, network.predict(images), method=METHOD)
            for images in pairs.unbind(1)
        ],
        1,
    )


def _hits(network: Subject, stamped: Tensor, images: ImageSet, backdoor: Backdoor) -> Rate:
    hit = backdoor.targets.is_hit(network.predict(stamped), images.labels, images.num_classes)
    return Rate(int(hit.sum()), len(hit))


Axis = Literal["size", "opacity", "position"]


def _variations(
    trigger: Trigger, shape: tuple[int, int, int]
) -> Iterator[tuple[Axis, tuple[float, ...], Trigger, bool]]:
    """Give axis, value and trigger of each variation, and whether it is the one trained with."""
    height, width = shape[1:]
    own: Any = trigger  # those that have a field are dataclasses
    if hasattr(own, "size"):
        trained = round(float(own.extent(height, width)[0]) / height, 4)
        for size in sorted({*SIZES, trained}):
            is_own = size == trained
            yield "size", (size,), own if is_own else dataclasses.replace(own, size=size), is_own
    if hasattr(own, "opacity"):
        for opacity in sorted({*OPACITIES, own.opacity}):
            other = dataclasses.replace(own, opacity=opacity)
            yield "opacity", (opacity,), other, opacity == own.opacity
    if not isinstance(own, RegionTrigger) or isinstance(own.placement, WholeRegion):
        return
    if not own.placement.random:
        yield "position", _centre(own, height, width), own, True
    for y in PLACES:
        for x in PLACES:
            moved = _moved(own, y, x)
            yield "position", _centre(moved, height, width), moved, False


def _moved(trigger: Any, y: float, x: float) -> RegionTrigger:
    moved: RegionTrigger = dataclasses.replace(trigger, placement=Relative(y, x))
    return moved


def _centre(trigger: RegionTrigger, height: int, width: int) -> tuple[float, float]:
    extent = trigger.extent(height, width)
    (top, left), *_ = trigger.placement.corners((height, width), extent, 1, None).tolist()
    y, x = (top + extent[0] / 2) / height, (left + extent[1] / 2) / width
    return round(y, 4), round(x, 4)


OBSERVERS: dict[Observation, Callable[[Attacked], Seen]] = {
    "answers": observe_answers,
    "triggered": observe_triggered,
    "attacked": observe_attacked,
    "variations": observe_variations,
    "attributions": observe_attributions,
}
