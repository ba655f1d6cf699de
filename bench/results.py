"""What a benchmark finds: a figure with its n and range, and the figure that was wanted."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

Unit = Literal["x", "s", "%", "GiB", "images/s"]
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
    """One measured figure.

    Attributes:
        what: which figure, in words.
        value: median or mean of the measurements (``centre`` says which).
        unit: of value and range; ``"x"`` is a ratio.
        low, high: the smallest and the largest measurement.
        n: how many.
        centre: what ``value`` is.
        wanted: the figure to reach; None: reported only.
        judged: whether this run may be held against it (full size, real data).
        holds: False where something the figure presupposes did not come true: then it is missed.
        note: what else a reader has to know.
        more: other numbers of the run, by name.
    """

    what: str
    value: float
    unit: Unit
    low: float
    high: float
    n: int
    centre: Literal["median", "mean"] = "median"
    wanted: Wanted | None = None
    judged: bool = True
    holds: bool = True
    note: str = ""
    more: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        what: str,
        values: Sequence[float],
        unit: Unit,
        *,
        centre: Literal["median", "mean"] = "median",
        **others: Any,
    ) -> Result:
        """Return the result of one or more measurements; ``others`` are further attributes."""
        middle = statistics.median(values) if centre == "median" else statistics.fmean(values)
        return cls(what, middle, unit, min(values), max(values), len(values), centre, **others)

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
        return f"{shown(self.value, self.unit)} {self.unit}"

    @property
    def spread(self) -> str:
        """The range of the measurements."""
        return f"{shown(self.low, self.unit)} to {shown(self.high, self.unit)}"

    @property
    def aim(self) -> str:
        """The wanted figure with its unit; empty where none is."""
        if self.wanted is None:
            return ""
        return f"{self.wanted.sign} {self.wanted.limit:g} {self.unit}"

    @property
    def line(self) -> str:
        """All of it in one line."""
        aim = f"; wanted {self.aim}: {self.verdict}" if self.wanted else ""
        note = f" ({self.note})" if self.note else ""
        spread = f"{self.centre}, range {self.spread}, n={self.n}"
        return f"{self.what}: {self.measured} ({spread}{aim}){note}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain = asdict(self)
        plain["wanted"] = list(self.wanted) if self.wanted else None
        return {**plain, "verdict": self.verdict}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Result:
        """Return the result that `to_json` was called on."""
        settings = {name: value for name, value in plain.items() if name != "verdict"}
        if settings["wanted"] is not None:
            settings["wanted"] = Wanted(*settings["wanted"])
        return cls(**settings)


def shown(value: float, unit: Unit) -> str:
    """Return a number with as many digits as say something."""
    if unit == "images/s":
        return f"{value:,.0f}"
    if unit == "%":
        return f"{value:.2f}"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"
