"""The attack with triggers that differ in one setting from the one trained with."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from badnets.core.placements import Relative
from badnets.core.rates import Rate
from badnets.core.triggers import RegionTrigger, Trigger
from badnets.core.triggers.base import WholeRegion
from badnets.observations.base import Case, Observation, ObservationResult

MOST = 500  # validation images that other triggers are put on
SIZES = (0.04, 0.07, 0.1, 0.13, 0.16, 0.2, 0.25, 0.32)  # of the image's side
OPACITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the centre, on each axis; the edges keep it inside
Axis = Literal["size", "opacity", "position"]


class Variation(BaseModel):
    """What a trigger does at test time that differs in one setting from the one trained with.

    Attributes:
        axis: ``"size"``, ``"opacity"`` or ``"position"``.
        value: share of the image's side; opacity; of a position, where the centre is from the
            top and from the left, in shares of the image.
        trained: whether this is the trigger that the network was trained with.
        success: triggered images given the backdoor label.
        control: the same images, given it by a clean network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    axis: Axis
    value: tuple[float, ...]
    trained: bool
    success: Rate
    control: Rate | None


class VariationsResult(ObservationResult):
    """Attack success with other triggers; see `Variation`."""

    variations: tuple[Variation, ...] = ()


class Variations(Observation[VariationsResult]):
    """The attack with triggers of another size, opacity and place than it was trained with.

    Nothing is trained. Each setting is varied alone; a trigger that has none of them is not varied.
    """

    kind = "variations"
    needs = frozenset({"logits", "backdoor"})
    tasks = frozenset({"classification"})
    Result = VariationsResult

    def observe(self, case: Case) -> VariationsResult:
        """Return the rates; none without a backdoor."""
        images, backdoor = case.attackable(MOST), case.backdoor
        if images is None or backdoor is None:
            return VariationsResult()
        clean, results = images.images, []
        for axis, value, trigger, trained in _variants(backdoor.trigger, images.shape):
            stamped = case.triggered(clean, trigger)

            def hits(network: Any, stamped: Any = stamped) -> Rate:
                said = network.predict(stamped)
                hit = backdoor.targets.is_hit(said, images.labels, images.num_classes)
                return Rate(int(hit.sum()), len(hit))

            results.append(
                Variation(
                    axis=axis,
                    value=value,
                    trained=trained,
                    success=hits(case.subject),
                    control=None if case.control is None else hits(case.control),
                )
            )
        return VariationsResult(variations=tuple(results))


def _variants(
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
    placed: Any = own
    if not own.placement.random:
        yield "position", _centre(own, height, width), own, True
    for y in PLACES:
        for x in PLACES:
            moved: RegionTrigger = dataclasses.replace(placed, placement=Relative(y, x))
            yield "position", _centre(moved, height, width), moved, False


def _centre(trigger: RegionTrigger, height: int, width: int) -> tuple[float, float]:
    extent = trigger.extent(height, width)
    (top, left), *_ = trigger.placement.corners((height, width), extent, 1, None).tolist()
    y, x = (top + extent[0] / 2) / height, (left + extent[1] / 2) / width
    return round(y, 4), round(x, 4)
