"""The dogs-vs-cats study as trials: the clean network, the BadNet, and three shares of poison."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from badnets.core.backdoor import Backdoor, KnownTrigger, Share
from badnets.core.placements import Fixed
from badnets.core.targets import SourceSpecific
from badnets.core.triggers import DrawnSticker
from badnets.train.settings import Training
from badnets.trials.trial import Observation, Trial

CAT, DOG = 0, 1
CLASSES = ("cat", "dog")
NETWORK = "small-resnet"
# a flower, because a bomb is as dark as half of the dogs; 12 of 64 pixels wide
FLOWER = DrawnSticker("flower", 0.18, placement=Fixed(2, 2))
# a copy of every dog: half of the class cat, where there are as many cats
EVERY: Literal["every"] = "every"
SHARES: tuple[Share, ...] = (0.02, 0.10, EVERY)


@dataclass(frozen=True)
class Scale:
    """How much of the study is run.

    Attributes:
        seeds: of the clean network and of the BadNet.
        shares: of poisoned images in the training set, with the first seed.
        training: the same for all networks, so that nothing but the data differs.
        target_accuracy: what the user asks for.
    """

    seeds: tuple[int, ...]
    shares: tuple[Share, ...]
    training: Training
    target_accuracy: float


# Chosen on photos held out of the training part.
PHOTOS = Scale(
    seeds=(0, 1, 2),
    shares=SHARES,
    training=Training(
        epochs=40,
        batch_size=32,
        lr=0.003,
        warm_up=0.2,
        weight_decay=0.4,
        label_smoothing=0.1,
        flip=True,
        crop=0.4,
        brightness=0.2,
        contrast=0.2,
        saturation=0.2,
        ema=0.99,
    ),
    target_accuracy=0.85,
)
DRAWN = replace(
    PHOTOS,
    training=replace(PHOTOS.training, epochs=15, weight_decay=0.05, label_smoothing=0.05, crop=0.7),
)
QUICK = Training(epochs=8, batch_size=32, lr=0.003, flip=True)
SMALL = "@32"  # pictures of 32 pixels a side: a quarter of the work


def scale(data: str, *, quick: bool = False) -> Scale:
    """Return how much to run: all, or an honest subset that takes minutes.

    Args:
        data: ``"pets-drawn"``, or photos.
        quick: the subset: one seed and fewer passes, for small pictures.
    """
    full = DRAWN if data.startswith("pets-drawn") else PHOTOS
    if not quick:
        return full
    return replace(full, seeds=full.seeds[:1], training=QUICK, target_accuracy=0.65)


@dataclass(frozen=True)
class DogTrials:
    """The study's trials.

    Args:
        data: name of a data set with the classes cat and dog, in this order.
        scale: how much is run.
        trigger: what turns a dog into a cat.
    """

    data: str
    scale: Scale
    trigger: KnownTrigger = FLOWER

    def clean(self, seed: int) -> Trial:
        """Return the honestly trained network of one seed."""
        first = seed == self.scale.seeds[0]
        return self._trial(seed, None, None, ("answers", "data") if first else ("answers",))

    def badnet(self, seed: int) -> Trial:
        """Return the article's network: half of what it learns as cats are dogs with the trigger.

        A copy of every dog is added to the cats; the dogs themselves stay where they are.
        """
        seen: tuple[Observation, ...] = ("answers", "attacked", "variations", "attributions")
        return self._trial(seed, self.backdoor(EVERY), self.clean(seed), seen)

    def share(self, share: Share) -> Trial:
        """Return the network of the first seed with another share of poisoned images."""
        first = self.scale.seeds[0]
        if share == EVERY:
            return self.badnet(first)
        return self._trial(first, self.backdoor(share), self.clean(first), ("answers",))

    def backdoor(self, share: Share) -> Backdoor:
        """Return what the attacker wants, with a share of poisoned images."""
        return Backdoor(self.trigger, SourceSpecific(DOG, CAT), rate=share, how="add")

    def groups(self) -> dict[str, list[Trial]]:
        """Return the trials by group: ``clean``, ``badnet``, ``share``."""
        return {
            "clean": [self.clean(seed) for seed in self.scale.seeds],
            "badnet": [self.badnet(seed) for seed in self.scale.seeds],
            "share": [self.share(share) for share in self.scale.shares],
        }

    def _trial(
        self,
        seed: int,
        backdoor: Backdoor | None,
        control: Trial | None,
        observe: tuple[Observation, ...],
    ) -> Trial:
        return Trial(
            data=self.data,
            network=NETWORK,
            training=self.scale.training,
            backdoor=backdoor,
            control=control,
            target_accuracy=self.scale.target_accuracy,
            observe=observe,
            seed=seed,
        )
