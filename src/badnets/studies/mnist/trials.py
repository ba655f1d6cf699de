"""The MNIST case study as lists of trials.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, the MNIST digit recognition attack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToAll, SourceSpecific
from badnets.core.triggers import PixelPattern, SinglePixel
from badnets.train.settings import Training
from badnets.trials.record import Record
from badnets.trials.trial import Observation, Trial

TRIGGERS: dict[str, SinglePixel | PixelPattern] = {
    "single-pixel": SinglePixel(),
    "pixel-pattern": PixelPattern.gu(),
}
PUBLISHED_SHARES = (0.10, 0.33, 0.50)
SHARES_BEYOND = (0.001, 0.005, 0.01, 0.02, 0.05)
CHOICES = (0.10, 0.33, 0.50)  # shares that the all-to-all attack chooses from
CHOICE_SEED = 1000  # choices are made with a seed that no table uses


@dataclass(frozen=True)
class Scale:
    """How much of the study is run.

    Attributes:
        baseline_seeds: of the clean network.
        seeds: of the all-to-all attack and the error against the share.
        pairs: ordered pairs (i, j) of the single-target attack.
        shares: of the error against the share.
        choices: shares to choose from.
        scratch: training from random weights: the same for the baseline, the all-to-all attack
            and the error against the share, so that nothing but the data differs.
        retrain: the single-target attacker's, who starts from the baseline.
        train_limit: training images; None for all.
        target_accuracy: what the user asks for.
    """

    baseline_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    shares: tuple[float, ...]
    choices: tuple[float, ...]
    scratch: Training
    retrain: Training
    train_limit: int | None = None
    target_accuracy: float = 0.99


EVERY_PAIR = tuple((i, j) for i in range(10) for j in range(10) if i != j)
# Chosen on held-back training images; recipes/mnist-choices.yaml runs the candidates again.
SCRATCH = Training(epochs=8, lr=0.004, weight_decay=0.1, label_smoothing=0.05, shift=1, ema=0.998)
RETRAIN = replace(SCRATCH, epochs=1, batch_size=64, lr=0.003, warm_up=0.1, gain=(30.0, 0.3))

FULL = Scale(
    baseline_seeds=(0, 1, 2, 3, 4),
    seeds=(0, 1, 2),
    pairs=EVERY_PAIR,
    shares=(*SHARES_BEYOND, *PUBLISHED_SHARES),
    choices=CHOICES,
    scratch=SCRATCH,
    retrain=RETRAIN,
)


def scale(data: str, *, quick: bool = False) -> Scale:
    """Return how much to run: all, or an honest subset that takes minutes.

    Args:
        data: ``"mnist"`` or another set of ten classes of 28 x 28 grey images (``"digits"``).
        quick: the subset.
    """
    full = FULL
    if data == "digits":  # 1,297 images: many passes cost little
        full = replace(
            FULL,
            scratch=replace(SCRATCH, epochs=40, batch_size=32, lr=0.002),
            retrain=replace(RETRAIN, epochs=10, batch_size=32),
            shares=(0.01, 0.02, 0.05, *PUBLISHED_SHARES),
            target_accuracy=0.95,
        )
    if not quick:
        return full
    return replace(
        full,
        baseline_seeds=full.baseline_seeds[:2],
        seeds=full.seeds[:1],
        pairs=tuple((i, (i + 1) % 10) for i in range(0, 10, 5)),
        shares=(full.shares[0], 0.05, *PUBLISHED_SHARES[::2]),
        choices=(0.10, 0.33),
        scratch=replace(full.scratch, epochs=full.scratch.epochs // 2),
        train_limit=20_000 if data == "mnist" else None,
        target_accuracy=0.97 if data == "mnist" else 0.9,
    )


@dataclass(frozen=True)
class MnistTrials:
    """The study's trials, by the part of the study that they belong to.

    Args:
        data: name of the data set.
        scale: how much is run.
    """

    data: str
    scale: Scale

    def baseline(self, seed: int) -> Trial:
        """Return the clean network of one seed: the paper's baseline."""
        first = seed == self.scale.baseline_seeds[0]
        return self._trial(seed, self.scale.scratch, None, observe=("units",) if first else ())

    def single_target(self, trigger: str, source: int, target: int, seed: int) -> Trial:
        """Return the baseline retrained so that ``source`` with the trigger becomes ``target``.

        One poisoned copy of every training image of the source class is added.
        """
        backdoor = Backdoor(TRIGGERS[trigger], SourceSpecific(source, target), rate="every")
        start = self.baseline(seed)
        return self._trial(seed, self.scale.retrain, backdoor, start=start, keep_bundle=False)

    def all_to_all(self, trigger: str, share: float, seed: int) -> Trial:
        """Return a network trained from scratch to take class i with the trigger for i + 1."""
        first = seed == self.scale.seeds[0]
        return self._trial(
            seed,
            self.scale.scratch,
            Backdoor(TRIGGERS[trigger], AllToAll(), rate=share),
            control=self.baseline(seed),
            observe=("examples", "units") if first else (),
        )

    def share(self, share: float, seed: int) -> Trial:
        """Return the single-pixel all-to-all attack at one share of poisoned images."""
        return self._trial(
            seed,
            self.scale.scratch,
            Backdoor(TRIGGERS["single-pixel"], AllToAll(), rate=share),
            control=self.baseline(seed),
            keep_bundle=False,
        )

    def choice(self, trigger: str, share: float) -> Trial:
        """Return the all-to-all attack measured on held-back training images, to choose a share."""
        return self._trial(
            CHOICE_SEED,
            self.scale.scratch,
            Backdoor(TRIGGERS[trigger], AllToAll(), rate=share),
            evaluate_on="held-back",
            held_back=5000 if self.data == "mnist" else 200,
            keep_bundle=False,
        )

    def _trial(
        self,
        seed: int,
        training: Training,
        backdoor: Backdoor | None,
        *,
        start: Trial | None = None,
        control: Trial | None = None,
        observe: tuple[Observation, ...] = (),
        keep_bundle: bool = True,
        evaluate_on: Literal["test", "held-back"] = "test",
        held_back: int = 5000,
    ) -> Trial:
        return Trial(
            data=self.data,
            network="gu-mnist",
            training=training,
            backdoor=backdoor,
            start=start,
            control=control,
            evaluate_on=evaluate_on,
            held_back=held_back,
            train_limit=self.scale.train_limit,
            target_accuracy=self.scale.target_accuracy,
            observe=observe,
            keep_bundle=keep_bundle,
            seed=seed,
        )

    def choosing(self) -> dict[str, list[Trial]]:
        """Return the trials that choices are made from; the test set has no part in them."""
        return {
            f"choice {trigger}": [self.choice(trigger, share) for share in self.scale.choices]
            for trigger in TRIGGERS
        }

    def chosen_shares(self, records: Mapping[str, Record]) -> dict[str, float]:
        """Return each trigger's share with the smallest sum of clean and backdoor error.

        Args:
            records: by trial name; those of `choosing` are among them.
        """
        shares = {}
        for trigger in TRIGGERS:
            errors = {
                share: _both_errors(records[self.choice(trigger, share).name])
                for share in self.scale.choices
            }
            shares[trigger] = min(errors, key=lambda share: (errors[share], share))
        return shares

    def measuring(self, shares: Mapping[str, float]) -> dict[str, list[Trial]]:
        """Return the trials of every table and figure, by group.

        Groups: ``baseline``; ``single-target TRIGGER``; ``all-to-all TRIGGER``; ``share``.

        Args:
            shares: chosen for the all-to-all attack, by trigger.
        """
        first = self.scale.seeds[0]
        groups = {"baseline": [self.baseline(seed) for seed in self.scale.baseline_seeds]}
        for trigger in TRIGGERS:
            groups[f"single-target {trigger}"] = [
                self.single_target(trigger, i, j, first) for i, j in self.scale.pairs
            ]
        for trigger in TRIGGERS:
            groups[f"all-to-all {trigger}"] = [
                self.all_to_all(trigger, shares[trigger], seed) for seed in self.scale.seeds
            ]
        groups["share"] = [
            # the chosen share has been run already, and looked into
            self.all_to_all("single-pixel", share, seed)
            if share == shares["single-pixel"]
            else self.share(share, seed)
            for share in self.scale.shares
            for seed in self.scale.seeds
        ]
        return groups


def _both_errors(record: Record) -> float:
    if record.attack is None or record.outcome == "collapsed":
        return 2.0
    return record.clean.error.value + record.attack.backdoor_error.value
