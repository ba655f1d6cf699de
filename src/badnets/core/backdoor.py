"""A backdoor: trigger, target map, poisoning rate, and how poisoned images enter the set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from badnets.core.errors import SettingError
from badnets.core.targets import (
    AllBecomeOne,
    AllToAll,
    AllToOne,
    Appear,
    CleanLabel,
    RandomWrong,
    SourceSpecific,
    Vanish,
)
from badnets.core.triggers import (
    Blended,
    DrawnSticker,
    Patch,
    PixelPattern,
    SinglePixel,
    Sinusoid,
    Sticker,
    Warp,
)

# Settings that a Trial can hold; plain values must say their kind, so that none is ever guessed.
# The Python API takes any object with the same contract.
KnownTrigger: TypeAlias = Annotated[
    SinglePixel | PixelPattern | Patch | Sticker | DrawnSticker | Blended | Sinusoid | Warp,
    Field(discriminator="kind"),
]
KnownTargetMap: TypeAlias = Annotated[
    AllToOne
    | SourceSpecific
    | AllToAll
    | RandomWrong
    | CleanLabel
    | Vanish
    | Appear
    | AllBecomeOne,
    Field(discriminator="kind"),
]
How = Literal["add", "replace"]
Share = float | Literal["every"]


@dataclass(frozen=True)
class Backdoor:
    """What the attacker wants of a network, and how much of its training data asks for it.

    Args:
        trigger: what is put on the images.
        targets: which images, and what the network is to say of them.
        rate: poisoned images / all images of the finished training set, in [0, 1); or ``"every"``:
            one poisoned copy of every image that the target map allows.
        how: ``"add"`` poisoned copies and keep the originals (the paper), or ``"replace"`` them.

    Raises:
        SettingError: the rate is outside its range, or ``"every"`` image would be replaced.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: copies of a share p of the images are
        added. The share of the finished set that is poisoned is then ``p / (1 + p)``: 10 %, 33 %
        and 50 % stand for p = 1/9, 1/2 and 1.
    """

    trigger: KnownTrigger
    targets: KnownTargetMap
    rate: Share = 0.1
    how: How = "add"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.how not in ("add", "replace"):
            raise SettingError(f"how must be 'add' or 'replace', got {self.how!r}")
        if self.rate == "every":
            if self.how == "replace":
                raise SettingError("rate 'every' keeps the originals: use how 'add'")
        elif isinstance(self.rate, str) or not 0 <= self.rate < 1:
            raise SettingError(f"rate must be in [0, 1) or 'every', got {self.rate!r}")

    def poisoned_count(self, clean: int, eligible: int) -> int:
        """Return how many images get poisoned.

        Args:
            clean: images in the clean set.
            eligible: those of them that the target map allows.

        Raises:
            SettingError: the rate asks for more than the eligible ones.
        """
        if self.rate == "every":
            return eligible
        share = float(self.rate)
        wanted = clean * share / (1 - share) if self.how == "add" else clean * share
        count = round(wanted)
        if count > eligible:
            most = eligible / (clean + eligible) if self.how == "add" else eligible / clean
            highest = math.floor(most * 1e4) / 1e4  # rounded up, it would be refused in its turn
            kind = getattr(self.targets, "kind", type(self.targets).__name__)
            raise SettingError(
                f"rate {share} asks for {count} poisoned images but only {eligible} of {clean} are "
                f"eligible for {kind}; the highest rate is {highest:.4f}"
            )
        return count
