"""What a benchmark finds: a figure with its n and range, and the figure that was wanted."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, NamedTuple

Unit = Literal["x", "s", "%", "GiB", "images/s", "scenes/s"]
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
        unit: of the measurements; ``"x"`` is a ratio.
        centre: what stands for all of them.
        wanted: the figure to reach; None: reported only.
        judged: whether this run may be held against it (full size, real data).
        holds: False where something the figure presupposes did not come true: then it is missed.
        note: what else a reader has to know.
        more: other numbers of the run, by name.
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
        return f"{shown(self.value, self.unit)} {self.unit}"

    @property
    def spread(self) -> str:
        """The range of the measurements."""
        return f"{shown(min(self.values), self.unit)} to {shown(max(self.values), self.unit)}"

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
        spread = f"{self.centre}, range {self.spread}, n={len(self.values)}"
        return f"{self.what}: {self.measured} ({spread}{aim}){note}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, with what follows from them."""
        plain = asdict(self) | {"values": list(self.values)}
        plain["wanted"] = list(self.wanted) if self.wanted else None
        return {**plain, "value": self.value, "verdict": self.verdict}

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
