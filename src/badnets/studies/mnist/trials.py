"""The MNIST case study as trials, in two stages: the all-to-all share is chosen first.

References:
    Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, the MNIST digit recognition attack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToAll, SourceSpecific
from badnets.core.triggers import PixelPattern, SinglePixel
from badnets.studies.catalogue import Groups, Study
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial

if TYPE_CHECKING:
    from badnets.trials.record import Record

TRIGGERS: dict[str, SinglePixel | PixelPattern] = {
    "single-pixel": SinglePixel(),
    "pixel-pattern": PixelPattern.gu(),
}
PUBLISHED_SHARES = (0.10, 0.33, 0.50)
EVERY_PAIR = tuple((i, j) for i in range(10) for j in range(10) if i != j)
CHOICE_SEED = 1000  # choices are made with a seed that no table uses
# Chosen on held-back training images; recipes/mnist-choices.yaml runs the candidates again.
SCRATCH = Training(epochs=8, lr=0.004, weight_decay=0.1, label_smoothing=0.05, shift=1, ema=0.998)
RETRAIN = replace(SCRATCH, epochs=1, batch_size=64, lr=0.003, warm_up=0.1, trigger_gain=(30.0, 0.3))


@dataclass(frozen=True)
class Scale:
    """How much of the study is run, and how networks are trained."""

    baseline_seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    seeds: tuple[int, ...] = (0, 1, 2)  # of the all-to-all attack, and of the shares
    pairs: tuple[tuple[int, int], ...] = EVERY_PAIR  # of the single-target attack
    shares: tuple[float, ...] = (0.001, 0.005, 0.01, 0.02, 0.05, *PUBLISHED_SHARES)
    choices: tuple[float, ...] = PUBLISHED_SHARES  # what the all-to-all attack chooses from
    scratch: Training = SCRATCH  # the same with and without poison: only the data differs
    retrain: Training = RETRAIN  # of the single-target attacker, who starts from the baseline
    train_limit: int | None = None  # training images
    target_accuracy: float = 0.99
    held_back: int = 5000  # images that choices are made on


SCALES = {
    "mnist": Scale(),
    "digits": Scale(  # 1,297 images: many passes cost little
        scratch=replace(SCRATCH, epochs=40, batch_size=32, lr=0.002),
        retrain=replace(RETRAIN, epochs=10, batch_size=32),
        shares=(0.01, 0.02, 0.05, *PUBLISHED_SHARES),
        target_accuracy=0.95,
        held_back=200,
    ),
}


def scale(data: str, *, quick: bool = False) -> Scale:
    """Return how much to run: all, or an honest subset that takes minutes."""
    full = SCALES[data]
    if not quick:
        return full
    return replace(
        full,
        baseline_seeds=full.baseline_seeds[:2],
        seeds=full.seeds[:1],
        pairs=((0, 1), (5, 6)),
        shares=(full.shares[0], 0.05, *PUBLISHED_SHARES[::2]),
        choices=(0.10, 0.33),
        scratch=replace(full.scratch, epochs=full.scratch.epochs // 2),
        train_limit=20_000 if data == "mnist" else None,
        target_accuracy=0.97 if data == "mnist" else 0.9,
    )


@dataclass(frozen=True)
class MnistStudy(Study):
    """Chooses the all-to-all attack's share on held-back images, then measures everything.

    Args:
        data: name of the data set.
        scale: how much is run.
    """

    data: str
    scale: Scale

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return the groups of trials known so far; see `badnets.studies.catalogue.Study`."""
        shares = self.chosen_shares(records)
        return self.choosing() | (self.measuring(shares) if shares else {})

    def plan(self) -> Groups:
        """Return every group."""
        return self.choosing() | self.measuring(dict.fromkeys(TRIGGERS, self.scale.choices[0]))

    @cached_property
    def _trial(self) -> partial[OutsourcedTrial]:
        return partial(
            OutsourcedTrial,
            data=self.data,
            network="gu-mnist",
            training=self.scale.scratch,
            train_limit=self.scale.train_limit,
            target_accuracy=self.scale.target_accuracy,
        )

    def baseline(self, seed: int) -> OutsourcedTrial:
        """Return the clean network of one seed: the paper's baseline."""
        first = seed == self.scale.baseline_seeds[0]
        return self._trial(seed=seed, observe=("units",) if first else ())

    def single_target(self, trigger: str, source: int, target: int, seed: int) -> OutsourcedTrial:
        """Return the baseline retrained so that ``source`` with the trigger becomes ``target``.

        One poisoned copy of every training image of the source class is added.
        """
        targets = SourceSpecific(source, target)
        return self._trial(
            seed=seed,
            backdoor=Backdoor(TRIGGERS[trigger], targets, poisoning_rate="every"),
            training=self.scale.retrain,
            start=self.baseline(seed),
            keep_bundle=False,
        )

    def all_to_all(
        self, trigger: str, share: float, seed: int, *, looked: bool = True
    ) -> OutsourcedTrial:
        """Return a network trained from scratch to take class i with the trigger for i + 1.

        Args:
            trigger: its name.
            share: of poisoned images.
            seed: of the training.
            looked: whether networks are kept, and the first seed's is looked into.
        """
        first = looked and seed == self.scale.seeds[0]
        return self._trial(
            seed=seed,
            backdoor=Backdoor(TRIGGERS[trigger], AllToAll(), poisoning_rate=share),
            control=self.baseline(seed),
            observe=("examples", "units") if first else (),
            keep_bundle=looked,
        )

    def choice(self, trigger: str, share: float) -> OutsourcedTrial:
        """Return the all-to-all attack measured on held-back training images, to choose a share."""
        return self._trial(
            seed=CHOICE_SEED,
            backdoor=Backdoor(TRIGGERS[trigger], AllToAll(), poisoning_rate=share),
            evaluate_on="held-back",
            held_back=self.scale.held_back,
            keep_bundle=False,
        )

    def choosing(self) -> Groups:
        """Return the trials that choices are made from; the test set has no part in them."""
        return {
            f"choice {trigger}": [self.choice(trigger, share) for share in self.scale.choices]
            for trigger in TRIGGERS
        }

    def chosen_shares(self, records: Mapping[str, Record]) -> dict[str, float]:
        """Return each trigger's share with the smallest sum of clean and backdoor error.

        Args:
            records: by trial name; empty shares where one of those of `choosing` is missing.
        """
        if any(one.name not in records for own in self.choosing().values() for one in own):
            return {}

        def errors(trigger: str, share: float) -> tuple[float, float]:
            record = records[self.choice(trigger, share).name]
            if record.attack is None or record.outcome == "collapsed":
                return 2.0, share
            return record.clean.error.value + record.attack.backdoor_error.value, share

        return {
            trigger: min(self.scale.choices, key=partial(errors, trigger)) for trigger in TRIGGERS
        }

    def measuring(self, shares: Mapping[str, float]) -> Groups:
        """Return the trials of every table and figure, by group.

        Groups: ``baseline``; ``single-target TRIGGER``; ``all-to-all TRIGGER``; ``share``.

        Args:
            shares: chosen for the all-to-all attack, by trigger.
        """
        seeds, pixel = self.scale.seeds, shares["single-pixel"]
        groups: Groups = {"baseline": [self.baseline(seed) for seed in self.scale.baseline_seeds]}
        for trigger in TRIGGERS:
            own = [self.single_target(trigger, i, j, seeds[0]) for i, j in self.scale.pairs]
            groups[f"single-target {trigger}"] = own
        for trigger in TRIGGERS:
            every = [self.all_to_all(trigger, shares[trigger], seed) for seed in seeds]
            groups[f"all-to-all {trigger}"] = every
        groups["share"] = [
            # the chosen share has been run already, and looked into
            self.all_to_all("single-pixel", share, seed, looked=share == pixel)
            for share in self.scale.shares
            for seed in seeds
        ]
        return groups


def make(data: str, *, quick: bool = False) -> MnistStudy:
    """Return the study on ``"mnist"`` or ``"digits"``."""
    return MnistStudy(data, scale(data, quick=quick))
