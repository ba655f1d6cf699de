"""What a swept setting did: the one number in which trials differ, and the rates at each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from badnets.report.curves import lines
from badnets.studies.aggregate import Over
from badnets.studies.curves import curve
from badnets.studies.signs.objects import named_rightly, under_trigger

if TYPE_CHECKING:
    from badnets.trials.record import Record

MOST_TICKS = 8  # values that are all named below the axis
DECADES = 20  # from this ratio of the largest value to the smallest the axis is logarithmic
UNITS = {("size", int): ", pixels", ("size", float): ", share of the picture"}


def accuracy(records: Sequence[Record]) -> Over:
    """Return the clean accuracy of networks of several seeds; objects by the scenes they are in."""
    return named_rightly(records) or Over.of(records, "accuracy")


def success(records: Sequence[Record]) -> Over:
    """Return the attack success likewise."""
    return under_trigger(records, "hits", least=0) or Over.of(records, "success")


def control(records: Sequence[Record]) -> Over:
    """Return what a clean network does on the same triggered examples."""
    return under_trigger(records, "control_hits", least=0) or Over.of(records, "control")


class Point(NamedTuple):
    """What was measured at one value of the setting, of networks that learned something."""

    value: float
    clean: Over
    success: Over
    control: Over


class Sweep(NamedTuple):
    """A setting and what was measured at each of its values, the smallest first."""

    setting: str
    points: list[Point]

    def figure(self) -> str:
        """Return the rates against the setting, each network a circle."""
        x, clean, hits, held = map(list, zip(*self.points, strict=True))
        drawn = (
            curve("clean accuracy", x, clean, "clean"),
            curve("attack success (ASR)", x, hits, "backdoored"),
            curve("control", x, held, "muted", band=False, dots=False, dashed=True),
        )
        return lines(
            [line for line in drawn if line.x],
            x_title=self.setting,
            y_title="%",
            salt="sweep",
            log_x=x[0] > 0 and x[-1] >= DECADES * x[0],
            x_ticks=x if len(x) <= MOST_TICKS else (),
            y_range=(-3.0, 104.0),
        )


def sweep_of(swept: Mapping[str, Sequence[Any]], records: Sequence[Record]) -> Sweep | None:
    """Return the sweep that some trials are; None where they differ otherwise.

    Args:
        swept: settings that are not the same in all, by dotted path: the value of each record. The
            one that there is must be a number, and not pixels here and a share there.
        records: of the trials.
    """
    if len(swept) != 1:
        return None
    ((path, values),) = swept.items()
    found: dict[float, list[Record]] = {}
    for value, record in zip(values, records, strict=True):
        if value is not None:
            found.setdefault(value, []).append(record)
    kinds = {type(value) for value in found}
    if kinds not in ({int}, {float}):
        return None
    points = []
    for value, own in sorted(found.items()):
        learned = [one for one in own if one.outcome != "collapsed"]
        if learned:
            points.append(Point(value, accuracy(learned), success(learned), control(learned)))
    words = path.split(".")
    unit = UNITS.get((words[-1], kinds.pop()), "")
    return Sweep(" ".join(words[-2:]).replace("_", " ") + unit, points) if len(points) > 1 else None
