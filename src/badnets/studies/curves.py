"""Lines through means over seeds, with their intervals and the single networks."""

from __future__ import annotations

from collections.abc import Sequence

from badnets.report.curves import Line
from badnets.report.page import Tone
from badnets.studies.aggregate import Over


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
