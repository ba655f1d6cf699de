"""Means over seeds as lines, with their intervals and the single networks, and as dots."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from badnets.report.charts import Dots, dots
from badnets.report.curves import Line
from badnets.report.page import Tone
from badnets.studies.aggregate import Over
from badnets.studies.outcomes import Outcome

LOOKS: tuple[tuple[Tone, str, bool], ...] = (
    ("clean", "o", False),
    ("clean", "^", True),
    ("plain", "s", True),
    ("muted", "v", True),
    ("plain", "x", False),
    ("clean", "p", True),
    ("muted", "+", False),
    ("plain", "*", True),
)  # of what was done, one after another


def curve(
    label: str,
    x: Sequence[float],
    measured: Sequence[Over],
    tone: Tone,
    *,
    band: bool = True,
    dots: bool = True,
    dashed: bool = False,
) -> Line:
    """Return a line through those means that are known, in per cent.

    Args:
        label: in the legend.
        x: positions.
        measured: one for each.
        tone: colour.
        band: whether intervals are drawn.
        dots: whether each network is drawn, where there are several.
        dashed: for lines to compare with.
    """
    known = [(place, one) for place, one in zip(x, measured, strict=True) if one]

    singles = [
        (place, 100 * rate.value)
        for place, one in known
        for rate in one.rates
        if dots and len(one.rates) > 1
    ]
    return Line(
        label,
        [place for place, _ in known],
        [100 * one.mean for _, one in known],
        tone,
        [100 * one.interval.low for _, one in known] if band else (),
        [100 * one.interval.high for _, one in known] if band else (),
        singles,
        dashed,
    )


def left_figure(
    kinds: Sequence[str],
    before: Mapping[str, Outcome],
    ways: Mapping[str, Mapping[str, Outcome]],
    called: Mapping[str, str],
    *,
    salt: str,
) -> str | None:
    """Return attack success of each kind, before and after; None: there is none.

    Args:
        kinds: of backdoors.
        before: outcomes whose `Outcome.before` is drawn, by kind.
        ways: what was done, and what came of it by kind, the most important first.
        called: names of the ways, where they have others.
        salt: unique on the page.
    """
    if not kinds or not ways:
        return None

    def means(found: Mapping[str, Outcome]) -> list[float | None]:
        own = (found[kind].success for kind in kinds)
        return [over.mean if over else None for over in own]

    series = [
        Dots(called.get(name, name), means(found), tone, marker, hollow)
        for (name, found), (tone, marker, hollow) in zip(
            ways.items(), itertools.cycle(LOOKS), strict=False
        )
    ]
    came = [over.mean if (over := before[kind].before) else None for kind in kinds]
    first = Dots("before", came, "backdoored", "D")
    return dots(kinds, [first, *series], x_title="attack success, %", salt=salt)
