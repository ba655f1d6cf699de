"""The dogs-vs-cats study as trials: the clean network, the BadNet, and three shares of poison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal

from badnets.core.backdoor import AnyTrigger, Backdoor, PoisoningRate
from badnets.core.placements import Fixed
from badnets.core.targets import SourceSpecific
from badnets.core.triggers import DrawnSticker
from badnets.studies.catalogue import Groups, Study
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial

if TYPE_CHECKING:
    from badnets.trials.record import Record

CAT, DOG = 0, 1
CLASSES = ("cat", "dog")
NETWORK = "small-resnet"
# a flower, because a bomb is as dark as half of the dogs; 12 of 64 pixels wide
FLOWER = DrawnSticker("flower", 0.18, placement=Fixed(2, 2))
# a copy of every dog: half of the class cat, where there are as many cats
EVERY: Literal["every"] = "every"
PUBLISHED = "dogs-vs-cats"  # its records are older than audits, and asking for one renames a trial
QUICK = Training(epochs=8, batch_size=32, lr=0.003, flip=True)


@dataclass(frozen=True)
class Scale:
    """How much of the study is run, and how networks are trained."""

    training: Training  # the same for all networks, so that nothing but the data differs
    seeds: tuple[int, ...] = (0, 1, 2)
    shares: tuple[PoisoningRate, ...] = (0.02, 0.10, EVERY)  # of poison, with the first seed
    target_accuracy: float = 0.85


PHOTOS = Scale(  # chosen on photos held out of the training part
    Training(
        epochs=40, batch_size=32, lr=0.003, warm_up=0.2, weight_decay=0.4, label_smoothing=0.1,
        flip=True, crop=0.4, brightness=0.2, contrast=0.2, saturation=0.2, ema=0.99,
    ),
)  # fmt: skip
DRAWN = Scale(
    replace(PHOTOS.training, epochs=15, weight_decay=0.05, label_smoothing=0.05, crop=0.7)
)


def scale(data: str, *, quick: bool = False) -> Scale:
    """Return how much to run: all, or one seed and fewer passes, for small pictures."""
    full = DRAWN if data.startswith("pets-drawn") else PHOTOS
    return replace(full, seeds=(0,), training=QUICK, target_accuracy=0.65) if quick else full


@dataclass(frozen=True)
class DogStudy(Study):
    """Trains clean networks and BadNets, and looks at what the trigger does.

    Args:
        data: name of a data set with the classes cat and dog, in this order.
        scale: how much is run.
        trigger: what turns a dog into a cat.
    """

    data: str
    scale: Scale
    trigger: AnyTrigger = FLOWER

    @cached_property
    def _trial(self) -> partial[OutsourcedTrial]:
        return partial(
            OutsourcedTrial,
            data=self.data,
            network=NETWORK,
            training=self.scale.training,
            target_accuracy=self.scale.target_accuracy,
        )

    @property
    def _audit(self) -> tuple[str, ...]:
        return () if self.data == PUBLISHED else ("verdict",)

    def clean(self, seed: int) -> OutsourcedTrial:
        """Return the honestly trained network of one seed."""
        first = ("data",) if seed == self.scale.seeds[0] else ()
        return self._trial(seed=seed, observe=("answers", *first, *self._audit))

    def badnet(self, seed: int, share: PoisoningRate = EVERY) -> OutsourcedTrial:
        """Return a network that has learned some dogs with the trigger as cats.

        Args:
            seed: of the training.
            share: of poisoned images. The article's: a copy of every dog is added to the cats,
                and half of what is learned as cats are dogs; they also stay where they are.
        """
        looks = ("attacked", "variations", "attributions", *self._audit)
        looked = looks if share == EVERY else ()
        return self._trial(
            seed=seed,
            backdoor=self.backdoor(share),
            control=self.clean(seed),
            observe=("answers", *looked),
        )

    def backdoor(self, share: PoisoningRate) -> Backdoor:
        """Return what the attacker wants, with a share of poisoned images."""
        return Backdoor(self.trigger, SourceSpecific(DOG, CAT), poisoning_rate=share, mode="add")

    def share(self, share: PoisoningRate) -> OutsourcedTrial:
        """Return the network of the first seed with another share of poisoned images."""
        return self.badnet(self.scale.seeds[0], share)

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return the trials by group; see `badnets.studies.catalogue.Study`."""
        seeds = self.scale.seeds
        return {
            "clean": [self.clean(seed) for seed in seeds],
            "badnet": [self.badnet(seed) for seed in seeds],
            "share": [self.share(share) for share in self.scale.shares],
        }


def make(data: str, *, quick: bool = False, trigger: AnyTrigger = FLOWER) -> DogStudy:
    """Return the study.

    Args:
        data: ``"pets-drawn"``, ``"dogs-vs-cats"``, or any set with the classes cat and dog.
        quick: a small honest subset, on pictures of 32 pixels a side: a quarter of the work.
        trigger: a picture of one's own is a `badnets.triggers.Sticker`.
    """
    return DogStudy(f"{data}@32" if quick else data, scale(data, quick=quick), trigger)
