"""Random choices, cheap enough to be asked hundreds of times for one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")
DRAWN = 640  # numbers that are drawn at a time


class Chance:
    """Choices that depend on whole numbers alone.

    Args:
        keys: the numbers, each ``>= 0``.
    """

    def __init__(self, *keys: int) -> None:
        self.rng = np.random.default_rng(list(keys))
        self._left: list[float] = []

    def unit(self) -> float:
        """Return a number in [0, 1)."""
        if not self._left:
            self._left = self.rng.random(DRAWN).tolist()
        return self._left.pop()

    def between(self, low: float, high: float) -> float:
        """Return a number between the two."""
        return low + (high - low) * self.unit()

    def about(self, middle: float, spread: float) -> float:
        """Return a number within ``spread`` of ``middle``, more often close to it."""
        return middle + spread * (self.unit() + self.unit() - 1)

    def coin(self, share: float) -> bool:
        """Return True in this share of all cases."""
        return self.unit() < share

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""
        return low + int(self.unit() * (high - low + 1))

    def one_of(self, choices: Sequence[Choice]) -> Choice:
        """Return one of the choices, each as likely as the others."""
        return choices[int(self.unit() * len(choices))]

    def weighted(self, choices: Mapping[Choice, float]) -> Choice:
        """Return one of the choices, as likely as its weight says."""
        left = self.unit() * sum(choices.values())
        for choice, weight in choices.items():
            left -= weight
            if left < 0:
                return choice
        return choice
