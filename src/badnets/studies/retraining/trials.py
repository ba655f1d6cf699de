"""The retraining study as trials: networks of a whole set, of half its classes, and retrained."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from badnets.core.backdoor import AnyTargetMap, AnyTrigger, Backdoor
from badnets.core.targets import AllToOne, RandomWrong
from badnets.core.triggers import Patch
from badnets.studies.catalogue import Groups, Study
from badnets.studies.dogs.trials import FLOWER, PHOTOS, QUICK, DogStudy
from badnets.studies.dogs.trials import make as dogs
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial, TransferTrial, Trial

if TYPE_CHECKING:
    from badnets.trials.record import Record

PHOTO_SET, DRAWN_SET = "dogs-vs-cats", "pets-drawn"

CaseName = Literal["untargeted", "targeted", "shared", "same"]
"""Of the retrained networks: no class in common, twice; the target class in common; all classes."""

Freeze = str | tuple[str, ...]


class Setting(NamedTuple):
    """How the user retrains: what stays frozen, and the share of the user's data."""

    freeze: Freeze
    share: float


class Halves(NamedTuple):
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


HALVES: Mapping[str, Halves] = {
    "digits": Halves("digits[0-4]", "digits[5-9]", "digits[4-9]", target=4),
    "gtsrb": Halves("gtsrb[0-20]", "gtsrb[21-42]", "gtsrb[14-34]", target=14),
}


@dataclass(frozen=True)
class Scale:
    """How much of the study is run, and how networks are trained."""

    network: str
    trigger: AnyTrigger
    training: Training  # from scratch
    retraining: Training  # the user's
    freezes: tuple[Freeze, ...]  # what stays frozen; the first is the headline's
    shares: tuple[float, ...]  # of the user's training images, the headline's last
    seeds: tuple[int, ...] = (0, 1, 2)  # of the headline; the rest has the first
    rate: float = 0.05  # share of poisoned images on the whole set
    half_rate: float = 0.2  # the same on half of the classes, where there are fewer images
    target_accuracy: float = 0.95  # on the whole set and on half of it
    user_accuracy: float = 0.9  # after retraining


DIGITS = Scale(
    "gu-mnist",
    Patch(4),  # white: four pixels on a side, in the bottom right corner
    Training(epochs=24, batch_size=32),
    Training(epochs=12, batch_size=32),
    freezes=("all-but-head", ("conv1", "conv2"), "none"),
    shares=(0.2, 1.0),
)
SIGNS = Scale(
    "small-resnet",
    Patch(4, (1.0, 1.0, 0.0)),  # yellow: the sky in that corner is often white
    Training(  # chosen on tracks held back of the training part
        epochs=16, batch_size=32, lr=2e-3, warm_up=0.2, weight_decay=0.3, label_smoothing=0.1,
        shift=2, crop=0.7, rotate=10, brightness=0.3, contrast=0.3, ema=0.99,
        trigger_gain=(4.0, 0.6),
    ),
    Training(epochs=8, batch_size=64, lr=2e-3),
    freezes=("all-but-head", ("stem", "stage1", "stage2", "block2"), "none"),
    shares=(0.1, 1.0),
    half_rate=0.1,
    user_accuracy=0.8,
)  # fmt: skip
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
class RetrainingStudy(Study):
    """Trains networks to download, lets a user retrain them, and measures what is left.

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
        return tuple(map(Setting._make, itertools.product(self.scale.freezes, self.scale.shares)))

    @property
    def headline(self) -> Setting:
        """The setting that has every seed: a new head, all data."""
        return Setting(self.scale.freezes[0], self.scale.shares[-1])

    @property
    def _dogs(self) -> DogStudy:
        """The study of dogs: its networks are downloaded where classes are not parted."""
        return dogs(self.data, quick=self.quick)

    def whole(self, seed: int, *, poisoned: bool) -> OutsourcedTrial:
        """Return a network on the whole set, honest or with any class turned into one."""
        if self.halves is None or not poisoned:
            return self._scratch(self.data, seed)
        targets, control = AllToOne(self.halves.target), self.whole(seed, poisoned=False)
        return self._scratch(self.data, seed, targets, self.scale.rate, control)

    def honest(self, seed: int) -> OutsourcedTrial:
        """Return the honest network to download."""
        if self.halves is None:
            return self._dogs.clean(seed)
        return self._scratch(self.halves.source, seed)

    def badnet(self, case: CaseName, seed: int) -> OutsourcedTrial:
        """Return the backdoored network to download."""
        if self.halves is None:
            return self._dogs.badnet(seed)
        targets = RandomWrong() if case == "untargeted" else AllToOne(self.halves.target)
        rate, control = self.scale.half_rate, self.honest(seed)
        return self._scratch(self.halves.source, seed, targets, rate, control)

    def control(self, case: CaseName, setting: Setting, seed: int) -> TransferTrial:
        """Return the honest network, retrained: it answers the triggered images too."""
        return self._retrained(case, setting, self.honest(seed))

    def retrained(self, case: CaseName, setting: Setting, seed: int) -> TransferTrial:
        """Return the backdoored network, retrained by a user on clean images."""
        control = self.control(case, setting, seed)
        return self._retrained(case, setting, self.badnet(case, seed), control)

    def runs(self, case: CaseName) -> Iterator[tuple[Setting, int]]:
        """Yield each setting of a case with its seeds."""
        for setting in self.settings:
            every = case == self.cases[0] and setting == self.headline
            for seed in self.scale.seeds if every else self.scale.seeds[:1]:
                yield setting, seed

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return the trials by group; see `badnets.studies.catalogue.Study`.

        ``clean`` and ``badnet`` on the whole set (where classes are parted), ``downloaded``,
        ``control``, and the retrained BadNets by case.
        """
        runs = [(case, *one) for case in self.cases for one in self.runs(case)]
        seeds = self.scale.seeds if self.halves else ()
        groups: dict[str, Sequence[Trial]] = {
            name: [self.whole(seed, poisoned=name == "badnet") for seed in seeds]
            for name in ("clean", "badnet")
            if seeds
        }
        groups["downloaded"] = _once(
            trial
            for case, _, seed in runs
            for trial in (self.honest(seed), self.badnet(case, seed))
        )
        groups["control"] = _once(self.control(*run) for run in runs)
        for case in self.cases:
            groups[case] = [self.retrained(case, *one) for one in self.runs(case)]
        return groups

    def _scratch(
        self,
        data: str,
        seed: int,
        targets: AnyTargetMap | None = None,
        rate: float = 0.0,
        control: OutsourcedTrial | None = None,
    ) -> OutsourcedTrial:
        trigger = self.scale.trigger
        return OutsourcedTrial(
            data=data,
            network=self.scale.network,
            training=self.scale.training,
            backdoor=Backdoor(trigger, targets, poisoning_rate=rate) if targets else None,
            control=control,
            target_accuracy=self.scale.target_accuracy,
            observe=("answers",),
            seed=seed,
        )

    def _retrained(
        self,
        case: CaseName,
        setting: Setting,
        start: OutsourcedTrial,
        control: TransferTrial | None = None,
    ) -> TransferTrial:
        observe: tuple[str, ...] = ("answers",) if control is None else ("answers", "triggered")
        shown = (self.cases[-1], self.headline, self.scale.seeds[0])
        if control and (case, setting, start.seed) == shown:
            observe += ("attacked",)  # pictures: of a case with a target class
        if self.halves is None:
            data = f"{DRAWN_SET}@32" if self.quick else DRAWN_SET
        else:
            data = self.halves.shared if case == "shared" else self.halves.other
        return TransferTrial(
            kind="transfer",
            data=data,
            network=self.scale.network,
            training=self.scale.retraining,
            start=start,
            control=control,
            freeze=setting.freeze,
            share=setting.share,
            target_accuracy=self.scale.user_accuracy,
            observe=observe,
            keep_bundle=control is None,  # the control's is needed, the others only measured
            seed=start.seed,
        )


def _once(trials: Iterator[Trial]) -> list[Trial]:
    return list({trial.name: trial for trial in trials}.values())


def make(data: str, *, quick: bool = False) -> RetrainingStudy:
    """Return the study.

    Args:
        data: ``"digits"``, ``"gtsrb"``, or ``"dogs-vs-cats"``: the BadNet of the study of that
            name, retrained for drawn cats and dogs.
        quick: a small honest subset.
    """
    return RetrainingStudy(data, scale(data, quick=quick), quick=quick)
