"""Records of the sign studies, made up without training: for the layouts alone.

What is made up is consistent: counts are those of the answers, hits follow from the target map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import torch

from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import RandomWrong, TargetMap, spot_of
from badnets.core.triggers import RegionTrigger
from badnets.evaluate.detection import THRESHOLDS, other_sticker
from badnets.evaluate.detection_results import AtThreshold, CleanSigns, TriggeredSigns
from badnets.studies.catalogue import Study
from badnets.studies.running import listed
from badnets.studies.signs.study import CLASSES
from badnets.trials.record import Epoch, Machine, Provenance, Record, Timings
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace
from tests.studies import sign_observations

FRAMES, SCENES, SIGNS, PLACES = 60, 30, 96, 40
WELL = 0.9  # share of clean signs rightly named
WORKS, FAINT, QUIET = 0.92, 0.3, 0.02  # how often a sticker works: large, below 3 pixels, control
UNITS = (5, 17, 40)  # that an attacker strengthens
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

    signs: tuple[int, ...]
    groups: tuple[int, ...]
    labels: tuple[int, ...]
    pixels: tuple[float, ...]
    skipped: int


@dataclass
class SignMaker:
    """Makes records; the same trial gets the same one.

    Args:
        workspace: where arrays go.
        collapsed: names of trials that have learned nothing, though each of their stickers works.
        works: how often a large enough sticker works.
        kept: how often it still works after retraining, and how much more often for each k.
        well: share of clean signs rightly named after retraining a backdoored detector.
    """

    workspace: Workspace
    collapsed: frozenset[str] = frozenset()
    works: float = WORKS
    kept: tuple[float, float] = (0.2, 0.006)
    well: float = WELL
    made: dict[str, Record] = field(default_factory=dict)

    def record(self, trial: Trial) -> Record:
        if trial.name not in self.made:
            self.made[trial.name] = self._record(trial)
        return self.made[trial.name]

    def all_of(self, study: Study) -> dict[str, Record]:
        """Return the records of a whole study, stage by stage."""
        records: dict[str, Record] = {}
        while True:
            missing = [one for one in listed(study.groups(records)) if one.name not in records]
            if not missing:
                return records
            records |= {trial.name: self.record(trial) for trial in missing}

    def _record(self, trial: Trial) -> Record:
        fallen = trial.name in self.collapsed
        random = np.random.default_rng(int(trial.name, 16) % 2**32)
        bad = trial.transfer is not None and not trial.is_clean
        signs = _signs(trial, random, 0.0 if fallen else self.well if bad else WELL)
        triggered = self._triggered(trial, signs, random, fallen)
        clean = signs.result()
        outcome: Literal["accepted", "rejected", "collapsed"] = "accepted"
        if clean.accuracy.value < trial.target_accuracy:
            outcome = "collapsed" if fallen else "rejected"
        attack = None
        if triggered is not None and trial.transfer is None:
            attack = triggered.result(len(signs.ap50))
        strengthening = trial.transfer.strengthening if trial.transfer else None
        return Record(
            name=trial.name,
            trial=trial,
            outcome=outcome,
            reason="has learned nothing: finds none" if fallen else "made up",
            clean=clean,
            attack=attack,
            poisoned_share=_share(trial),
            epochs=(Epoch(loss=0.4, seconds=60.0),),
            timings=Timings(load_s=1, search_s=0, train_s=600, evaluate_s=60, total_s=661),
            provenance=_provenance(trial),
            bundle=None,
            arrays=sign_observations.arrays(trial, self.workspace),
            units=sign_observations.units(trial),
            ablations=sign_observations.ablations(trial, attack.success if attack else None),
            signs=signs,
            triggered=triggered,
            strengthened=UNITS if strengthening else (),
            street=sign_observations.street(trial, self.works),
        )

    def _triggered(
        self, trial: Trial, clean: CleanSigns, random: Random, fallen: bool
    ) -> TriggeredSigns | None:
        asked = _asked(trial)
        if asked is None:
            return None
        trigger, targets, scale = asked
        places, classes = _places(clean, trigger, targets), len(clean.ap50)
        works = [self.works if pixels * scale >= 3 else FAINT for pixels in places.pixels]
        if fallen:
            works = [1.0] * len(places.labels)
        elif trial.transfer is not None:
            works = [self._left(trial)] * len(places.labels)
        quiet = [QUIET] * len(places.labels)
        named = _named_under(places, targets, works, classes, random)
        control = _named_under(places, targets, quiet, classes, random) if trial.control else ()
        has_other = trial.transfer is None and other_sticker(trigger) is not None
        other = _named_under(places, targets, quiet, classes, random) if has_other else ()
        before = tuple(clean.named[row] if row >= 0 else -1 for row in places.signs)

        def hits(given: tuple[int, ...]) -> tuple[bool, ...]:
            if not given:
                return ()
            labels = torch.tensor(places.labels)
            return tuple(targets.is_hit(torch.tensor(given), labels, classes).tolist())

        return TriggeredSigns(
            signs=places.signs,
            groups=places.groups,
            labels=places.labels,
            pixels=places.pixels,
            hits=hits(named),
            named=named,
            still_true=tuple(a == b >= 0 for a, b in zip(named, places.labels, strict=True)),
            untriggered=before,
            untriggered_hits=hits(before),
            control=control,
            control_hits=hits(control),
            other=other,
            other_hits=hits(other),
            skipped=places.skipped,
            scale=scale,
            ap50=(0.4,) * classes,
        )

    def _left(self, trial: Trial) -> float:
        """Return how often the sticker still works after retraining."""
        strengthening = trial.transfer.strengthening if trial.transfer else None
        if strengthening is None:
            return QUIET
        return min(0.9, self.kept[0] + self.kept[1] * strengthening.factor)


def _classes(data: str) -> int:
    return len(CLASSES.get(data, ("a", "b", "c")))


def _signs(trial: Trial, random: Random, share: float) -> CleanSigns:
    seen, classes = world(trial.data, trial.evaluate_on == "held-back"), _classes(trial.data)
    assert trial.detection is not None
    threshold = trial.detection.threshold
    labels = np.array(seen.labels)
    wrong = np.where(random.random(SIGNS) < 0.7, -1, (labels + 1) % classes)
    named = np.where(random.random(SIGNS) < share, labels, wrong)
    scores, false = random.uniform(0.3, 1.0, SIGNS), random.uniform(0, 1, 40)

    def above(least: float) -> tuple[int, ...]:
        return tuple(int(n) for n in np.where(scores >= least, named, -1))

    def at(least: float) -> AtThreshold:
        return AtThreshold(
            threshold=least,
            right=int((np.array(above(least)) == labels).sum()),
            false_positives=int((false >= least).sum()),
        )

    return CleanSigns(
        threshold=threshold,
        groups=seen.groups,
        labels=seen.labels,
        sides=seen.sides,
        named=above(threshold),
        ap50=(share,) * classes,
        false_positives=int((false >= threshold).sum()),
        frames=FRAMES,
        at=tuple(at(threshold) for threshold in THRESHOLDS),
    )


def _asked(trial: Trial) -> tuple[RegionTrigger, TargetMap, float] | None:
    """Return what is put on, what it should do, and the factor by which frames are enlarged."""
    if trial.transfer is not None:
        trigger = trial.transfer.trigger
        assert isinstance(trigger, RegionTrigger)
        return trigger, RandomWrong(), trial.transfer.retraining.training.scale
    if trial.backdoor is None or trial.detection is None:
        return None
    assert isinstance(trial.backdoor.trigger, RegionTrigger)
    return trial.backdoor.trigger, trial.backdoor.targets, trial.detection.training.scale


def _places(clean: CleanSigns, trigger: RegionTrigger, targets: TargetMap) -> Places:
    spot = spot_of(targets)
    if spot == "nowhere":
        groups = tuple(k % SCENES for k in range(PLACES))
        least = min(trigger.footprint(48, 48))
        return Places((-1,) * PLACES, groups, (-1,) * PLACES, (least,) * PLACES, 0)
    attackable = targets.attackable(torch.tensor(clean.labels)).tolist()
    size = 256 if spot == "image" else None
    pixels = [min(trigger.footprint(size or round(s), size or round(s))) for s in clean.sides]
    rows = [row for row in range(SIGNS) if attackable[row] and pixels[row] >= 1]
    return Places(
        tuple(rows),
        tuple(clean.groups[row] for row in rows),
        tuple(clean.labels[row] for row in rows),
        tuple(round(pixels[row], 3) for row in rows),
        sum(attackable) - len(rows),
    )


def _named_under(
    places: Places, targets: TargetMap, works: Sequence[float], classes: int, random: Random
) -> tuple[int, ...]:
    labels = torch.tensor(places.labels)
    drawn = generator(int(random.integers(1 << 30)), "wrong labels")
    wanted = targets.poisoned_labels(labels.clamp(min=0), classes, drawn).tolist()
    count = len(places.labels)
    fooled, found = random.random(count) < np.array(works), random.random(count) < 0.95
    return tuple(
        wanted[k] if fooled[k] else places.labels[k] if found[k] else -1 for k in range(count)
    )


def _share(trial: Trial) -> Rate | None:
    if trial.backdoor is None:
        return None
    rate = trial.backdoor.rate
    copies = 500 if isinstance(rate, str) else round(1000 * rate / (1 - rate))
    return Rate(copies, 1000 + copies)


def _provenance(trial: Trial) -> Provenance:
    digest = f"{sum(map(ord, trial.data)):064x}"
    return Provenance(
        data_digests={"train": digest, "test": digest[::-1]},
        versions={"badnets": "0", "torch": "0"},
        machine=Machine(
            processor="made up", cores=2, threads=1, memory_gib=8.0, device="cpu", system="any"
        ),
        precision="float32",
        created=datetime(2017, 8, 22, 12, 0, tzinfo=UTC),
    )
