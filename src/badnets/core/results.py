"""What a verb returns: one frozen value, from which its text and its JSON are both made."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from badnets.core.rates import Interval, Rate


class Result(BaseModel):
    """What a verb has to say.

    A field's ``title`` is what text calls it; a field without one is for machines alone, one with
    ``exclude=True`` for people alone. Fields that were not given are told to neither. In text a
    tuple of results is a table of its own, other tuples are columns of one table, a mapping is one
    fact for each of its keys.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @property
    def withheld(self) -> frozenset[str]:
        """Fields that text does not show though they have a title."""
        return frozenset()


class Measured(BaseModel):
    """A rate with its 95 % interval; nothing (JSON's null) where nothing was counted."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    hits: int
    total: int
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, rate: Rate, interval: Interval | None = None) -> Self:
        """Return the rate with an interval, by default its own (Wilson's)."""
        low, high = interval or rate.interval
        return cls(hits=rate.hits, total=rate.total, value=rate.value, low=low, high=high)

    @classmethod
    def maybe(cls, rate: Rate | None) -> Self | None:
        """Return the same, None where nothing was measured."""
        return None if rate is None else cls.of(rate)

    @model_serializer(mode="wrap")
    def _null_where_none_counted(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if self.total else None

    def __str__(self) -> str:
        """Return the rate with its counts, and a dash where nothing was counted."""
        return str(Rate(self.hits, self.total)) if self.total else "-"

    @property
    def with_interval(self) -> str:
        """The same with the interval behind it, in per cent."""
        if not self.total:
            return "-"
        return f"{self} [{100 * self.low:.2f}, {100 * self.high:.2f}]"
