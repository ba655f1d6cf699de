"""Deadlines: a method that has begun is stopped when the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

from badnets.models.subject import CAPABILITIES, capabilities

if TYPE_CHECKING:
    from torch import Tensor

PASSES = {*CAPABILITIES.values(), "probabilities", "predict"}


class OutOfTime(Exception):  # noqa: N818 - no error: it was asked for
    """The time is over."""


@dataclass(frozen=True)
class Deadline:
    """A time from now on.

    Args:
        seconds: how long; None: for ever.
    """

    seconds: float | None = None
    begun: float = field(default_factory=time.perf_counter)

    @classmethod
    def of(cls, budget: float | Deadline | None) -> Deadline:
        """Return a deadline so many seconds from now, or one that was set before."""
        return budget if isinstance(budget, cls) else cls(budget)  # type: ignore[arg-type]

    def __str__(self) -> str:
        """Return how long it was, in words."""
        return f"{self.seconds:g} seconds"

    @property
    def elapsed(self) -> float:
        """Seconds since it was set."""
        return time.perf_counter() - self.begun

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.seconds is not None and self.elapsed > self.seconds

    def check(self) -> None:
        """Go on only while there is time.

        Raises:
            OutOfTime: it is over.
        """
        if self.is_over:
            raise OutOfTime

    @contextmanager
    def kept_by(self, subject: Any) -> Iterator[Any]:
        """Give a subject that answers only while there is time: passes through it end midway.

        What is computed until then is the same. Where there is no end, it is the subject itself.

        Raises:
            OutOfTime: by whatever passes through the subject once the time is over.
        """
        if self.seconds is None:
            yield subject
            return
        timed = _Timed(subject, self.check)
        if "units" not in capabilities(subject):
            yield timed
            return
        with subject.changed(dict.fromkeys(subject.layers, self._looked_at)):
            yield timed

    def _looked_at(self, output: Tensor) -> Tensor:
        """Return the output of a layer, on the way there and back, while there is time."""
        self.check()
        if output.requires_grad:
            output.register_hook(lambda _slope: self.check())  # type: ignore[no-untyped-call]
        return output


class _Timed:
    """A subject that looks at the clock before each pass."""

    def __init__(self, subject: Any, check: Callable[[], None]) -> None:
        self._subject, self._check = subject, check

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._subject, name)
        if name not in PASSES:
            return found

        @wraps(found)
        def timed(*given: Any, **named: Any) -> Any:
            self._check()
            return found(*given, **named)

        return timed
