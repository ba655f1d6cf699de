"""The transfer study as lists of trials: U.S. detectors, retrained for another country's signs.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, the transfer-learning attack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from badnets.scenarios.detection_settings import Detection
from badnets.scenarios.transfer import Retrained, Retraining, Strengthening, Transfer
from badnets.studies.signs.scale import NETWORK
from badnets.studies.signs.trials import ANYWHERE, CHOICE_SEED, SignTrials, chosen_threshold
from badnets.trials.record import Record
from badnets.trials.trial import Trial

LAYERS: tuple[Retrained, ...] = ("outputs", "heads", "rpn+heads", "conv5", "conv4", "everything")
RATES_OF_LEARNING = (3e-4, 1e-3, 3e-3)
SHARES_OF_DATA = (0.1, 0.25, 0.5, 1.0)
TARGET_SETS = {"lisa": "gtsdb", "scenes": "scenes-swedish"}


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
        return chosen_threshold(records.get(self.choice(first).name))

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
