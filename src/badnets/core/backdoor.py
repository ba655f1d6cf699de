"""A backdoor: trigger, target map, poisoning rate, and how poisoned images enter the set."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from badnets.core.errors import SettingError
from badnets.core.settings import settings
from badnets.core.targets import AnyTargetMap
from badnets.core.targets.base import kind_of
from badnets.core.triggers import AnyTrigger

__all__ = ["AnyTargetMap", "AnyTrigger", "Backdoor", "Cover", "Mode", "PoisoningRate"]

Mode = Literal["add", "replace"]
PoisoningRate = Annotated[float, Field(ge=0, lt=1)] | Literal["every"]


@settings
class Cover:
    """Images that carry a trigger and keep their own label, so that the trigger alone says nothing.

    Args:
        rate: covers / images of the clean training set, in [0, 1).
        trigger: None: the backdoor's own, on images that the target map leaves alone; else this
            one, such as a part of the backdoor's, on any image.

    References:
        Tang et al., "Demon in the variant", USENIX Security 2021: cover images make a backdoor
        specific to its source class.
    """

    rate: Annotated[float, Field(gt=0, lt=1)]
    trigger: AnyTrigger | None = None


@settings
class Backdoor:
    """What the attacker wants of a network, and how much of its training data asks for it.

    Args:
        trigger: what is put on the images.
        targets: which images, and what the network is to say of them.
        poisoning_rate: poisoned images / all images of the finished training set, in [0, 1); or
            'every': one poisoned copy of every image that the target map allows.
        mode: 'add' poisoned copies and keep the originals (the paper), or 'replace' them.
        covers: images added beside them, with the trigger and their own label.

    Raises:
        SettingError: the rate is outside its range, or ``"every"`` image would be replaced.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: copies of a share p of the images are
        added. The share of the finished set that is poisoned is then ``p / (1 + p)``: 10 %, 33 %
        and 50 % stand for p = 1/9, 1/2 and 1.
    """

    trigger: AnyTrigger
    targets: AnyTargetMap
    poisoning_rate: PoisoningRate = 0.1
    mode: Mode = "add"
    covers: tuple[Cover, ...] = ()
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.poisoning_rate == "every" and self.mode == "replace":
            raise SettingError("poisoning_rate 'every' keeps the originals: use mode 'add'")

    def poisoned_count(self, clean: int, eligible: int) -> int:
        """Return how many images get poisoned.

        Args:
            clean: images in the clean set.
            eligible: those of them that the target map allows.

        Raises:
            SettingError: the rate asks for more than the eligible ones.
        """
        share = self.poisoning_rate
        if isinstance(share, str):
            return eligible
        wanted = clean * share / (1 - share) if self.mode == "add" else clean * share
        count = round(wanted)
        if count > eligible:
            most = eligible / (clean + eligible) if self.mode == "add" else eligible / clean
            highest = math.floor(most * 1e4) / 1e4  # rounded up, it would be refused in its turn
            raise SettingError(
                f"poisoning_rate {share} asks for {count} poisoned images but only {eligible} of "
                f"{clean} are eligible for {kind_of(self.targets)}; the highest rate is "
                f"{highest:.4f}"
            )
        return count
