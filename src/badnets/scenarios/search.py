"""What a malicious trainer is ready to try."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from badnets.core.backdoor import Share
from badnets.core.errors import SettingError


@dataclass(frozen=True)
class Search:
    """A grid that is tried in order, until the user's target and the attack's both hold.

    The trainer measures on images that he holds back from the training data he was given; the
    user's validation set is never seen.

    Args:
        rates: poisoning rates, tried from left to right; the innermost loop.
        lrs: peak learning rates; empty: the trial's own.
        batch_sizes: images per step; empty: the trial's own. The outermost loop.
        target_success: the attack success rate that is good enough, in [0, 1].
        epochs: passes per try; 0: the trial's own.
        held_back: images he measures on.

    Raises:
        SettingError: a setting is outside its range.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the attacker may change step size and
        mini-batch size to reach the training error.
    """

    rates: tuple[Share, ...] = (0.05, 0.1, 0.33)
    lrs: tuple[float, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    target_success: float = 0.99
    epochs: int = 0
    held_back: int = 2000
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not self.rates:
            raise SettingError("search needs at least one rate")
        for rate in self.rates:
            if rate != "every" and (isinstance(rate, str) or not 0 <= rate < 1):
                raise SettingError(f"rates must be in [0, 1) or 'every', got {rate!r}")
        for lr in self.lrs:
            if not 0 < lr < math.inf:
                raise SettingError(f"lrs must be > 0, got {lr}")
        for size in self.batch_sizes:
            if size < 1:
                raise SettingError(f"batch_sizes must be >= 1, got {size}")
        if not 0 <= self.target_success <= 1:
            raise SettingError(f"target_success must be in [0, 1], got {self.target_success}")
        if self.held_back < 1 or self.epochs < 0:
            raise SettingError("search wants held_back >= 1 and epochs >= 0")
