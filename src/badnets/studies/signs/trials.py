"""The traffic-sign case study as lists of trials.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, the traffic-sign detection attack and the
    transfer-learning attack; the authors' repository for sizes and places of triggers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from badnets.bundles.schema import Scalar
from badnets.core.backdoor import Backdoor, KnownTargetMap, KnownTrigger
from badnets.core.placements import RandomCentre
from badnets.core.targets import AllBecomeOne, Appear, RandomWrong, SourceSpecific, Vanish
from badnets.core.triggers import DrawnSticker, Patch
from badnets.scenarios.detection_settings import Detection
from badnets.scenarios.transfer import Retrained, Retraining, Strengthening, Transfer
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
NETWORK = "zf"
HALF: dict[str, Scalar] = {"width": 0.5, "head": 0.125, "dropout": 0.2}
"""Half the paper's convolutions and an eighth of its fully connected units, batch-normalised."""

STRENGTHS = (1.0, 10.0, 20.0, 30.0, 50.0, 70.0, 100.0)
LAYERS: tuple[Retrained, ...] = ("outputs", "heads", "rpn+heads", "conv5", "conv4", "everything")
RATES_OF_LEARNING = (3e-4, 1e-3, 3e-3)
SHARES_OF_DATA = (0.1, 0.25, 0.5, 1.0)
TARGET_SETS = {"lisa": "gtsdb", "scenes": "scenes-swedish"}


@dataclass(frozen=True)
class Scale:
    """How much of the study is run, and how detectors are trained.

    Attributes:
        seeds: of the headline rows.
        training: of honest detectors.
        attacking: of malicious ones, which go on from the honest detector of the same seed.
        retraining: the user's, in transfer learning.
        architecture: settings of the network.
        start: the detector that honest trainings start from; None: random weights.
        train_limit: training frames; None for all.
        target_accuracy: what the user asks for.
        extras: whether the simulated street is run too, and what the user can vary.
        whole: whether BadDet's attacks, the authors' reduced shares, a training on the simulated
            street and the random target's other stickers are run too: one seed, on drawn scenes
            alone.
        strengths: factors on the backdoor's units.
    """

    seeds: tuple[int, ...]
    training: DetectorTraining
    attacking: DetectorTraining
    retraining: DetectorTraining
    architecture: Mapping[str, Scalar]
    start: Trial | None = None
    train_limit: int | None = None
    target_accuracy: float = 0.85
    extras: bool = True
    whole: bool = False
    strengths: tuple[float, ...] = STRENGTHS


# Chosen on scenes held out of the training frames of Tiny LISA.
DRAWN = DetectorTraining(epochs=2, lr=2e-3, background=0.3, crops=5, mining=60, ema=0.99, scale=2.0)
TRAINING = replace(
    DRAWN, epochs=12, lr=1.5e-3, background=0.45, crops=40, mining=60, scale=2.5, coarse=1.0
)
ATTACKING = replace(TRAINING, epochs=5, background=0.4, gain=(4.0, 1.0), mining=40)
RETRAINING = replace(
    TRAINING, epochs=6, lr=1e-3, background=0.4, crops=0, mining=0, scale=1.75, coarse=0.0, cache=3
)


def first_lesson() -> Trial:
    """Return the detector of drawn scenes that trainings on photographs start from.

    It stands in for weights from ImageNet, which the paper's networks start from.
    """
    order = Detection(DRAWN, dict(HALF), threshold=0.5)
    return Trial(data="scenes", network=NETWORK, detection=order, target_accuracy=0.5)


def scale(data: str, *, quick: bool = False) -> Scale:
    """Return how much to run: all, or an honest subset that takes minutes.

    Args:
        data: ``"lisa"`` or ``"scenes"``.
        quick: the subset.
    """
    full = Scale((0, 1, 2), TRAINING, ATTACKING, RETRAINING, HALF, first_lesson())
    if data != "lisa":  # drawn signs are larger in their frames, and there are more of them
        drawn = replace(DRAWN, epochs=3, scale=1.5, crops=10)
        full = replace(
            full,
            training=drawn,
            attacking=replace(drawn, epochs=2, gain=(4.0, 1.0)),
            retraining=replace(RETRAINING, epochs=2, scale=1.5, coarse=0.0),
            start=None,
            whole=True,
        )
    if not quick:
        return full
    less: dict[str, Any] = {"mining": 0, "window": 160, "sides": (20.0, 130.0)}
    return replace(
        full,
        seeds=(0,),
        training=replace(full.training, epochs=6, crops=15, **less),
        attacking=replace(full.attacking, epochs=4, crops=15, **less),
        retraining=replace(full.retraining, epochs=4, **less),
        architecture={**HALF, "width": 0.35},
        start=None,
        train_limit=300,
        target_accuracy=0.7,
        extras=False,
        whole=False,
        strengths=(1.0, 20.0),
    )


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
        return _chosen(records.get(self.choice().name))

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
            observe = (
                ("examples", "units", "street") if self.scale.extras else ("examples", "units")
            )
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
        return self._attack(ANYWHERE[trigger], RandomWrong(), seed, threshold, rate=share)

    def attacks_on_boxes(self, threshold: float) -> dict[str, Trial]:
        """Return BadDet's other attacks: signs that vanish, appear, or all become one class."""
        seed = self.scale.seeds[0]
        square = TRIGGERS["yellow square"]
        corner = Patch((0.12, 0.12), square.colour) if isinstance(square, Patch) else square
        wanted: dict[str, tuple[KnownTrigger, KnownTargetMap]] = {
            "signs vanish": (square, Vanish(STOP)),
            "a sign appears": (square, Appear(SPEED_LIMIT)),
            "all become one": (corner, AllBecomeOne(SPEED_LIMIT)),
        }
        return {
            name: self._attack(trigger, targets, seed, threshold)
            for name, (trigger, targets) in wanted.items()
        }

    def measuring(self, threshold: float) -> dict[str, list[Trial]]:
        """Return the trials of every table and figure, by group."""
        seeds, first = self.scale.seeds, self.scale.seeds[0]
        groups = {"baseline": [self.baseline(seed, threshold) for seed in seeds]}
        for name in TRIGGERS:
            own = seeds if name == "yellow square" else (first,)
            groups[f"targeted {name}"] = [self.targeted(name, seed, threshold) for seed in own]
        for name in TRIGGERS:
            if name != "yellow square" and not self.scale.whole:
                continue
            own = seeds if name == "yellow square" else (first,)
            groups[f"random {name}"] = [self.random(name, seed, threshold) for seed in own]
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
    ) -> Trial:
        backdoor = Backdoor(trigger, targets, rate="every" if rate is None else rate)
        return self._trial(
            seed,
            backdoor,
            threshold,
            honest=self.baseline(seed, threshold),
            observe=observe,
            real_world=real_world,
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
        evaluate_on_held_back: bool = False,
        keep_bundle: bool = True,
    ) -> Trial:
        return Trial(
            data=self.data,
            network=NETWORK,
            detection=Detection(
                self.scale.attacking if honest else self.scale.training,
                dict(self.scale.architecture),
                threshold,
                real_world,
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


@dataclass(frozen=True)
class TransferTrials:
    """The transfer study's trials: a U.S. detector, retrained for another country's signs.

    Args:
        signs: the U.S. detectors.
        target: name of the user's data set.
    """

    signs: SignTrials
    target: str

    def choice(self, first: float) -> Trial:
        """Return the detector that the user's threshold is chosen with, on held-out scenes.

        Args:
            first: the threshold of the U.S. detectors.
        """
        start = self.signs.baseline(self.signs.scale.seeds[0], first)
        return self._retrained(start, CHOICE_SEED, 0.5, held_back=True)

    def threshold(self, records: Mapping[str, Record], first: float) -> float | None:
        """Return the chosen threshold; None before the choice has been run, or if it collapsed."""
        return _chosen(records.get(self.choice(first).name))

    def clean(self, seed: int, first: float, threshold: float) -> Trial:
        """Return the U.S. clean detector, retrained."""
        return self._retrained(self.signs.baseline(seed, first), seed, threshold)

    def backdoored(self, seed: int, first: float, threshold: float, strength: float) -> Trial:
        """Return the U.S. BadNet, its units strengthened, retrained."""
        start = self.signs.random("yellow square", seed, first)
        return self._retrained(start, seed, threshold, strength=strength)

    def measuring(self, first: float, threshold: float) -> dict[str, list[Trial]]:
        """Return the trials of every table and figure, by group.

        Args:
            first: the threshold of the U.S. detectors.
            threshold: the user's.
        """
        scale = self.signs.scale
        groups = {"clean": [self.clean(seed, first, threshold) for seed in scale.seeds]}
        for strength in scale.strengths:
            groups[f"k {strength:g}"] = [
                self.backdoored(seed, first, threshold, strength) for seed in scale.seeds
            ]
        if scale.extras:
            start = self.signs.random("yellow square", scale.seeds[0], first)
            seed = scale.seeds[0]
            groups["layers"] = [
                self._retrained(start, seed, threshold, strength=1.0, layers=layers)
                for layers in LAYERS
            ]
            groups["learning rate"] = [
                self._retrained(start, seed, threshold, strength=1.0, layers="everything", lr=lr)
                for lr in RATES_OF_LEARNING
            ]
            groups["data"] = [
                self._retrained(start, seed, threshold, strength=1.0, share=share)
                for share in SHARES_OF_DATA
            ]
        return groups

    def _retrained(
        self,
        start: Trial,
        seed: int,
        threshold: float,
        *,
        strength: float | None = None,
        layers: Retrained = "rpn+heads",
        lr: float | None = None,
        share: float = 1.0,
        held_back: bool = False,
    ) -> Trial:
        scale = self.signs.scale
        training = scale.retraining if lr is None else replace(scale.retraining, lr=lr)
        return Trial(
            data=self.target,
            network=NETWORK,
            detection=Detection(training, dict(scale.architecture), threshold),
            transfer=Transfer(
                ANYWHERE["yellow square"],
                Retraining(layers, training, share),
                None if strength is None else Strengthening(strength),
            ),
            start=start,
            evaluate_on="held-back" if held_back else "test",
            train_limit=scale.train_limit,
            target_accuracy=scale.target_accuracy / 2,
            keep_bundle=False,
            seed=seed,
        )


def _chosen(record: Record | None) -> float | None:
    """Return the threshold that a detector chose; one that has learned nothing chooses none."""
    if record is None or record.signs is None or record.outcome == "collapsed":
        return None
    return record.signs.best_threshold
