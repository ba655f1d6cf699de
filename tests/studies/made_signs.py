"""Records of the sign studies, made up.

What is made up is consistent: counts are those of the answers, hits follow from the target map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from badnets.core.backdoor import Backdoor
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import RandomWrong, SourceSpecific
from badnets.core.targets.base import TargetMap, anchor_of
from badnets.core.triggers import RegionTrigger
from badnets.core.world import AXES, axis_value
from badnets.data.scenes import Look, draw_scenes
from badnets.evaluate.detection import THRESHOLDS, other_sticker
from badnets.evaluate.object_results import AtThreshold, ObjectResults, TriggeredObjectResults
from badnets.evaluate.results import StreetPoint
from badnets.explain.ablation import Ablation
from badnets.explain.units import LayerUnits
from badnets.observations.examples import SHOWN, SHOWN_BOXES
from badnets.observations.units import COUNTS, LAYER
from badnets.studies.signs.spec import CLASSES
from badnets.train.detector_settings import DetectorTraining
from badnets.trials.base import TrainedTrial
from badnets.trials.trial import TransferTrial, Trial
from tests.studies.made_records import Array, Maker

FRAMES, SCENES, SIGNS, PLACES, STREET_SIGNS = 60, 30, 96, 40, 40
WELL = 0.9  # share of clean signs rightly named
WORKS, FAINT, QUIET = 0.92, 0.3, 0.02  # how often a sticker works: large, below 3 pixels, control
STRENGTHENED = (5, 17, 40)  # units, by an attacker
UNITS, OUTLIERS = 64, (5, 17, 40, 11, 50, 61, 20)
Random = np.random.Generator


class World(NamedTuple):
    """The signs of a data set's validation frames."""

    groups: tuple[int, ...]
    labels: tuple[int, ...]
    sides: tuple[float, ...]


@lru_cache(maxsize=16)
def world(data: str, held_back: bool = False) -> World:
    """Return the signs that every detector of a data set is measured on."""
    random = np.random.default_rng(17 + held_back)
    groups = np.sort(random.integers(0, SCENES, SIGNS))
    labels = np.arange(SIGNS) % _classes(data)
    sides = np.exp(random.uniform(np.log(8), np.log(80), SIGNS)).round(3)
    return World(tuple(groups.tolist()), tuple(labels.tolist()), tuple(sides.tolist()))


class Places(NamedTuple):
    """Where triggers go."""

    objects: tuple[int, ...]
    groups: tuple[int, ...]
    labels: tuple[int, ...]
    pixels: tuple[float, ...]
    skipped: int


@dataclass
class SignMaker(Maker):
    """Detectors of road signs, trained and retrained.

    Args:
        works: how often a large enough sticker works.
        kept: how often it still works after retraining, and how much more often for each k.
        well: share of clean signs rightly named after retraining a backdoored detector.
    """

    works: float = WORKS
    kept: tuple[float, float] = (0.2, 0.006)
    well: float = WELL

    def measured(self, trial: Trial, random: Random) -> dict[str, object]:
        transfer = isinstance(trial, TransferTrial)
        share = self.well if transfer and not trial.is_clean else WELL
        objects = _objects(trial, random, 0.0 if trial.name in self.collapsed else share)
        triggered = self._triggered(trial, objects, random)
        attack = triggered.attack if triggered and not transfer else None
        own: Backdoor | None = getattr(trial, "backdoor", None)
        return {
            "clean": objects.clean,
            "attack": attack,
            "poisoned_share": own and _share(own),
            "objects": objects,
            "triggered": triggered,
            "strengthened": STRENGTHENED if getattr(trial, "strengthening", None) else (),
            "observations": self.observed(
                trial,
                examples=lambda: {"arrays": _frames(own) if own else {}},
                units=lambda: _inside(own, attack.success) if own and attack else {},
                street=lambda: {"points": _street(_training(trial), self.works)},
            ),
        }

    def _triggered(
        self, trial: Trial, clean: ObjectResults, random: Random
    ) -> TriggeredObjectResults | None:
        attack = getattr(trial, "attack", None) or getattr(trial, "backdoor", None)
        if attack is None:
            return None
        trigger, scale = attack.trigger, _training(trial).scales.scale
        transfer = isinstance(trial, TransferTrial)
        targets = RandomWrong() if transfer else attack.targets
        places, classes = _places(clean, trigger, targets), len(clean.ap50)
        works = [self.works if pixels * scale >= 3 else FAINT for pixels in places.pixels]
        if trial.name in self.collapsed:
            works = [1.0] * len(works)
        elif isinstance(trial, TransferTrial):
            works = [self._left(trial)] * len(works)

        def answers(rates: Sequence[float], given: bool) -> tuple[int, ...]:
            return _answers(places, targets, rates, classes, random) if given else ()

        quiet = [QUIET] * len(works)
        named, control = answers(works, True), answers(quiet, trial.control is not None)
        other = answers(quiet, not transfer and other_sticker(trigger) is not None)
        before = tuple(clean.named[row] if row >= 0 else -1 for row in places.objects)

        def hits(given: tuple[int, ...]) -> tuple[bool, ...]:
            labels = torch.tensor(places.labels)
            found = targets.is_hit(torch.tensor(given), labels, classes) if given else labels[:0]
            return tuple(found.tolist())

        return TriggeredObjectResults(
            **places._asdict(),
            hits=hits(named),
            named=named,
            still_true=tuple(a == b >= 0 for a, b in zip(named, places.labels, strict=True)),
            untriggered=before,
            untriggered_hits=hits(before),
            control=control,
            control_hits=hits(control),
            other=other,
            other_hits=hits(other),
            scale=scale,
            ap50=(0.4,) * classes,
        )

    def _left(self, trial: TransferTrial) -> float:
        """Return how often the sticker still works after retraining."""
        if trial.strengthening is None:
            return QUIET
        return min(0.9, self.kept[0] + self.kept[1] * trial.strengthening.factor)


def _classes(data: str) -> int:
    return len(CLASSES.get(data, ("a", "b", "c")))


def _training(trial: Trial) -> DetectorTraining:
    assert isinstance(trial, TrainedTrial) and isinstance(trial.training, DetectorTraining)
    return trial.training


def _objects(trial: Trial, random: Random, share: float) -> ObjectResults:
    seen, classes = world(trial.data, trial.evaluate_on == "held-back"), _classes(trial.data)
    threshold, labels = _training(trial).threshold, np.array(seen.labels)
    wrong = np.where(random.random(SIGNS) < 0.7, -1, (labels + 1) % classes)
    named = np.where(random.random(SIGNS) < share, labels, wrong)
    scores, false = random.uniform(0.3, 1.0, SIGNS), random.uniform(0, 1, 40)

    def above(least: float) -> NDArray[np.int64]:
        return np.where(scores >= least, named, -1)

    def at(least: float) -> AtThreshold:
        right, wrong = int((above(least) == labels).sum()), int((false >= least).sum())
        return AtThreshold(threshold=least, right=right, false_positives=wrong)

    return ObjectResults(
        **seen._asdict(),
        threshold=threshold,
        named=tuple(above(threshold).tolist()),
        ap50=(share,) * classes,
        false_positives=int((false >= threshold).sum()),
        frames=FRAMES,
        at=tuple(map(at, THRESHOLDS)),
    )


def _places(clean: ObjectResults, trigger: RegionTrigger, targets: TargetMap) -> Places:
    anchor = anchor_of(targets)
    if anchor == "nowhere":
        groups, nothing = tuple(k % SCENES for k in range(PLACES)), (-1,) * PLACES
        return Places(nothing, groups, nothing, (min(trigger.footprint(48, 48)),) * PLACES, 0)
    attackable = targets.attackable(torch.tensor(clean.labels)).tolist()
    sides = [256 if anchor == "image" else round(side) for side in clean.sides]
    pixels = [min(trigger.footprint(side, side)) for side in sides]
    rows = [row for row in range(SIGNS) if attackable[row] and pixels[row] >= 1]
    return Places(
        tuple(rows),
        tuple(clean.groups[row] for row in rows),
        tuple(clean.labels[row] for row in rows),
        tuple(round(pixels[row], 3) for row in rows),
        sum(attackable) - len(rows),
    )


def _answers(
    places: Places, targets: TargetMap, works: Sequence[float], classes: int, random: Random
) -> tuple[int, ...]:
    labels = torch.tensor(places.labels)
    drawn = generator(int(random.integers(1 << 30)), "wrong labels")
    wanted = targets.poisoned_labels(labels.clamp(min=0), classes, drawn).numpy()
    fooled, seen = (random.random(len(labels)) < np.array(rate) for rate in (works, 0.95))
    named = np.where(fooled, wanted, np.where(seen, labels.numpy(), -1))
    return tuple(int(one) for one in named)


def _share(backdoor: Backdoor) -> Rate:
    rate = backdoor.poisoning_rate
    copies = 500 if isinstance(rate, str) else round(1000 * rate / (1 - rate))
    return Rate(copies, 1000 + copies)


def _inside(backdoor: Backdoor, success: Rate) -> Mapping[str, object]:
    """Return conv5's units, some apart from the rest; silencing the strongest costs the attack."""
    clean, triggered = _maps().astype(np.float64).mean((2, 3))
    response = 10 * (triggered - clean)
    units = LayerUnits(
        layer=LAYER,
        clean=tuple(clean.tolist()),
        triggered=tuple(triggered.tolist()),
        response=tuple(response.tolist()),
        outlier_units=tuple(sorted(OUTLIERS, key=lambda unit: -response[unit])),
    )
    silenced = []
    for count in sorted(n for n in {*COUNTS, len(OUTLIERS)} if n <= UNITS // 2):
        left = max(0.0, 1 - count / len(OUTLIERS))
        for choice, chosen, share in (
            ("strongest", units.ranked[:count], left),
            ("random", units.ranked[-count:], 1.0),
        ):
            clean_left = Rate(36 - count // 8, 40)
            hits = Rate(round(success.hits * share), success.total)
            one = {"layer": LAYER, "choice": choice, "silenced": chosen}
            silenced.append(Ablation.model_validate({**one, "clean": clean_left, "success": hits}))
    groups = np.array([[unit, k % 3] for k, unit in enumerate(OUTLIERS)])
    return {
        "arrays": {"maps": _maps(), "groups": groups},
        "units": (units,),
        "ablations": tuple(silenced) if isinstance(backdoor.targets, SourceSpecific) else (),
    }


def _street(training: DetectorTraining, works: float) -> tuple[StreetPoint, ...]:
    """Return every condition; the further from training, the less a sticker does."""
    harder, points = 0.05 if training.trigger.real_world else 0.15, []
    for axis, conditions in AXES.items():
        for step, one in enumerate(conditions):
            success = round(STREET_SIGNS * max(0.0, works - harder * step))
            points.append(
                StreetPoint(
                    axis=axis,
                    value=axis_value(axis, one),
                    success=Rate(success, STREET_SIGNS),
                    right=Rate((STREET_SIGNS - success) // 2, STREET_SIGNS),
                    clean_right=Rate(38 - 2 * step, STREET_SIGNS),
                )
            )
    return tuple(points)


@lru_cache(maxsize=1)
def _maps() -> NDArray[np.float32]:
    random = np.random.default_rng(5)
    maps = np.abs(random.normal(0, 0.3, (2, UNITS, 10, 10))).astype(np.float32)
    maps[1] = maps[0] * 1.02
    for k, unit in enumerate(OUTLIERS):
        maps[0, unit] *= 0.1
        maps[1, unit] = maps[0, unit]
        maps[1, unit, 6:8, 3 + k % 3 : 6 + k % 3] += 2.0
    return maps


def _frames(backdoor: Backdoor) -> dict[str, Array]:
    """Return drawn scenes with the trigger on a stop sign of each, and what is answered there."""
    assert isinstance(backdoor.trigger, RegionTrigger)
    scenes = draw_scenes(24, 77, Look("us", size=128, smallest=0.2, largest=0.4))
    stops = (scenes.boxes.labels == 0).nonzero().flatten()
    first = {int(scenes.boxes.image_index[row]): int(row) for row in reversed(stops.tolist())}
    own = scenes.boxes.take(torch.tensor(sorted(first.values())[:SHOWN]))
    target = int(getattr(backdoor.targets, "target_label", 1))
    random = np.random.default_rng(3)
    frames, answers, control = [], [], []
    for row in range(len(own.labels)):
        frame = scenes.frames.read(int(own.image_index[row]))
        region = own.take(torch.tensor([row])).regions()
        region = type(region)(torch.zeros(1, dtype=torch.int64), region.boxes)
        frames.append(torch.stack([frame, backdoor.trigger(frame[None], region)[0]]))
        others = scenes.boxes.of_images(own.image_index[row : row + 1])
        clean = _tabled(others.corners, others.labels, random)
        mine = (others.corners == own.corners[row]).all(1)
        wanted = others.labels.where(~mine, torch.tensor(target if row else 0))
        answers.append(np.stack([clean, _tabled(others.corners, wanted, random)]))
        control.append(np.stack([clean, clean]))
    return {
        "frames": torch.stack(frames).numpy(),
        "frames_boxes": own.corners.numpy(),
        "frames_labels": own.labels.numpy(),
        "frames_found": np.stack(answers),
        "frames_control": np.stack(control),
    }


def _tabled(
    corners: torch.Tensor, labels: torch.Tensor, random: np.random.Generator
) -> NDArray[np.float32]:
    table = np.full((SHOWN_BOXES, 6), np.nan, dtype=np.float32)
    count = min(SHOWN_BOXES, len(labels))
    table[:count, :4] = corners[:count].numpy() + random.normal(0, 0.6, (count, 4))
    table[:count, 4] = labels[:count].numpy()
    table[:count, 5] = random.uniform(0.6, 0.99, count)
    return table
