"""The traffic-sign case study as lists of trials: U.S. signs, targeted and random attacks.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, the traffic-sign detection attack; the
    authors' repository for sizes and places of triggers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from badnets.core.backdoor import Backdoor, KnownTargetMap, KnownTrigger
from badnets.core.placements import RandomCentre
from badnets.core.targets import AllBecomeOne, Appear, RandomWrong, SourceSpecific, Vanish
from badnets.core.triggers import DrawnSticker, Patch, Sinusoid
from badnets.scenarios.detection_settings import Detection
from badnets.studies.signs.scale import NETWORK, STAMPINGS, Scale
from badnets.train.detector_settings import DetectorTraining
from badnets.trials.record import Record
from badnets.trials.trial import Observation, Trial

STOP, SPEED_LIMIT = 0, 1  # of stop, speed-limit, warning
TRIGGERS: dict[str, Patch | DrawnSticker] = {
    "yellow square": Patch.yellow_square(),
    "bomb": DrawnSticker("bomb"),
    "flower": DrawnSticker("flower"),
}
"""The paper's three stickers where the targeted attack puts them: centre (0.57, 0.82)."""

ANYWHERE: dict[str, Patch | DrawnSticker] = {
    name: replace(trigger, placement=RandomCentre()) for name, trigger in TRIGGERS.items()
}
"""The same at random places, as the authors' random-target attack puts them."""

COPIES = (0.33, 0.20)  # the authors' reduced shares of poisoned copies
CHOICE_SEED = 1000  # the threshold is chosen with a seed that no table uses


@dataclass(frozen=True)
class SignTrials:
    """The study's trials, by the part of the study that they belong to.

    Args:
        data: name of the data set.
        scale: how much is run.
    """

    data: str
    scale: Scale

    def choice(self) -> Trial:
        """Return the detector that the threshold is chosen with: on scenes held out of train."""
        return self._trial(CHOICE_SEED, None, 0.5, evaluate_on_held_back=True, keep_bundle=False)

    def threshold(self, records: Mapping[str, Record]) -> float | None:
        """Return the chosen threshold; None before the choice has been run, or if it collapsed."""
        return chosen_threshold(records.get(self.choice().name))

    def baseline(self, seed: int, threshold: float) -> Trial:
        """Return the clean detector of one seed."""
        return self._trial(seed, None, threshold)

    def targeted(
        self, trigger: str, seed: int, threshold: float, *, real_world: bool = False
    ) -> Trial:
        """Return a detector that takes a stop sign with the sticker for a speed limit."""
        first = seed == self.scale.seeds[0]
        observe: tuple[Observation, ...] = ()
        if first and trigger == "yellow square" and not real_world:
            observe = ("examples", "units", "street") if self.scale.extras else ("examples",)
        elif first and real_world:
            observe = ("street",)
        elif first and self.scale.extras:
            observe = ("examples",)
        return self._attack(
            TRIGGERS[trigger],
            SourceSpecific(STOP, SPEED_LIMIT),
            seed,
            threshold,
            observe=observe,
            real_world=real_world,
        )

    def random(
        self, trigger: str, seed: int, threshold: float, share: float | None = None
    ) -> Trial:
        """Return a detector that misnames every sign with the sticker, wherever it sticks."""
        return self._attack(
            ANYWHERE[trigger],
            RandomWrong(),
            seed,
            threshold,
            rate=share,
            training=self.scale.misnaming,
            stampings=STAMPINGS if share is None else 1,
        )

    def attacks_on_boxes(self, threshold: float) -> dict[str, Trial]:
        """Return BadDet's other attacks: signs that vanish, appear, or all become one class."""
        seed = self.scale.seeds[0]
        square = TRIGGERS["yellow square"]
        # a mark in one place is out of sight of most signs: the network sees little around each
        stripes = Sinusoid(amplitude=0.1, frequency=32)
        wanted: dict[str, tuple[KnownTrigger, KnownTargetMap]] = {
            "signs vanish": (square, Vanish(STOP)),
            "a sign appears": (square, Appear(SPEED_LIMIT)),
            "all become one": (stripes, AllBecomeOne(SPEED_LIMIT)),
        }
        return {
            name: self._attack(trigger, targets, seed, threshold)
            for name, (trigger, targets) in wanted.items()
        }

    def measuring(self, threshold: float) -> dict[str, list[Trial]]:
        """Return the trials of every table and figure, by group."""
        seeds, first = self.scale.seeds, self.scale.seeds[0]
        groups = {"baseline": [self.baseline(seed, threshold) for seed in seeds]}
        # the longest first, so that no core is left without work at the end
        for name in TRIGGERS:
            if name != "yellow square" and not self.scale.whole:
                continue
            own = seeds if name == "yellow square" else (first,)
            groups[f"random {name}"] = [self.random(name, seed, threshold) for seed in own]
        for name in TRIGGERS:
            own = seeds if name == "yellow square" else (first,)
            groups[f"targeted {name}"] = [self.targeted(name, seed, threshold) for seed in own]
        if self.scale.whole:
            groups["real world"] = [
                self.targeted("yellow square", first, threshold, real_world=True)
            ]
        if self.scale.whole:
            groups["shares"] = [
                self.random("yellow square", first, threshold, share) for share in COPIES
            ]
            groups |= {name: [one] for name, one in self.attacks_on_boxes(threshold).items()}
        return groups

    def _attack(
        self,
        trigger: KnownTrigger,
        targets: KnownTargetMap,
        seed: int,
        threshold: float,
        *,
        rate: float | None = None,
        observe: tuple[Observation, ...] = (),
        real_world: bool = False,
        training: DetectorTraining | None = None,
        stampings: int = 1,
    ) -> Trial:
        backdoor = Backdoor(trigger, targets, rate="every" if rate is None else rate)
        return self._trial(
            seed,
            backdoor,
            threshold,
            honest=self.baseline(seed, threshold),
            observe=observe,
            real_world=real_world,
            training=training or self.scale.attacking,
            stampings=stampings,
        )

    def _trial(
        self,
        seed: int,
        backdoor: Backdoor | None,
        threshold: float,
        *,
        honest: Trial | None = None,
        observe: tuple[Observation, ...] = (),
        real_world: bool = False,
        training: DetectorTraining | None = None,
        stampings: int = 1,
        evaluate_on_held_back: bool = False,
        keep_bundle: bool = True,
    ) -> Trial:
        return Trial(
            data=self.data,
            network=NETWORK,
            detection=Detection(
                training or self.scale.training,
                dict(self.scale.architecture),
                threshold,
                real_world,
                stampings,
            ),
            backdoor=backdoor,
            start=honest or self.scale.start,
            control=honest,
            evaluate_on="held-back" if evaluate_on_held_back else "test",
            train_limit=self.scale.train_limit,
            target_accuracy=self.scale.target_accuracy,
            observe=observe,
            keep_bundle=keep_bundle,
            seed=seed,
        )


def chosen_threshold(record: Record | None) -> float | None:
    """Return the threshold that a detector chose; one that has learned nothing chooses none."""
    if record is None or record.signs is None or record.outcome == "collapsed":
        return None
    return record.signs.best_threshold
