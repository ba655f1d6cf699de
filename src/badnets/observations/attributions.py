"""Where networks look: how much of what speaks for an answer lies on the trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from badnets.explain.attribution import attribution_maps, changed_places, share_inside
from badnets.observations.base import Case, Observation, ObservationResult, answers_to_pairs

if TYPE_CHECKING:
    from torch import Tensor

LOOKED_THROUGH = 500  # validation images, at most
EXPLAINED = 32  # of them, those whose answers are attributed to pixels
MAPPED = 6  # of them, those whose maps are kept
METHOD: Literal["integrated-gradients"] = "integrated-gradients"


class Attributed(BaseModel):
    """How much of what speaks for a network's answer lies where the trigger is, or will be.

    Attributes:
        by: whose answer: the trial's network, or the clean one beside it.
        triggered: whether the images carried the trigger.
        method: see `badnets.explain.attribution`.
        shares: one for each image, in [0, 1].
        area: share of the image that the trigger's place takes: what a map without a centre has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["network", "control"]
    triggered: bool
    method: str
    shares: tuple[float, ...]
    area: float


class AttributionsResult(ObservationResult):
    """Shares of the attributions that lie on the trigger; see `Attributed`."""

    attributed: tuple[Attributed, ...] = ()


class Attributions(Observation[AttributionsResult]):
    """How much of what speaks for an answer lies on the trigger, in both networks.

    Of the first validation images that the network calls rightly and, with the trigger, what the
    attacker wants. Each network is asked about its own answer. Arrays: ``attributed``
    ``(n, 2, C, H, W)`` uint8, clean and triggered; ``attributed_maps`` ``(n, b, 2, H, W)``
    float32, by network (the trial's, then the clean one) and image; ``attributed_answers``
    ``(n, b, 2, K)`` probabilities.
    """

    kind = "attributions"
    needs = frozenset({"gradients", "backdoor"})
    tasks = frozenset({"classification"})
    Result = AttributionsResult

    def observe(self, case: Case) -> AttributionsResult:
        """Return the shares and the maps; none where no image obeys."""
        import torch

        images, backdoor = case.attackable(LOOKED_THROUGH), case.backdoor
        if images is None or backdoor is None:
            return AttributionsResult()
        clean, labels = images.images, images.labels
        triggered = case.triggered(clean)
        obeys = backdoor.targets.is_hit(case.subject.predict(triggered), labels, images.num_classes)
        obeys &= case.subject.predict(clean) == labels
        rows = obeys.nonzero().flatten()[:EXPLAINED]
        if not len(rows):
            return AttributionsResult()
        pairs = torch.stack([clean, triggered], 1)[rows]
        places = changed_places(pairs[:, 0], pairs[:, 1])
        networks: list[tuple[Literal["network", "control"], Any]] = [("network", case.subject)]
        if case.control is not None:
            networks.append(("control", case.control))
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
        arrays = {
            "attributed": few,
            "attributed_maps": torch.stack([own[:MAPPED] for own in maps.values()], 1),
            "attributed_answers": torch.stack(
                [answers_to_pairs(network, few) for _, network in networks], 1
            ),
        }
        return AttributionsResult(arrays=case.kept(arrays), attributed=attributed)


def _maps(network: Any, pairs: Tensor) -> Tensor:
    """Return ``(n, 2, H, W)``: what speaks for the network's answer, clean and triggered."""
    import torch

    return torch.stack(
        [
            attribution_maps(network, images, network.predict(images), method=METHOD)
            for images in pairs.unbind(1)
        ],
        1,
    )
