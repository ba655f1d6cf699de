"""The transfer study as trials: U.S. detectors, retrained; two thresholds are chosen first.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, the transfer-learning attack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from badnets.scenarios.transfer import Strengthening
from badnets.studies.catalogue import Groups, Study
from badnets.studies.signs.trials import ANYWHERE, CHOICE_SEED, SignStudy, chosen_threshold
from badnets.studies.signs.trials import make as make_signs
from badnets.trials.trial import Attack, OutsourcedTrial, TransferTrial

if TYPE_CHECKING:
    from badnets.trials.record import Record

FREEZES = (
    "all-but-outputs", "all-but-heads", "backbone", "up-to-conv4", "up-to-conv3", "none",
)  # fmt: skip
RATES_OF_LEARNING = (3e-4, 1e-3, 3e-3)
SHARES_OF_DATA = (0.1, 0.25, 0.5, 1.0)
TARGET_SETS = {"lisa": "gtsdb", "scenes": "scenes-swedish"}


@dataclass(frozen=True)
class TransferStudy(Study):
    """Trains U.S. detectors, lets a user retrain them, and measures what is left.

    Args:
        signs: the U.S. detectors.
        target: name of the user's data set.
    """

    signs: SignStudy
    target: str

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return the groups of trials known so far; see `badnets.studies.catalogue.Study`."""
        first = self.signs.threshold(records)
        second = None if first is None else self.threshold(records, first)
        return self._groups(first, second)

    def plan(self) -> Groups:
        """Return every group."""
        return self._groups(0.5, 0.5)

    def _groups(self, first: float | None, second: float | None) -> Groups:
        groups: Groups = {"choice of the threshold": [self.signs.choice()]}
        if first is not None:
            groups["choice of the user's threshold"] = [self.choice(first)]
            if second is not None:
                groups |= self.measuring(first, second)
        return groups

    def choice(self, first: float) -> TransferTrial:
        """Return the detector that the user's threshold is chosen with, on held-out scenes.

        Args:
            first: the threshold of the U.S. detectors.
        """
        start = self.signs.baseline(self.signs.scale.seeds[0], first)
        trial = self._retrained(start, 0.5, seed=CHOICE_SEED)
        return trial.model_copy(update={"evaluate_on": "held-back"})

    def threshold(self, records: Mapping[str, Record], first: float) -> float | None:
        """Return the chosen threshold; None before the choice has been run, or if it collapsed."""
        return chosen_threshold(records.get(self.choice(first).name))

    def clean(self, seed: int, first: float, threshold: float) -> TransferTrial:
        """Return the U.S. clean detector, retrained."""
        return self._retrained(self.signs.baseline(seed, first), threshold)

    def backdoored(
        self, seed: int, first: float, threshold: float, strength: float
    ) -> TransferTrial:
        """Return the U.S. BadNet, its units strengthened, retrained."""
        start = self.signs.random("yellow square", seed, first)
        return self._retrained(start, threshold, strength=strength)

    def measuring(self, first: float, threshold: float) -> Groups:
        """Return the trials of every table and figure, by group.

        Args:
            first: the threshold of the U.S. detectors.
            threshold: the user's.
        """
        scale = self.signs.scale
        groups: Groups = {"clean": [self.clean(seed, first, threshold) for seed in scale.seeds]}
        for strength in scale.strengths:
            own = [self.backdoored(seed, first, threshold, strength) for seed in scale.seeds]
            groups[f"k {strength:g}"] = own
        if scale.extras:
            badnet = self.signs.random("yellow square", scale.seeds[0], first)
            once = partial(self._retrained, badnet, threshold, strength=1.0)
            groups["layers"] = [once(freeze=freeze) for freeze in FREEZES]
            groups["learning rate"] = [once(freeze="none", lr=lr) for lr in RATES_OF_LEARNING]
            groups["data"] = [once(share=share) for share in SHARES_OF_DATA]
        return groups

    def _retrained(
        self,
        start: OutsourcedTrial,
        threshold: float,
        *,
        strength: float | None = None,
        freeze: str = "backbone",
        lr: float | None = None,
        share: float = 1.0,
        seed: int | None = None,
    ) -> TransferTrial:
        scale = self.signs.scale
        training = scale.retraining.changed(threshold=threshold)
        return TransferTrial(
            kind="transfer",
            data=self.target,
            architecture=dict(scale.architecture),
            training=training if lr is None else training.changed(lr=lr),
            freeze=freeze,
            share=share,
            attack=Attack(ANYWHERE["yellow square"]),
            strengthening=None if strength is None else Strengthening(strength),
            start=start,
            train_limit=scale.train_limit,
            target_accuracy=scale.target_accuracy / 2,
            keep_bundle=False,
            seed=start.seed if seed is None else seed,
        )


def make(data: str, *, quick: bool = False) -> TransferStudy:
    """Return the study; ``data`` is the U.S. set, ``"scenes"`` or ``"lisa"``."""
    return TransferStudy(make_signs(data, quick=quick), TARGET_SETS[data])
