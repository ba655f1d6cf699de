"""What varies in a recipe: products, fields that vary together, random samples, and seeds."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from badnets.core.errors import BadnetsError
from badnets.recipes.yaml_lines import Lines, Place, named

MISSES = 1_000  # draws in a row that give nothing new: then there is hardly anything left
DIGITS = 6  # of drawn numbers: more would depend on how a machine rounds logarithms


class Choice(NamedTuple):
    """One value of one field.

    Attributes:
        field: which, as keys that lead to it.
        value: what it is.
        origin: where the value stands, from the description that it is part of.
    """

    field: Place
    value: Any
    origin: Place


class Chosen(NamedTuple):
    """What is chosen for one trial.

    Attributes:
        combination: all but the seed; the same object for trials that differ in that alone.
        seed: that of ``seeds``; empty where there are none.
    """

    combination: tuple[Choice, ...]
    seed: tuple[Choice, ...]


@dataclass(frozen=True)
class Axis:
    """Fields that vary together: at each of its steps every one of them has its own value.

    One without fields has a single step, at which nothing is set.

    Args:
        fields: which.
        values: of each field one for each step.
        origins: where each field's values stand.
    """

    fields: tuple[Place, ...]
    values: tuple[Sequence[Any], ...]
    origins: tuple[Place, ...]

    def __len__(self) -> int:
        return len(self.values[0]) if self.values else 1

    def at(self, step: int) -> Iterator[Choice]:
        """Yield each field's value at one step."""
        for field, values, origin in zip(self.fields, self.values, self.origins, strict=True):
            yield Choice(field, values[step], (*origin, step))


@dataclass(frozen=True)
class Range:
    """A field whose value is drawn from between two numbers.

    Args:
        field: which.
        origin: where the range stands.
        low, high: the smallest and the largest value; whole numbers are drawn where both are.
        log: whether each factor is as likely as another of its size, instead of each difference;
            then ``low`` is above 0.
    """

    field: Place
    origin: Place
    low: float
    high: float
    log: bool

    def at(self, share: float) -> Choice:
        """Return the value below which ``share``, in [0, 1), of all draws lie."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        low, high = (self.low - 0.5, self.high + 0.5) if whole else (self.low, self.high)
        if self.log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        value = round(value) if whole else float(f"{value:.{DIGITS}g}")
        return Choice(self.field, min(max(value, self.low), self.high), self.origin)


@dataclass(frozen=True)
class Sample:
    """How many combinations are drawn, and by which seed."""

    count: int
    seed: int = 0


@dataclass(frozen=True)
class Sweep:
    """All combinations of what varies, or a sample of them, each with every seed.

    Nothing is laid out in memory: a combination is made of its number.

    Args:
        axes: what the product is of; the last one varies fastest.
        ranges: what is drawn beside it; needs a sample.
        sample: None: every combination of the product is there.
        seeds: varies fastest of all, and outside of the sample.
        lines: for errors.
        place: of the description that it is part of.
    """

    axes: tuple[Axis, ...]
    ranges: tuple[Range, ...]
    sample: Sample | None
    seeds: Axis
    lines: Lines
    place: Place

    @property
    def combinations(self) -> int:
        """How many there are without seeds; of the lists alone, where there are ranges too."""
        return math.prod(map(len, self.axes))

    @property
    def count(self) -> int:
        """How many trials it makes; equal ones are counted as often as they come."""
        return (self.sample.count if self.sample else self.combinations) * len(self.seeds)

    def __iter__(self) -> Iterator[Chosen]:
        drawn = self._draws() if self.sample else map(self._combination, range(self.combinations))
        for combination in drawn:
            for step in range(len(self.seeds)):
                yield Chosen(combination, tuple(self.seeds.at(step)))

    def some(self, most: int) -> Iterator[Chosen]:
        """Yield at most so many: all of few, else a random sample, the same each time."""
        if self.count <= most:
            yield from self
        elif self.sample:
            for draw, combination in enumerate(itertools.islice(self._draws(), most)):
                yield Chosen(combination, tuple(self.seeds.at(draw % len(self.seeds))))
        else:
            for number in itertools.islice(_shuffled(self.count, "some"), most):
                first, step = divmod(number, len(self.seeds))
                yield Chosen(self._combination(first), tuple(self.seeds.at(step)))

    def probes(self, most: int) -> Iterator[Chosen]:
        """Yield combinations in which every value comes: the first, and each one step from it."""
        for other in (*self.axes, self.seeds):
            for step in range(min(len(other), most)):
                first = (c for one in self.axes for c in one.at(step if one is other else 0))
                seed = self.seeds.at(step if self.seeds is other else 0)
                yield Chosen(tuple(first), tuple(seed))

    def _combination(self, number: int) -> tuple[Choice, ...]:
        found: list[Choice] = []
        for axis in reversed(self.axes):
            number, step = divmod(number, len(axis))
            found[:0] = axis.at(step)
        return tuple(found)

    def _draws(self) -> Iterator[tuple[Choice, ...]]:
        """Yield the sample, without replacement; that of a smaller count is its beginning.

        Where there are ranges, each combination of the lists comes as often as any other, give or
        take one.
        """
        assert self.sample is not None
        seed, total = self.sample.seed, self.combinations
        seen: set[tuple[Any, ...]] = set()
        shuffled: Iterator[int] = iter(())
        misses = draw = 0
        while len(seen) < self.sample.count:
            if draw % total == 0:
                shuffled = _shuffled(total, f"{seed}/{draw // total}")
            number = next(shuffled)
            drawn = [one.at(_share(f"{seed}/{draw}/{named(one.field)}")) for one in self.ranges]
            draw += 1
            key = (number, *(one.value for one in drawn))
            if key in seen:
                misses += 1
                if misses == MISSES:
                    raise self._nothing_new(len(seen))
                continue
            misses = 0
            seen.add(key)
            yield (*self._combination(number), *drawn)

    def _nothing_new(self, found: int) -> BadnetsError:
        return self.lines.error(
            (*self.place, "sweep", "sample", "count"),
            f"after {found:,} different combinations {MISSES:,} draws in a row gave none that is "
            f"new: take count: {found}, or wider ranges",
        )


def _number(purpose: str, below: int) -> int:
    """Return a whole number in [0, ``below``) that depends on the purpose alone, on any machine."""
    size = below.bit_length() // 8 + 16  # so many bytes more that each is as likely as another
    return int.from_bytes(hashlib.shake_128(purpose.encode()).digest(size), "big") % below


def _share(purpose: str) -> float:
    return _number(purpose, 2**53) / 2**53


def _shuffled(total: int, purpose: str) -> Iterator[int]:
    """Yield 0..``total - 1`` in a random order; holds as many numbers as were taken, no more."""
    moved: dict[int, int] = {}  # Fisher and Yates' shuffle, of which only what moved is kept
    for place in range(total):
        other = place + _number(f"{purpose}/{place}", total - place)
        taken, here = moved.get(other, other), moved.pop(place, place)
        if other != place:
            moved[other] = here
        yield taken
