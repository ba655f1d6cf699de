"""How units take the trigger, and what silencing them does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from badnets.core.rates import Rate
from badnets.core.targets import SourceSpecific
from badnets.explain.ablation import Ablation, silence
from badnets.explain.units import (
    LayerUnits,
    backdoor_units,
    groups_of,
    mean_maps,
    unit_responses,
)
from badnets.explain.windows import sign_windows
from badnets.observations.base import Case, Observation, ObservationResult
from badnets.observations.examples import attacked_places

if TYPE_CHECKING:
    import torch

    from badnets.data.detection import FrameSet

PROBES = 1000  # training images that units are ranked by
PROBED_OBJECTS = 300  # objects of training frames that units are ranked on
COUNTS = (1, 2, 4, 8, 16, 32, 64)  # how many of the strongest units are silenced
LAYER = "backbone.conv5"  # of detectors
Choice = Literal["strongest", "random"]


class UnitsResult(ObservationResult):
    """Layers' answers to the trigger, and what silencing units does."""

    units: tuple[LayerUnits, ...] = ()
    ablations: tuple[Ablation, ...] = ()


class Units(Observation[UnitsResult]):
    """How units take the trigger: their answers, and ablation.

    Units are ranked on training examples; ablation is measured on validation examples. Of a
    classifier every layer is looked at; arrays: ``filters`` float32, the first layer's weights.
    Of a detector conv5; arrays: ``maps`` ``(2, U, h, w)`` float32, mean activation on clean and on
    triggered objects; ``groups`` ``(n, 2)`` int64: unit and number of its group.
    """

    kind = "units"
    needs = frozenset({"units", "backdoor"})
    Result = UnitsResult

    def observe(self, case: Case) -> UnitsResult:
        """Return the units and the ablations; without a backdoor the filters alone."""
        return _of_classifier(case) if case.task.kind == "classification" else _of_detector(case)


def _of_classifier(case: Case) -> UnitsResult:
    import torch

    from badnets.core.seeds import generator

    subject, backdoor = case.subject, case.backdoor
    weights = dict(subject.network.named_modules())[subject.layers[0]].weight
    arrays = case.kept({"filters": weights.float()})
    if backdoor is None:
        return UnitsResult(arrays=arrays)
    probes = case.train.sample(min(PROBES, len(case.train)), seed=case.seed)
    eligible = backdoor.targets.attackable(probes.labels)
    if not bool(eligible.any()):
        return UnitsResult(arrays=arrays)  # a class so rare that none of its images was drawn
    images = probes.images[eligible]
    triggered = backdoor.trigger(images, generator=generator(case.seed, "probe places"))
    units = tuple(unit_responses(subject, images, triggered, subject.layers))
    ablations = []
    for layer in units[:-1]:  # silencing logits would only say that classes are gone
        rest = generator(case.seed, f"ablation {layer.layer}")

        def drawn(others: Sequence[int], count: int, rest: torch.Generator = rest) -> list[int]:
            order = torch.randperm(len(others), generator=rest)[:count]
            return [others[k] for k in order.tolist()]

        for choice, chosen in _picks(layer, lambda ranked, count: drawn(ranked[count:], count)):
            ablations.append(
                silence(
                    subject,
                    layer.layer,
                    chosen,
                    case.validation,
                    backdoor,
                    choice=choice,
                    seed=case.seed,
                )
            )
    return UnitsResult(arrays=arrays, units=units, ablations=tuple(ablations))


def _of_detector(case: Case) -> UnitsResult:
    import torch

    detector, backdoor, frames = case.subject, case.backdoor, case.train
    if backdoor is None or LAYER not in detector.layers:
        return UnitsResult()
    wanted = backdoor.targets.poisonable(frames.boxes.labels)
    if not bool(wanted.any()):
        wanted = torch.ones_like(wanted)
    probes = frames.take(torch.unique(frames.boxes.image_index[wanted]))
    windows = sign_windows(
        probes,
        backdoor.trigger,
        side=detector.input.height,
        most=PROBED_OBJECTS,
        seed=case.seed,
    )
    units = backdoor_units(detector, windows, LAYER)
    maps = torch.stack(
        [mean_maps(detector, part, LAYER) for part in (windows.clean, windows.triggered)]
    )
    groups = groups_of(maps[0], maps[1], units.outlier_units)
    numbered = [[unit, number] for number, group in enumerate(groups) for unit in group]
    arrays = case.kept({"maps": maps, "groups": torch.tensor(numbered).reshape(-1, 2)})
    return UnitsResult(arrays=arrays, units=(units,), ablations=tuple(_ablations(case, units)))


def _ablations(case: Case, units: LayerUnits) -> Iterator[Ablation]:
    """Give ASR and clean accuracy with units silenced, on the frames that are attacked."""
    import torch

    from badnets.core.boxes import LabelledBoxes
    from badnets.core.seeds import generator
    from badnets.data.poisoned import StampedFrames, plain_stamp
    from badnets.evaluate.detection import answers, detected

    detector, backdoor, spots = case.subject, case.backdoor, attacked_places(case)
    if spots is None or backdoor is None or not isinstance(backdoor.targets, SourceSpecific):
        return
    frames: FrameSet = case.validation
    rows = torch.unique(spots.image_index)
    own = frames.take(rows)
    place = torch.searchsorted(rows, spots.image_index)
    stamps = LabelledBoxes(place, spots.corners, torch.zeros_like(place))
    objects = LabelledBoxes(place, spots.corners, spots.labels.clamp(min=0))
    triggered = StampedFrames(own.frames, stamps, plain_stamp(backdoor.trigger, case.seed))
    shuffled = torch.randperm(len(units.ranked), generator=generator(case.seed, "ablation"))
    rest = [units.ranked[k] for k in shuffled.tolist()]

    def drawn(ranked: Sequence[int], count: int) -> list[int]:
        return [unit for unit in rest if unit not in set(ranked[:count])][:count]

    for choice, chosen in _picks(units, drawn):
        with detector.silenced(LAYER, chosen) as muted:
            named, _ = answers(detected(muted, triggered), objects, case.threshold)
            plain, _ = answers(detected(muted, own.frames), own.boxes, case.threshold)
        hits = backdoor.targets.is_hit(named, spots.labels, frames.num_classes)
        yield Ablation(
            layer=LAYER,
            choice=choice,
            silenced=chosen,
            clean=Rate(int((plain == own.boxes.labels).sum()), len(plain)),
            success=Rate(int(hits.sum()), len(hits)),
        )


def _picks(
    units: LayerUnits, drawn: Callable[[Sequence[int], int], list[int]]
) -> Iterator[tuple[Choice, tuple[int, ...]]]:
    """Give the units to silence: the strongest few, and as many others for comparison."""
    ranked = units.ranked
    for count in sorted({*COUNTS, len(units.outlier_units)} - {0}):
        if count <= len(ranked) // 2:
            yield "strongest", tuple(ranked[:count])
            yield "random", tuple(drawn(ranked, count))
