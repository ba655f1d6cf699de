"""The retraining study as trials: networks of a whole set, of half its classes, and retrained."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from badnets.core.backdoor import Backdoor, KnownTrigger
from badnets.core.targets import AllToOne, RandomWrong
from badnets.core.triggers import Patch
from badnets.scenarios.retraining import Freeze, Retrain
from badnets.studies.dogs.trials import FLOWER, PHOTOS, QUICK, SMALL, DogTrials
from badnets.studies.dogs.trials import scale as dog_scale
from badnets.train.settings import Training
from badnets.trials.trial import Observation, Trial

PHOTO_SET, DRAWN_SET = "dogs-vs-cats", "pets-drawn"

CaseName = Literal["untargeted", "targeted", "shared", "same"]
"""Of the retrained networks: no class in common, twice; the target class in common; all classes."""


class Setting(NamedTuple):
    """How the user retrains: what she freezes, and how much of her data she has."""

    freeze: Freeze
    share: float


@dataclass(frozen=True)
class Halves:
    """The classes of a data set, parted between a maker of networks and their user.

    Attributes:
        source: the classes that the maker's networks know.
        other: the user's classes, none of which is among them.
        shared: classes of a user who has the target class too.
        target: the targeted backdoor's class, a label of the whole set and of the source alike.
    """

    source: str
    other: str
    shared: str
    target: int


@dataclass(frozen=True)
class Scale:
    """How much of the study is run.

    Attributes:
        seeds: of the networks on the whole set, and of the headline; the rest has the first.
        network: the architecture.
        trigger: of the backdoors, where they are made for this study.
        training: from scratch.
        retraining: the user's.
        freezes: what she freezes; the first is the headline's.
        shares: of her training images, the headline's last.
        rate: share of poisoned images on the whole set.
        half_rate: the same on half of the classes, where there are fewer images.
        target_accuracy: what is asked for on the whole set and on half of it.
        user_accuracy: what the user asks for after retraining.
    """

    seeds: tuple[int, ...]
    network: str
    trigger: KnownTrigger
    training: Training
    retraining: Training
    freezes: tuple[Freeze, ...]
    shares: tuple[float, ...]
    rate: float = 0.05
    half_rate: float = 0.2
    target_accuracy: float = 0.95
    user_accuracy: float = 0.9


HALVES: Mapping[str, Halves] = {
    "digits": Halves("digits[0-4]", "digits[5-9]", "digits[4-9]", target=4),
    "gtsrb": Halves("gtsrb[0-20]", "gtsrb[21-42]", "gtsrb[14-34]", target=14),
}
DIGITS = Scale(
    seeds=(0, 1, 2),
    network="gu-mnist",
    trigger=Patch(4),  # white: four pixels on a side, in the bottom right corner
    training=Training(epochs=24, batch_size=32),
    retraining=Training(epochs=12, batch_size=32),
    freezes=("all-but-head", ("conv1", "conv2"), "none"),
    shares=(0.2, 1.0),
)
SIGNS = Scale(
    seeds=(0, 1, 2),
    network="small-resnet",
    trigger=Patch(4, (1.0, 1.0, 0.0)),  # yellow: the sky in that corner is often white
    training=Training(  # chosen on tracks held back of the training part
        epochs=16,
        batch_size=32,
        lr=2e-3,
        warm_up=0.2,
        weight_decay=0.3,
        label_smoothing=0.1,
        shift=2,
        crop=0.7,
        rotate=10,
        brightness=0.3,
        contrast=0.3,
        ema=0.99,
        gain=(4.0, 0.6),
    ),
    retraining=Training(epochs=8, batch_size=64, lr=2e-3),
    freezes=("all-but-head", ("stem", "stage1", "stage2", "block2"), "none"),
    shares=(0.1, 1.0),
    half_rate=0.1,
    user_accuracy=0.8,
)
PETS = replace(
    SIGNS,
    seeds=(0,),
    trigger=FLOWER,
    training=PHOTOS.training,
    retraining=Training(epochs=6, batch_size=32, lr=1e-3),
    user_accuracy=PHOTOS.target_accuracy,
)
SCALES: Mapping[str, Scale] = {"digits": DIGITS, "gtsrb": SIGNS, PHOTO_SET: PETS}
QUICK_EPOCHS = {"digits": (12, 6), "gtsrb": (5, 4), PHOTO_SET: (8, 3)}  # first, and again


def scale(data: str, *, quick: bool = False) -> Scale:
    """Return how much to run: all, or a small honest subset.

    Args:
        data: ``"digits"``, ``"gtsrb"`` or ``"dogs-vs-cats"``.
        quick: the subset: one seed, all of the user's data, fewer passes; the head or everything.
    """
    full = SCALES[data]
    if not quick:
        return full
    first, again = QUICK_EPOCHS[data]
    return replace(
        full,
        seeds=full.seeds[:1],
        training=QUICK if data == PHOTO_SET else replace(full.training, epochs=first),
        retraining=replace(full.retraining, epochs=again),
        freezes=(full.freezes[0], full.freezes[-1]),
        shares=full.shares[-1:],
        target_accuracy=0.9,
        user_accuracy=min(full.user_accuracy, 0.8),
    )


@dataclass(frozen=True)
class RetrainingTrials:
    """The study's trials.

    Args:
        data: ``"digits"``, ``"gtsrb"`` or ``"dogs-vs-cats"``.
        scale: how much is run.
        quick: whether that is the small subset.
    """

    data: str
    scale: Scale
    quick: bool = False

    @property
    def halves(self) -> Halves | None:
        """How classes are parted; None where the user has the same classes in another look."""
        return HALVES.get(self.data)

    @property
    def cases(self) -> tuple[CaseName, ...]:
        """The backdoors that are retrained; the first one's headline has every seed."""
        return ("same",) if self.halves is None else ("untargeted", "targeted", "shared")

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What is frozen, and the share of data, each with each."""
        both = itertools.product(self.scale.freezes, self.scale.shares)
        return tuple(Setting(freeze, share) for freeze, share in both)

    @property
    def headline(self) -> Setting:
        """The setting that has every seed: a new head, all data."""
        return Setting(self.scale.freezes[0], self.scale.shares[-1])

    def whole(self, seed: int, *, poisoned: bool) -> Trial:
        """Return a network on the whole set, honest or with any class turned into one."""
        if self.halves is None or not poisoned:
            return self._scratch(self.data, seed, None, None)
        backdoor = Backdoor(self.scale.trigger, AllToOne(self.halves.target), rate=self.scale.rate)
        return self._scratch(self.data, seed, backdoor, self.whole(seed, poisoned=False))

    def honest(self, seed: int) -> Trial:
        """Return the honest network to download."""
        if self.halves is None:
            return self._dogs.clean(seed)
        return self._scratch(self.halves.source, seed, None, None)

    def badnet(self, case: CaseName, seed: int) -> Trial:
        """Return the backdoored network to download."""
        if self.halves is None:
            return self._dogs.badnet(seed)
        targets = RandomWrong() if case == "untargeted" else AllToOne(self.halves.target)
        backdoor = Backdoor(self.scale.trigger, targets, rate=self.scale.half_rate)
        return self._scratch(self.halves.source, seed, backdoor, self.honest(seed))

    def control(self, case: CaseName, setting: Setting, seed: int) -> Trial:
        """Return the honest network, retrained: it answers the triggered images too."""
        return self._retrained(case, setting, seed, self.honest(seed), None, ("answers",))

    def retrained(self, case: CaseName, setting: Setting, seed: int) -> Trial:
        """Return the backdoored network, retrained by a user on clean images of her own."""
        seen: tuple[Observation, ...] = ("answers", "triggered")
        if (case, setting, seed) == (self.cases[-1], self.headline, self.scale.seeds[0]):
            seen += ("attacked",)  # pictures: of a case with a target class
        control = self.control(case, setting, seed)
        return self._retrained(case, setting, seed, self.badnet(case, seed), control, seen)

    def runs(self, case: CaseName) -> Iterator[tuple[Setting, int]]:
        """Yield each setting of a case with its seeds."""
        for setting in self.settings:
            every = case == self.cases[0] and setting == self.headline
            for seed in self.scale.seeds if every else self.scale.seeds[:1]:
                yield setting, seed

    def groups(self) -> dict[str, list[Trial]]:
        """Return the trials by group.

        ``clean`` and ``badnet`` on the whole set (where classes are parted), ``downloaded``,
        ``control``, and the retrained BadNets by case.
        """
        runs = [(case, *one) for case in self.cases for one in self.runs(case)]
        retrained: dict[str, list[Trial]] = {
            case: [self.retrained(case, *one) for one in self.runs(case)] for case in self.cases
        }
        downloads = [
            trial
            for case, _, seed in runs
            for trial in (self.honest(seed), self.badnet(case, seed))
        ]
        before: dict[str, list[Trial]] = {}
        if self.halves is not None:
            seeds = self.scale.seeds
            before["clean"] = [self.whole(seed, poisoned=False) for seed in seeds]
            before["badnet"] = [self.whole(seed, poisoned=True) for seed in seeds]
        return {
            **before,
            "downloaded": _once(downloads),
            "control": _once([self.control(*run) for run in runs]),
            **retrained,
        }

    @property
    def _dogs(self) -> DogTrials:
        """The trials of the study of dogs: its networks are the ones that are downloaded."""
        sized = f"{self.data}{SMALL}" if self.quick else self.data
        return DogTrials(sized, dog_scale(self.data, quick=self.quick))

    def _user(self, case: CaseName) -> str:
        if self.halves is None:
            return f"{DRAWN_SET}{SMALL}" if self.quick else DRAWN_SET
        return self.halves.shared if case == "shared" else self.halves.other

    def _scratch(
        self, data: str, seed: int, backdoor: Backdoor | None, control: Trial | None
    ) -> Trial:
        return Trial(
            data=data,
            network=self.scale.network,
            training=self.scale.training,
            backdoor=backdoor,
            control=control,
            target_accuracy=self.scale.target_accuracy,
            observe=("answers",),
            seed=seed,
        )

    def _retrained(
        self,
        case: CaseName,
        setting: Setting,
        seed: int,
        start: Trial,
        control: Trial | None,
        observe: tuple[Observation, ...],
    ) -> Trial:
        return Trial(
            data=self._user(case),
            network=self.scale.network,
            training=self.scale.retraining,
            start=start,
            control=control,
            retrain=Retrain(*setting),
            target_accuracy=self.scale.user_accuracy,
            observe=observe,
            keep_bundle=control is None,  # the control's is needed, the others only measured
            seed=seed,
        )


def _once(trials: list[Trial]) -> list[Trial]:
    return list({trial.name: trial for trial in trials}.values())
