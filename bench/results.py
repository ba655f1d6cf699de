"""What a benchmark finds: a figure with its n and range, and the figure that was wanted."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, NamedTuple

Unit = Literal["x", "s", "%", "GiB", "images/s", "scenes/s", "count"]
Verdict = Literal["met", "missed", "not judged", ""]


class Wanted(NamedTuple):
    """The figure to reach: at most (``"<="``) or at least (``">="``) ``limit``."""

    sign: Literal["<=", ">="]
    limit: float

    def holds(self, value: float) -> bool:
        """Return whether ``value`` reaches it; NaN does not."""
        return value <= self.limit if self.sign == "<=" else value >= self.limit


@dataclass(frozen=True)
class Result:
    """One measured figure, with every measurement that it rests on.

    Attributes:
        what: which figure, in words.
        values: the measurements, at least one.
        unit: of the measurements; ``"x"`` is a ratio, ``"count"`` how many of all.
        centre: what stands for all of them.
        wanted: the figure to reach; None: reported only.
        judged: whether this run may be held against it (full size, real data).
        holds: False where something the figure presupposes did not come true: then it is missed.
        note: what else a reader has to know.
        more: other numbers of the run, by name.
        tried: of how many the one value is a count.
        each: what was tried, by name, and what came of it.
    """

    what: str
    values: tuple[float, ...]
    unit: Unit
    centre: Literal["median", "mean"] = "median"
    wanted: Wanted | None = None
    judged: bool = True
    holds: bool = True
    note: str = ""
    more: dict[str, float] = field(default_factory=dict)
    tried: int = 0
    each: dict[str, str] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The median or mean of the measurements."""
        middle = statistics.median if self.centre == "median" else statistics.fmean
        return middle(self.values)

    @property
    def verdict(self) -> Verdict:
        """Whether the wanted figure was reached; empty where none is."""
        if self.wanted is None:
            return ""
        if not self.judged:
            return "not judged"
        return "met" if self.holds and self.wanted.holds(self.value) else "missed"

    @property
    def measured(self) -> str:
        """The value with its unit."""
        if self.unit == "count":
            return f"{self.value:,.0f} of {self.tried:,}"
        return f"{shown(self.value, self.unit)} {self.unit}"

    @property
    def n(self) -> int:
        """How many measurements, or things tried, it rests on."""
        return self.tried or len(self.values)

    @property
    def spread(self) -> str:
        """The range of the measurements; empty where they are counts."""
        if self.unit == "count":
            return ""
        return f"{shown(min(self.values), self.unit)} to {shown(max(self.values), self.unit)}"

    @property
    def aim(self) -> str:
        """The wanted figure with its unit; empty where none is."""
        if self.wanted is None:
            return ""
        if self.unit == "count":
            return "all" if self.wanted.limit == self.tried else f"{self.wanted.limit:g}"
        return f"{self.wanted.sign} {self.wanted.limit:g} {self.unit}"

    @property
    def line(self) -> str:
        """All of it in one line."""
        aim = f"; wanted {self.aim}: {self.verdict}" if self.wanted else ""
        note = f" ({self.note})" if self.note else ""
        spread = f"{self.centre}, range {self.spread}, n={self.n}"
        spread = spread if self.spread else f"n={self.n}"
        return f"{self.what}: {self.measured} ({spread}{aim}){note}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, with what follows from them."""
        plain = asdict(self) | {"values": list(self.values)}
        plain["wanted"] = list(self.wanted) if self.wanted else None
        said = {"measured": self.measured, "spread": self.spread, "n": self.n, "aim": self.aim}
        return {**plain, "value": self.value, "verdict": self.verdict, **said}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Result:
        """Return the result that `to_json` was called on; what else a line holds is passed over."""
        own = {one.name: plain[one.name] for one in fields(cls)}
        own["values"] = tuple(own["values"])
        own["wanted"] = None if own["wanted"] is None else Wanted(*own["wanted"])
        return cls(**own)


def shown(value: float, unit: Unit) -> str:
    """Return a number with as many digits as say something."""
    if unit in ("images/s", "scenes/s"):
        return f"{value:,.0f}"
    if unit == "%":
        return f"{value:.2f}"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"
